"""What works on any `keras.Model` works here: settings, targets, weights, feeds, callbacks, export, own networks.

Each test stands for something that users of Keras VAEs have run into.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops
from marks import slow
from small import noiseless_vae, small_autoencoder, small_decoder, small_encoder, small_vae

from vae_keras import VAE, Autoencoder, elbo, load_model, reconstruction_loss, train

both = pytest.mark.parametrize("build", [small_vae, small_autoencoder])


def compiled(model, optimizer="sgd", eager=True):
    model.compile(optimizer, jit_compile=False, run_eagerly=eager)
    return model


def frozen(model, eager=True):
    return compiled(model, keras.optimizers.SGD(0.0), eager)


def loss_of(model, x, **options):
    return model.evaluate(x, verbose=0, return_dict=True, **options)


# Settings act when they are set, and what is saved is what acts


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("beta", 3.0),
        ("sigma", 0.25),
        slow("reconstruction_weight", 0.5),
        slow("fixed_sigma", 0.25),
    ],
)
def test_a_setting_acts_from_the_next_step_on_and_is_saved(images, tmp_path, name, value):
    vae = frozen(noiseless_vae(seed=1), eager=False)
    before, trained = loss_of(vae, images), vae.fit(images, shuffle=False, verbose=0).history["loss"]
    assert trained == pytest.approx([before["loss"]], rel=1e-5)
    setattr(vae, name, value)
    after = loss_of(vae, images)
    factor = {"sigma": 16.0, "fixed_sigma": 16.0}.get(name, 1.0)
    reconstruction, kl = factor * before["reconstruction_loss"], before["kl_loss"]
    beta = value if name == "beta" else 1.0
    weight = value if name == "reconstruction_weight" else 1.0
    assert after["loss"] == pytest.approx(weight * reconstruction + beta * kl, rel=1e-5)
    assert vae.fit(images, shuffle=False, verbose=0).history["loss"] == pytest.approx([after["loss"]], rel=1e-5)
    vae.save(tmp_path / "vae.keras")
    again = load_model(tmp_path / "vae.keras")
    assert float(getattr(again, name)) == value
    assert loss_of(again, images)["loss"] == pytest.approx(after["loss"], rel=1e-6)


def test_a_setting_shows_itself_as_a_number():
    vae = small_vae(beta=0.3, sigma=0.7)
    assert (float(vae.beta), f"{vae.sigma:.2f}", repr(vae.beta)) == (0.3, "0.70", "0.3")
    assert vae.get_config()["beta"] == 0.3


def test_a_setting_out_of_its_range_is_refused_and_changes_nothing():
    vae = small_vae(beta=2.0)
    for name, value in (("beta", -1), ("beta", "2"), ("sigma", 0), ("reconstruction_weight", float("nan"))):
        with pytest.raises(ValueError, match=rf"{name} must be a number .* Received: {name}="):
            setattr(vae, name, value)
    assert float(vae.beta) == 2.0
    with pytest.raises(ValueError, match=r"beta must be a number, or a float32 variable .* beta=int32"):
        small_vae(beta=tf.Variable(1))
    with pytest.raises(ValueError, match="sigma is learned"):
        small_vae(sigma="learned").sigma = 0.5


def test_a_setting_is_set_from_its_own_value(images):
    vae = small_vae(beta=0.25)
    vae.beta += 0.5
    vae.beta = 2 * vae.beta
    vae.beta = min(1.25, vae.beta - 0.1)
    assert float(vae.beta) == 1.25
    vae.beta = np.float32(0.5)
    other = small_vae(beta=vae.beta)
    other.beta = 3.0
    assert float(vae.beta) == 0.5


def test_a_callback_anneals_beta(images):
    vae = frozen(noiseless_vae(beta=0.0, seed=1), eager=False)
    anneal = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: setattr(vae, "beta", epoch / 2))
    history = vae.fit(images, epochs=3, shuffle=False, verbose=0, callbacks=[anneal]).history
    kl, reconstruction = history["kl_loss"][0], history["reconstruction_loss"][0]
    assert kl > 0.01
    np.testing.assert_allclose(history["loss"], reconstruction + kl * np.array([0, 0.5, 1]), rtol=1e-5)


@pytest.mark.parametrize("kind", [keras.Variable, slow(tf.Variable)])
def test_a_variable_of_ones_own_acts_and_is_saved(images, tmp_path, kind):
    beta = kind(0.0)
    vae = frozen(noiseless_vae(beta=beta, seed=1), eager=False)
    losses = [loss_of(vae, images)]
    beta.assign(2.0)
    losses.append(loss_of(vae, images))
    assert losses[1]["loss"] - losses[0]["loss"] == pytest.approx(2 * losses[0]["kl_loss"], rel=1e-3)
    vae.save(tmp_path / "vae.keras")
    assert float(load_model(tmp_path / "vae.keras").beta) == 2.0


# Targets


@both
def test_images_as_y_are_what_is_to_be_drawn(images, build):
    model, dark = frozen(build()), np.zeros_like(images)
    drawn = np.sum((dark - model.reconstruct(images)) ** 2, axis=(1, 2, 3)).mean()
    expected = drawn if build is small_autoencoder else drawn / 2
    for feed in ((images, dark), (tf.data.Dataset.from_tensor_slices((images, dark)).batch(50),)):
        found = model.evaluate(*feed, verbose=0, return_dict=True)
        found = found.get("reconstruction_loss", found["loss"])
        assert found == pytest.approx(expected, rel=0.02)  # a VAE draws from a cloud
        assert found != pytest.approx(loss_of(model, images)["loss"], rel=0.02)


@both
@pytest.mark.parametrize("shape", [(-1,), slow((-1, 1))])
def test_class_numbers_as_y_change_nothing(images, labels, build, shape):
    model = frozen(build())
    assert model.evaluate(images, labels.reshape(shape), verbose=0) == model.evaluate(images, verbose=0)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["fit", "train", "train on a dataset"])
def test_denoising_comes_nearer_to_the_clean_image(digits, no_xla, how):
    clean = digits[0][0][:500]
    noisy = np.clip(clean + np.random.default_rng(0).normal(0, 0.3, clean.shape), 0, 1).astype("float32")
    keras.utils.set_random_seed(0)
    model = small_autoencoder(8)
    if how == "fit":
        compiled(model, keras.optimizers.Adam(1e-2), eager=False).fit(noisy, clean, epochs=30, verbose=0)
    elif how == "train":
        train(model, noisy, y=clean, epochs=30, batch_size=50, learning_rate=1e-2, verbose=False)
    else:
        pairs = tf.data.Dataset.from_tensor_slices((noisy, clean)).batch(50)
        train(model, pairs, epochs=30, learning_rate=1e-2, verbose=False)
    error = np.sum((model.reconstruct(noisy) - clean) ** 2, axis=(1, 2, 3)).mean()
    assert error < np.sum((noisy - clean) ** 2, axis=(1, 2, 3)).mean()


# Weights


@both
def test_a_weight_weighs_its_image(images, build):
    model = frozen(noiseless_vae() if build is small_vae else build())
    each = np.array([np.ravel(model.evaluate(images[i : i + 1], verbose=0))[0] for i in range(8)])
    weights = np.array([0, 1, 2, 0, 3, 1, 1, 0], "float32")
    expected = pytest.approx(np.mean(weights * each), rel=1e-5)
    x = images[:8]
    assert np.ravel(model.evaluate(x, sample_weight=weights, verbose=0))[0] == expected
    fitted = model.fit(x, sample_weight=weights, batch_size=4, shuffle=False, verbose=0)
    assert fitted.history["loss"][0] == expected
    labels, of_class = np.arange(8), {i: float(weight) for i, weight in enumerate(weights)}
    fitted = model.fit(x, labels, class_weight=of_class, batch_size=3, shuffle=False, verbose=0)
    assert fitted.history["loss"][0] == expected


@both
def test_an_image_of_weight_0_has_no_gradient(images, build):
    def after(x, **options):
        keras.utils.set_random_seed(0)
        model = compiled(build(), keras.optimizers.SGD(0.001))
        if build is small_vae:
            model = compiled(noiseless_vae(seed=1), keras.optimizers.SGD(0.001))
        model.train_on_batch(x, **options)
        return [weight.numpy() for weight in model.trainable_variables]

    two = after(images[:2], sample_weight=np.array([2.0, 0.0]))
    one = after(images[:1])
    for weight, expected in zip(two, one, strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-4, atol=1e-6)


# Feeds and optimizers of train


@pytest.mark.parametrize("kind", ["known length", "unknown length"])
def test_train_takes_a_dataset_as_it_is(images, no_xla, kind):
    dataset = tf.data.Dataset.from_tensor_slices(images).batch(50)
    dataset = dataset if kind == "known length" else dataset.filter(lambda x: True)
    vae, same = small_vae(seed=1), small_vae(seed=1)
    same.set_weights(vae.get_weights())
    train(vae, dataset, epochs=2, optimizer=keras.optimizers.SGD(0.01), verbose=False)
    compiled(same, keras.optimizers.SGD(0.01), eager=False)
    same.fit(images, batch_size=50, epochs=2, shuffle=False, verbose=0)
    for weight, expected in zip(vae.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-5, atol=1e-6)


def test_train_uses_an_optimizer_as_it_is(images, eager):
    vae, optimizer = small_vae(), keras.optimizers.SGD(0.01, momentum=0.9)
    train(vae, images, epochs=1, batch_size=65, optimizer=optimizer, verbose=False)
    assert vae.optimizer is optimizer
    assert int(optimizer.iterations) == 2
    assert float(optimizer.learning_rate) == pytest.approx(0.01)


def test_a_generator_and_a_short_one_feed_fit(images):
    vae = frozen(noiseless_vae())
    history = vae.fit(((images[i : i + 50],) for i in (0, 50, 100)), verbose=0).history
    assert history["loss"] == pytest.approx([loss_of(vae, images)["loss"]], rel=1e-5)


# Callbacks: every one that Keras ships


CALLBACKS = {
    "BackupAndRestore": lambda c, folder: c.BackupAndRestore(folder / "backup"),
    "CSVLogger": lambda c, folder: c.CSVLogger(folder / "log.csv"),
    "Callback": lambda c, folder: c.Callback(),
    "CallbackList": None,  # holds callbacks, and is none
    "EarlyStopping": lambda c, folder: c.EarlyStopping("loss", restore_best_weights=True),
    "History": lambda c, folder: c.History(),
    "LambdaCallback": lambda c, folder: c.LambdaCallback(on_epoch_end=lambda epoch, logs: None),
    "LearningRateScheduler": lambda c, folder: c.LearningRateScheduler(lambda epoch, rate: rate / 2),
    "ModelCheckpoint": lambda c, folder: c.ModelCheckpoint(folder / "best.keras", "loss", save_best_only=True),
    "OrbaxCheckpoint": None,  # needs a package of its own
    "ProgbarLogger": lambda c, folder: c.ProgbarLogger(),
    "ReduceLROnPlateau": lambda c, folder: c.ReduceLROnPlateau("loss", patience=1, min_delta=1e9),
    "RemoteMonitor": None,  # needs a server
    "SwapEMAWeights": None,  # needs an optimizer with use_ema: below
    "TensorBoard": lambda c, folder: c.TensorBoard(folder / "logs"),
    "TerminateOnNaN": lambda c, folder: c.TerminateOnNaN(),
}


def test_every_callback_of_keras_has_a_row():
    shipped = {name for name in dir(keras.callbacks) if isinstance(getattr(keras.callbacks, name), type)}
    assert shipped <= set(CALLBACKS)


@pytest.mark.parametrize(
    ("build", "how"),
    [
        (small_vae, "train"),
        slow(small_vae, "fit"),
        slow(small_autoencoder, "train"),
        slow(small_autoencoder, "fit"),
    ],
)
@pytest.mark.parametrize("name", [name for name, make in CALLBACKS.items() if make])
def test_a_callback_of_keras_serves_train_and_fit(images, eager, tmp_path, build, how, name):
    callback, model, x = CALLBACKS[name](keras.callbacks, tmp_path), build(), images[:64]
    if how == "train":
        history = train(model, x, epochs=3, batch_size=64, callbacks=callback, verbose=False)
    else:
        history = compiled(model).fit(x, epochs=3, batch_size=64, callbacks=[callback], verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    rate = float(model.optimizer.learning_rate)
    first = 3e-3 if how == "train" else 0.01
    if name == "LearningRateScheduler":
        assert rate == pytest.approx(first / 8)
    if name == "ReduceLROnPlateau":
        assert rate < first / 9
    if name == "ModelCheckpoint":
        assert load_model(tmp_path / "best.keras").sample(2).shape == (2, 28, 28, 1)


@both
def test_swapping_in_averaged_weights_serves_too(images, eager, build):
    optimizer = keras.optimizers.Adam(use_ema=True, ema_overwrite_frequency=None)
    swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
    history = train(build(), images, epochs=2, optimizer=optimizer, callbacks=swap, verbose=False)
    assert np.isfinite(history.history["loss"]).all()


def test_keras_own_backup_goes_on_with_the_same_noise(images, tmp_path):
    def run(callbacks, epochs):
        keras.utils.set_random_seed(0)
        vae = compiled(small_vae(seed=1), keras.optimizers.SGD(0.01), eager=False)
        vae.fit(images, batch_size=65, epochs=epochs, shuffle=False, callbacks=callbacks, verbose=0)
        return vae

    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    whole = run([], 4)
    with pytest.raises(KeyboardInterrupt):
        run([keras.callbacks.BackupAndRestore(tmp_path), Stop()], 4)
    again = run([keras.callbacks.BackupAndRestore(tmp_path)], 4)
    for weight, expected in zip(again.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)


# Export


@both
@pytest.mark.parametrize("when", ["loaded", slow("made"), slow("trained by fit"), slow("trained by train")])
def test_an_exported_model_predicts_the_same(images, no_xla, tmp_path, build, when):
    model = build()
    if when == "trained by fit":
        compiled(model).fit(images, verbose=0)
    if when in ("trained by train", "loaded"):
        train(model, images, epochs=1, verbose=False)
    if when == "loaded":
        model.save(tmp_path / "model.keras")
        model = load_model(tmp_path / "model.keras")
    model.export(tmp_path / "exported", verbose=False)
    saved = tf.saved_model.load(tmp_path / "exported")  # it holds the variables
    np.testing.assert_allclose(saved.serve(images[:9]), model.predict(images[:9], verbose=0), rtol=0, atol=1e-6)


@pytest.mark.slow
@both
def test_a_lite_model_predicts_the_same(images, tmp_path, build):
    model = build()
    model.export(tmp_path / "exported", verbose=False)
    lite = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "exported")).convert()
    interpreter = tf.lite.Interpreter(model_content=lite)
    place = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(place, [9, 28, 28, 1])
    interpreter.allocate_tensors()
    interpreter.set_tensor(place, images[:9])
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(found, model.predict(images[:9], verbose=0), rtol=0, atol=1e-6)


# Any Keras network as encoder or decoder


@keras.saving.register_keras_serializable("tests")
class OwnEncoder(layers.Layer):
    """A layer, and no model; it takes no `training`."""

    def __init__(self, form="tuple", **kwargs):
        super().__init__(**kwargs)
        self.form, self.flat = form, layers.Flatten()
        self.mean, self.log_var = layers.Dense(2), layers.Dense(2)

    def build(self, shape):
        self.flat.build(shape)
        for head in (self.mean, self.log_var):
            head.build((None, int(np.prod(shape[1:]))))

    def call(self, x):
        x = self.flat(x)
        mean, log_var = self.mean(x), self.log_var(x) - 3.0
        return {"tuple": (mean, log_var), "list": [mean, log_var],
                "dictionary": {"log_var": log_var, "mean": mean}}[self.form]  # fmt: skip

    def get_config(self):
        return {**super().get_config(), "form": self.form}


@pytest.mark.parametrize("form", ["tuple", "list", "dictionary"])
def test_a_layer_as_encoder_trains_saves_and_measures(images, eager, tmp_path, form):
    vae = VAE(OwnEncoder(form), small_decoder(), seed=1)
    mean, log_var = vae.encode(images)
    assert log_var.mean() < mean.mean() - 2  # each is what it is called
    train(vae, images, epochs=1, verbose=False)
    vae.save(tmp_path / "vae.keras")
    again = load_model(tmp_path / "vae.keras")
    np.testing.assert_array_equal(again.reconstruct(images), vae.reconstruct(images))
    assert np.isfinite(elbo(again, images))


def functional(outputs):
    x = keras.Input((28, 28, 1))
    flat = layers.Flatten()(x)
    return keras.Model(x, outputs(layers.Dense(2, name="a")(flat), layers.Dense(2, name="b")(flat)))


def test_a_functional_dictionary_is_read_by_its_names(images):
    encoder = functional(lambda a, b: {"log_var": b, "mean": a})
    vae = VAE(encoder, small_decoder())
    np.testing.assert_allclose(vae.encode(images)[0], encoder(images)["mean"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (lambda a, b: [a, b, a + b], r"encoder must map images .* to \(mean, log_var\).* Received: shapes"),
        (lambda a, b: {"z_mean": a, "z_log_var": b}, "encoder must be .* named mean and log_var. Received: z_mean"),
        (lambda a, b: a, r"encoder must map images .* Received: shapes \[\(1, 2\)\]"),
    ],
)
def test_what_is_no_pair_is_named_in_one_line(outputs, message):
    with pytest.raises(ValueError, match=message) as caught:
        VAE(functional(outputs), small_decoder())
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_encoder_of_two_inputs_is_refused_in_one_line():
    x, y = keras.Input((28, 28, 1)), keras.Input((10,))
    both_inputs = layers.Concatenate()([layers.Flatten()(x), y])
    encoder = keras.Model([x, y], [layers.Dense(2)(both_inputs), layers.Dense(2)(both_inputs)])
    with pytest.raises(ValueError, match=r"encoder must be a Keras model from \(batch, 28, 28, 1\)") as caught:
        VAE(encoder, small_decoder())
    assert "\n" not in str(caught.value)


# A decoder that gives pixels is found by what it gives


def ending_in(*last):
    return keras.Sequential([keras.Input((2,)), layers.Dense(30 * 30), layers.Reshape((30, 30, 1)), *last])


PIXELS = {
    "sigmoid, then Cropping2D": lambda: ending_in(layers.Activation("sigmoid"), layers.Cropping2D(1)),
    "sigmoid, then Resizing": lambda: ending_in(layers.Activation("sigmoid"), layers.Resizing(28, 28)),
    "ops.sigmoid": lambda: ending_in(layers.Cropping2D(1), layers.Lambda(ops.sigmoid)),
    "hard_sigmoid": lambda: ending_in(layers.Cropping2D(1), layers.Activation("hard_sigmoid")),
    "tanh": lambda: ending_in(layers.Cropping2D(1), layers.Activation("tanh")),
}


@pytest.mark.parametrize("name", PIXELS)
def test_a_decoder_that_gives_pixels_is_refused(name):
    with pytest.raises(ValueError, match=r"decoder must give logits.*leave out the last activation"):
        VAE(small_encoder(), PIXELS[name]())
    Autoencoder(small_encoder(("code",)), PIXELS[name]())  # pixels are what an autoencoder wants


@pytest.mark.parametrize("last", ["small", "sigmoid below", "relu"])
def test_a_right_decoder_is_not_refused(last):
    small = {"kernel_initializer": keras.initializers.RandomNormal(stddev=1e-3)}
    below = layers.Dense(16, activation="sigmoid" if last == "sigmoid below" else "tanh")
    options = {"bias_initializer": keras.initializers.Constant(0.5), **small}
    pixels = layers.Dense(784, activation="relu" if last == "relu" else None, **options)
    decoder = keras.Sequential([keras.Input((2,)), below, pixels, layers.Reshape((28, 28, 1))])
    assert VAE(small_encoder(), decoder).latent_dim == 2


def test_a_decoder_with_a_gate_gives_logits():
    z = keras.Input((2,))
    pixels, gate = layers.Dense(784)(z), layers.Dense(784, activation="sigmoid", name="the_last_layer")(z)
    decoder = keras.Model(z, layers.Reshape((28, 28, 1))(pixels * gate))
    assert VAE(small_encoder(), decoder).image_shape == (28, 28, 1)


def test_the_loss_of_logits_is_that_of_their_sigmoid(images):
    vae = noiseless_vae()
    expected = reconstruction_loss(images, vae.reconstruct(images))
    np.testing.assert_allclose(vae.loss_terms(images)[0], expected, rtol=1e-4)


# Subclasses, and what else newcomers tried


class WithHead(VAE):
    """A layer of its own, which Keras builds when a step first calls it, and a metric of its own."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.head = layers.Dense(3)
        self.seen = keras.metrics.Mean("seen")

    def loss_terms(self, x, y=None, training=False):
        reconstruction, kl = super().loss_terms(x, y, training)
        self.seen.update_state(1.0)
        return reconstruction, kl + ops.sum(self.head(self.encoder(x)[0]) ** 2, axis=-1)

    @property
    def metrics(self):
        return [*super().metrics, self.seen]


@pytest.mark.parametrize("how", ["fit", "train"])
def test_a_subclass_may_have_layers_and_metrics_of_its_own(images, eager, how):
    model = WithHead(small_encoder(), small_decoder())
    if how == "train":
        history = train(model, images, epochs=2, verbose=False)
    else:
        history = compiled(model, eager=False).fit(images, epochs=2, verbose=0)
    assert history.history["seen"] == [1.0, 1.0]
    assert len(model.head.weights) == 2


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_regularizers_of_half_precision_are_added_in_float32(images, policy):
    keras.config.set_dtype_policy(policy)
    try:
        encoder = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(),
                                    layers.Dense(2, activity_regularizer="l2", kernel_regularizer="l1")])  # fmt: skip
        model = compiled(Autoencoder(encoder, small_decoder(activation="sigmoid")))
        assert np.isfinite(model.train_on_batch(images))
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"y": np.zeros((5, 28, 28, 1), "float32")}, "x and y must be as many. Received: 130 and 5"),
        ({"validation_data": (np.zeros((4, 28, 28, 1), "float32"), np.zeros(3))}, "must be as many. Received: 4 and 3"),
        ({"validation_data": tf.data.Dataset.from_tensors(np.full((4, 28, 28, 1), 9.0))}, r"validation_data\[0\] must"),
    ],
)
def test_what_is_wrong_is_found_before_the_first_step(images, options, message):
    for call in (lambda model: train(model, images, verbose=False, **options),
                 lambda model: compiled(model).fit(images, verbose=0, **options)):  # fmt: skip
        model = small_vae()
        before = model.get_weights()
        with pytest.raises(ValueError, match=message):
            call(model)
        assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_a_model_that_cannot_be_saved_is_refused_before_the_first_step(images, tmp_path):
    class Unwritten(layers.Layer):
        def __init__(self, function, **kwargs):
            super().__init__(**kwargs)
            self.function, self.dense = function, layers.Dense(2)

        def call(self, x):
            return self.dense(self.function(x))

    model = Autoencoder(Unwritten(lambda x: ops.reshape(x, (-1, 784))), small_decoder(activation="sigmoid"))
    with pytest.raises(ValueError, match="save_as needs networks that can be saved: write their get_config") as caught:
        train(model, images, save_as=tmp_path / "model.keras", verbose=False)
    assert "\n" not in str(caught.value)


def test_validation_weights_weigh_without_targets(images):
    vae, weights = frozen(noiseless_vae()), np.zeros(len(images), "float32")
    history = vae.fit(images, validation_data=(images, None, weights), verbose=0).history
    assert history["val_loss"] == [0.0]
