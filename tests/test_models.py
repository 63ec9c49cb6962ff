import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from marks import slow
from small import (
    VAE_HEADS,
    constant_decoder,
    constant_encoder,
    noiseless_vae,
    small_autoencoder,
    small_decoder,
    small_encoder,
    small_vae,
)

from vae_keras import (
    VAE,
    Autoencoder,
    bernoulli_loss,
    elbo,
    kl_divergence,
    linear_path,
    make_autoencoder,
    make_vae,
    spherical_path,
    train,
)
from vae_keras import reconstruction_loss as squared_loss
from vae_keras.support.noise import NoiseSeed

BUILD = {"autoencoder": small_autoencoder, "vae": small_vae}
both_models = pytest.mark.parametrize("kind", BUILD)
the_vae_first = pytest.mark.parametrize("kind", ["vae", slow("autoencoder")])
TERMS = ["loss", "reconstruction_loss", "kl_loss"]


def compiled(model, optimizer="sgd", eager=True):
    """The model, compiled. Eager by default: tracing a graph takes longer than what most tests run."""
    model.compile(optimizer, jit_compile=False, run_eagerly=eager)
    return model


def frozen(model, eager=True):
    """The model, compiled so that training leaves it as it is."""
    return compiled(model, keras.optimizers.SGD(0.0), eager)


def weights_of(model):
    return [weight.numpy().copy() for weight in model.trainable_variables]


def same(weights, others):
    return all(np.array_equal(a, b) for a, b in zip(weights, others, strict=True))


def with_two_outliers(images):
    """Two white images at the end: the short batch of 2 has a loss of its own."""
    return np.concatenate([images[:-2], np.ones_like(images[-2:])])


# The objective, in nats per image


def test_the_vaes_terms_are_sums_over_pixels_and_latents(images):
    vae = VAE(constant_encoder(mean=2.0, log_var=0.0, latent_dim=3), constant_decoder(latent_dim=3))
    reconstruction, kl = vae.loss_terms(images)
    np.testing.assert_allclose(kl, np.full(len(images), 3 * 2.0), rtol=1e-5)
    np.testing.assert_allclose(reconstruction, np.sum((images - 0.5) ** 2, axis=(1, 2, 3)) / 2, rtol=1e-5)


def test_the_vaes_terms_are_those_of_its_draw(images):
    vae = small_vae(sigma=0.5)
    mean, log_var = vae.encoder(images)
    with vae.sampling.seed_generator.at(2):
        z = vae.sampling((mean, log_var))
    with vae.sampling.seed_generator.at(2):
        reconstruction, kl = vae.loss_terms(images)
    np.testing.assert_allclose(reconstruction, squared_loss(images, vae.decode(z), sigma=0.5), rtol=1e-5)
    np.testing.assert_allclose(kl, kl_divergence(mean, log_var), rtol=1e-6)


def test_the_bernoulli_vae_uses_cross_entropy_from_logits(images):
    vae = small_vae(likelihood="bernoulli")
    z = np.zeros((len(images), 2), "float32")
    expected = bernoulli_loss(images, vae.decoder(z))
    np.testing.assert_allclose(vae.reconstruction(images, z), expected, rtol=1e-6)


def test_the_bernoulli_vaes_gradient_survives_a_confident_mistake():
    vae = VAE(constant_encoder(), constant_decoder(logit=-17.0), likelihood="bernoulli")
    white = np.ones((1, 28, 28, 1), "float32")
    with tf.GradientTape() as tape:
        loss = vae.reconstruction(white, np.zeros((1, 2), "float32"))
    by_logit = tape.gradient(loss, vae.decoder.layers[1].bias)
    np.testing.assert_allclose(by_logit, np.full(784, -1.0), atol=1e-6)


@pytest.mark.parametrize(("beta", "reconstruction_weight"), [(1.0, 1.0), (0.0, 1.0), (1.0, 0.0), (0.3, 2.0)])
def test_the_vaes_loss_is_the_weighted_sum_of_its_terms(images, beta, reconstruction_weight):
    vae = frozen(small_vae(beta=beta, reconstruction_weight=reconstruction_weight))
    for loss, reconstruction, kl in (vae.train_on_batch(images), vae.evaluate(images, verbose=0)):
        assert reconstruction > 1
        assert kl > 0
        assert loss == pytest.approx(reconstruction_weight * reconstruction + beta * kl, rel=1e-5)


def test_the_autoencoders_loss_is_the_squared_distance_per_image(images):
    autoencoder = frozen(small_autoencoder())
    squared_distance = np.sum((images - autoencoder.reconstruct(images)) ** 2, axis=(1, 2, 3))
    assert autoencoder.evaluate(images, verbose=0) == pytest.approx(squared_distance.mean(), rel=1e-5)


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_a_training_step_is_a_gradient_step_on_the_objective(images, likelihood):
    vae = compiled(
        small_vae(likelihood=likelihood, sigma=0.5, beta=3.0, reconstruction_weight=0.5, seed=7),
        keras.optimizers.SGD(0.01),
    )
    before = weights_of(vae)
    with tf.GradientTape() as tape:  # by hand, with the noise of step 0
        mean, log_var = vae.encoder(images)
        epsilon = tf.random.stateless_normal(mean.shape, (7, 0))
        logits = vae.decoder(mean + tf.exp(log_var / 2) * epsilon)
        if likelihood == "bernoulli":
            terms = tf.nn.sigmoid_cross_entropy_with_logits(labels=images, logits=logits)
        else:
            terms = (images - tf.sigmoid(logits)) ** 2 / (2 * 0.5**2)
        kl = 0.5 * tf.reduce_sum(mean**2 + tf.exp(log_var) - 1 - log_var, axis=1)
        objective = tf.reduce_mean(0.5 * tf.reduce_sum(terms, axis=(1, 2, 3)) + 3.0 * kl)
    gradients = tape.gradient(objective, vae.trainable_variables)
    vae.train_on_batch(images)
    for weight, old, gradient in zip(vae.trainable_variables, before, gradients, strict=True):
        np.testing.assert_allclose(weight.numpy(), old - 0.01 * gradient, rtol=1e-4, atol=1e-5)


def test_an_autoencoders_training_step_is_a_gradient_step_on_the_objective(images):
    autoencoder = compiled(small_autoencoder(), keras.optimizers.SGD(0.001))
    before = weights_of(autoencoder)
    with tf.GradientTape() as tape:
        x_hat = autoencoder.decoder(autoencoder.encoder(images))
        objective = tf.reduce_mean(tf.reduce_sum((images - x_hat) ** 2, axis=(1, 2, 3)))
    gradients = tape.gradient(objective, autoencoder.trainable_variables)
    autoencoder.train_on_batch(images)
    for weight, old, gradient in zip(autoencoder.trainable_variables, before, gradients, strict=True):
        np.testing.assert_allclose(weight.numpy(), old - 0.001 * gradient, rtol=1e-4, atol=1e-5)


@both_models
def test_regularizers_of_the_networks_are_trained_for(images, kind):
    def change(strength):
        keras.utils.set_random_seed(0)
        heads = VAE_HEADS if kind == "vae" else ("code",)
        encoder = small_encoder(heads, kernel_regularizer=keras.regularizers.L2(strength))
        decoder = small_decoder(activation=None if kind == "vae" else "sigmoid")
        model = VAE(encoder, decoder, seed=0) if kind == "vae" else Autoencoder(encoder, decoder)
        compiled(model, keras.optimizers.SGD(0.001))
        kernel = encoder.layers[2].kernel.numpy()
        model.train_on_batch(images)
        return kernel, encoder.layers[2].kernel.numpy() - kernel

    kernel, without = change(0.0)
    _, with_penalty = change(5.0)
    np.testing.assert_allclose(with_penalty - without, -0.001 * 2 * 5.0 * kernel, rtol=1e-3, atol=1e-6)


@the_vae_first
def test_training_lowers_the_loss_on_held_out_images(digits, kind):
    (x_train, _), (x_test, _) = digits
    model = compiled(BUILD[kind](), keras.optimizers.Adam(1e-2), eager=False)
    untrained = np.ravel(model.evaluate(x_test, verbose=0))[0]
    model.fit(x_train, batch_size=100, epochs=3, verbose=0)
    assert np.ravel(model.evaluate(x_test, verbose=0))[0] < untrained / 2


# Metrics are means over images, also where the last batch is short, and over the epoch


def test_a_short_last_batch_of_a_vae_weighs_what_it_should(images):
    x, vae = with_two_outliers(images), frozen(noiseless_vae())
    mean, log_var = vae.encode(x)
    reconstruction, kl = squared_loss(x, vae.decode(mean)).numpy(), kl_divergence(mean, log_var).numpy()
    assert reconstruction[-2:].mean() > 1.2 * reconstruction.mean()
    expected = [np.mean(reconstruction + kl), reconstruction.mean(), kl.mean()]
    np.testing.assert_allclose(vae.evaluate(x, batch_size=64, verbose=0), expected, rtol=1e-5)
    history = vae.fit(x, batch_size=64, shuffle=False, verbose=0).history
    np.testing.assert_allclose([history[name][0] for name in TERMS], expected, rtol=1e-5)


def test_a_short_last_batch_of_an_autoencoder_weighs_what_it_should(images):
    x, autoencoder = with_two_outliers(images), frozen(small_autoencoder())
    squared_distance = np.sum((x - autoencoder.reconstruct(x)) ** 2, axis=(1, 2, 3))
    assert squared_distance[-2:].mean() > 1.2 * squared_distance.mean()
    expected = pytest.approx(squared_distance.mean(), rel=1e-5)
    assert autoencoder.evaluate(x, batch_size=64, verbose=0) == expected
    assert autoencoder.fit(x, batch_size=64, shuffle=False, verbose=0).history["loss"] == [expected]


@both_models
def test_the_keys_of_a_step_are_the_names_of_the_metrics(images, kind):
    model = compiled(BUILD[kind]())
    names = [metric.name for metric in model.metrics]
    assert names == (TERMS if kind == "vae" else ["loss"])
    assert set(model.train_on_batch(images, return_dict=True)) == set(names)
    assert set(model.test_on_batch(images, return_dict=True)) == set(names)
    assert set(model.evaluate(images, verbose=0, return_dict=True)) == set(names)


@both_models
def test_the_epochs_logs_are_the_epochs_mean(images, kind):
    x, model = with_two_outliers(images), frozen(noiseless_vae() if kind == "vae" else small_autoencoder())
    history = model.fit(x, batch_size=50, epochs=2, shuffle=False, verbose=0, validation_data=x).history
    batches = [model.evaluate(x[i : i + 50], verbose=0, return_dict=True) for i in range(0, len(x), 50)]
    for name in TERMS if kind == "vae" else ["loss"]:
        values = [batch[name] for batch in batches]
        mean = np.average(values, weights=[50, 50, 30])
        assert history[name] == pytest.approx([mean] * 2, rel=1e-5)
        assert history["val_" + name] == pytest.approx([mean] * 2, rel=1e-5)
        assert values[-1] != pytest.approx(mean, rel=1e-3)


# What one expects of a Keras model


class Batches(keras.utils.PyDataset):
    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y

    def __len__(self):
        return 2

    def __getitem__(self, i):
        return self.x[65 * i : 65 * (i + 1)], self.y[65 * i : 65 * (i + 1)]


slices = tf.data.Dataset.from_tensor_slices
FEEDS = {
    "array": lambda x, y: (x,),
    "array and labels": lambda x, y: (x, y),
    "tensor": lambda x, y: (tf.constant(x),),
    "dataset": lambda x, y: (slices(x).batch(64),),
    "dataset of tuples": lambda x, y: (slices((x, y)).batch(64),),
    "dataset of fixed batches": lambda x, y: (slices(x).batch(65, drop_remainder=True),),
    "PyDataset": lambda x, y: (Batches(x, y),),
}


@the_vae_first
@pytest.mark.parametrize(
    ("network", "feed"), [("dense", feed) for feed in FEEDS] + [("conv", "dataset of fixed batches")]
)
def test_fit_evaluate_and_predict_take_whatever_holds_images(images, labels, kind, network, feed):
    model = frozen(BUILD[kind](network=network), eager="dataset" not in feed)  # whose shapes a graph must know
    if kind == "vae":  # no noise in z, so that all answers agree
        log_var = model.encoder.get_layer("log_var")
        log_var.set_weights([0 * log_var.kernel.numpy(), 0 * log_var.bias.numpy() - 80])
    x_hat = model.reconstruct(images)
    expected = np.sum((images - x_hat) ** 2, axis=(1, 2, 3)).mean() / (2 if kind == "vae" else 1)
    term = "reconstruction_loss" if kind == "vae" else "loss"
    fed = FEEDS[feed](images, labels)
    assert model.fit(*fed, verbose=0).history[term] == [pytest.approx(expected, rel=1e-5)]
    assert model.evaluate(*fed, verbose=0, return_dict=True)[term] == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(model.predict(fed[0], verbose=0), x_hat, atol=1e-5)


@both_models
def test_evaluate_does_not_answer_zero(images, kind):
    assert np.all(np.ravel(compiled(BUILD[kind]()).evaluate(images, verbose=0)) > 0)


@the_vae_first
def test_validation_data_are_evaluated(images, labels, kind):
    model = frozen(BUILD[kind]())
    for validation_data in (images, (images, labels), tf.data.Dataset.from_tensor_slices(images).batch(64)):
        history = model.fit(images, validation_data=validation_data, verbose=0).history
        assert history["val_loss"][0] == pytest.approx(history["loss"][0], rel=0.02)  # noise apart


@the_vae_first
def test_training_by_single_batches_learns(images, kind):
    model = compiled(BUILD[kind](), keras.optimizers.Adam(1e-2))
    losses = [np.ravel(model.train_on_batch(images))[0] for _ in range(20)]
    model.reset_metrics()
    assert np.ravel(model.test_on_batch(images))[0] < losses[0] / 2


def test_calling_a_model_reconstructs_through_the_mean(images):
    vae, autoencoder = small_vae(), small_autoencoder()
    np.testing.assert_allclose(vae(images), vae.decode(vae.encode(images)[0]), atol=1e-6)
    np.testing.assert_allclose(autoencoder(images), autoencoder.decode(autoencoder.encode(images)), atol=1e-6)


@pytest.mark.parametrize("network", ["dense", "conv"])
@pytest.mark.parametrize("make", [make_autoencoder, make_vae])
def test_made_models_have_the_latent_dimension_and_network_asked_for(images, make, network):
    model = make(latent_dim=3, network=network)
    codes = model.encode(images[:2])
    for code in codes if make is make_vae else [codes]:
        assert code.shape == (2, 3)
    assert model.reconstruct(images[:2]).shape == (2, 28, 28, 1)
    kinds = {type(layer).__name__ for layer in model.encoder.layers}
    assert ("Conv2D" in kinds) == (network == "conv")


def test_made_vaes_pass_their_options_on():
    vae = make_vae(likelihood="bernoulli", sigma=0.5, beta=2.0, reconstruction_weight=0.1, seed=3, name="mine")
    options = (vae.likelihood, vae.sigma, vae.beta, vae.reconstruction_weight, vae.seed, vae.name)
    assert options == ("bernoulli", 0.5, 2.0, 0.1, 3, "mine")


# Coding, decoding, sampling


@both_models
def test_images_and_codes_are_numpy_arrays_in_range(images, kind):
    model = BUILD[kind]()
    decoded = model.decode(np.random.default_rng(0).normal(0, 100, (5, 2)))
    for array in (decoded, model.reconstruct(images), model.interpolate(images[0], images[1])):
        assert isinstance(array, np.ndarray)
        assert array.dtype == np.float32
        assert array.shape[1:] == (28, 28, 1)
        assert 0 <= array.min() <= array.max() <= 1


def test_an_autoencoder_decodes_into_the_range_whatever_its_decoder(images):
    unbounded = Autoencoder(small_encoder(("code",)), small_decoder(activation=None))
    decoded = unbounded.decode(np.random.default_rng(0).normal(0, 100, (50, 2)))
    assert (decoded.min(), decoded.max()) == (0, 1)


@both_models
def test_many_images_are_coded_as_a_few_are(digits, kind):
    x = np.tile(digits[0][0], (2, 1, 1, 1))  # 3,000: more than one piece
    model = BUILD[kind]()
    np.testing.assert_allclose(model.reconstruct(x)[-5:], model.reconstruct(x[-5:]), atol=1e-5)
    assert len(model.reconstruct(x)) == len(x)


def test_the_vae_samples_by_decoding_draws_from_the_prior():
    vae = VAE(
        constant_encoder(latent_dim=784), keras.Sequential([keras.Input((784,)), keras.layers.Reshape((28, 28, 1))])
    )
    pixels = vae.sample(200, seed=1)  # this decoder shows z itself: x̂ = sigmoid(z)
    z = np.log(pixels / (1 - pixels)).astype("float64")
    assert abs(z.mean()) < 5 / np.sqrt(z.size)
    assert abs(z.var() - 1) < 5 * np.sqrt(2 / z.size)


def test_the_autoencoder_samples_inside_the_box_of_its_training_codes(images):
    autoencoder = frozen(small_autoencoder(latent_dim=2))
    autoencoder.fit(images, verbose=0)
    codes, decoded = autoencoder.encode(images), []
    np.testing.assert_allclose(
        autoencoder.code_box.numpy(), [codes.min(axis=0), codes.max(axis=0)], rtol=1e-4, atol=1e-5
    )
    autoencoder.decode = lambda z: decoded.append(np.array(z))
    autoencoder.sample(2000, seed=1)
    low, high = autoencoder.code_box.numpy()
    shares = (decoded[0] - low) / (high - low)  # uniform on [0, 1]
    assert 0 <= shares.min() <= shares.max() <= 1
    assert np.all(np.abs(shares.mean(axis=0) - 0.5) < 5 / np.sqrt(12 * 2000))
    assert np.all(np.abs(shares.var(axis=0) - 1 / 12) < 5 / np.sqrt(180 * 2000))


def test_an_autoencoder_that_was_not_trained_does_not_sample():
    with pytest.raises(RuntimeError, match="call fit first"):
        small_autoencoder().sample(3)


@both_models
def test_samples_repeat_with_their_seed(images, kind):
    model = frozen(BUILD[kind]())
    model.fit(images, verbose=0)
    first = model.sample(3, seed=1)
    assert first.shape == (3, 28, 28, 1)
    np.testing.assert_array_equal(model.sample(3, seed=1), first)
    assert not np.array_equal(model.sample(3, seed=2), first)
    assert not np.array_equal(model.sample(3), model.sample(3))


@both_models
@pytest.mark.parametrize("path", ["linear", "spherical"])
def test_interpolation_runs_from_one_reconstruction_to_the_other(images, kind, path):
    model = BUILD[kind]()
    steps = model.interpolate(images[0], images[1:2], steps=5, path=path)
    assert steps.shape == (5, 28, 28, 1)
    np.testing.assert_allclose(steps[[0, -1]], model.reconstruct(images[:2]), atol=1e-6)


@pytest.mark.parametrize("make", [make_autoencoder, make_vae])
def test_models_have_two_latent_dimensions_unless_told(make):
    assert make().latent_dim == 2


def test_a_path_has_nine_images_unless_told(trained_vae, images):
    assert len(trained_vae.interpolate(images[0], images[1])) == 9


def test_interpolation_decodes_the_path_asked_for(trained_vae, images):
    ends = trained_vae.encode(images[:2])[0]
    for path, codes in (("linear", linear_path(*ends, 7)), ("spherical", spherical_path(*ends, 7))):
        steps = trained_vae.interpolate(images[0], images[1], steps=7, path=path)
        np.testing.assert_allclose(steps, trained_vae.decode(codes), atol=1e-5)
    assert np.abs(codes - linear_path(*ends, 7)).max() > 0.01  # the two paths are not one


# The noise of a run derives from (seed, step)


def noisy_run(seed, between=lambda vae: None, x=None):
    keras.utils.set_random_seed(0)
    vae = compiled(small_vae(seed=seed), keras.optimizers.SGD(0.01))
    for _ in range(2):
        vae.fit(x, batch_size=65, shuffle=False, verbose=0)
        between(vae)
    return weights_of(vae)


def test_the_same_seed_gives_the_same_weights_bit_for_bit_and_another_does_not(images):
    weights = noisy_run(1, x=images)
    assert same(weights, noisy_run(1, x=images))
    assert not any(np.array_equal(a, b) for a, b in zip(weights, noisy_run(2, x=images), strict=True))


def test_what_is_done_between_two_fits_changes_nothing(images):
    def look_around(vae):
        vae.evaluate(images, verbose=0)
        vae.predict(images, verbose=0)
        vae.sample(3)
        vae.encode(images)
        vae.loss_terms(images)
        elbo(vae, images)

    assert same(noisy_run(1, x=images), noisy_run(1, look_around, x=images))


def test_every_training_step_has_noise_of_its_own(images):
    vae = frozen(small_vae(seed=1))
    losses = [
        vae.fit(images, batch_size=130, verbose=0, shuffle=False).history["reconstruction_loss"][0] for _ in range(3)
    ]
    assert len(set(losses)) == 3


def test_every_image_of_a_batch_has_noise_of_its_own(images):
    reconstruction, _ = small_vae().loss_terms(np.repeat(images[:1], 10, axis=0))
    assert len(np.unique(reconstruction)) == 10


def test_every_batch_of_an_evaluation_has_noise_of_its_own(images):
    vae = frozen(VAE(constant_encoder(), small_decoder()))
    one_image = np.repeat(images[:1], 10, axis=0)
    ten_in_one = vae.evaluate(one_image, verbose=0)[1]
    ten_alone = vae.evaluate(one_image, batch_size=1, verbose=0)[1]
    first = vae.evaluate(one_image[:1], verbose=0)[1]
    assert ten_alone != pytest.approx(first, rel=1e-5)
    assert ten_in_one != pytest.approx(first, rel=1e-5)


def test_an_evaluation_does_not_draw_the_noise_of_the_first_step(images):
    vae = frozen(small_vae(seed=1, sigma=0.1))
    tested = vae.evaluate(images[:64], batch_size=64, verbose=0, return_dict=True)
    trained = vae.fit(images[:64], batch_size=64, shuffle=False, verbose=0).history
    assert tested["kl_loss"] == pytest.approx(trained["kl_loss"][0])
    assert tested["reconstruction_loss"] != pytest.approx(trained["reconstruction_loss"][0], rel=1e-5)


def test_no_evaluation_draws_the_noise_of_a_training_step(images, monkeypatch):
    counters, at = [], NoiseSeed.at
    monkeypatch.setattr(NoiseSeed, "at", lambda noise, n: counters.append(int(n)) or at(noise, n))
    vae = frozen(small_vae())
    vae.evaluate(images[:8], batch_size=2, verbose=0)
    of_evaluation = set(counters)
    counters.clear()
    vae.fit(images[:8], batch_size=2, verbose=0)
    assert of_evaluation == {-1, -2, -3, -4}
    assert counters == [0, 1, 2, 3]


def test_each_micro_batch_of_an_accumulated_gradient_has_noise_of_its_own(images):
    vae = compiled(small_vae(seed=1), keras.optimizers.SGD(0.0, gradient_accumulation_steps=4))
    x = np.repeat(images[:1], 8, axis=0)
    losses = [vae.train_on_batch(x[:1], return_dict=True)["reconstruction_loss"]]
    noise = vae.sampling.seed_generator
    vae.fit(x, batch_size=1, verbose=0)
    assert int(noise.state[1]) == 9
    draws = []
    for step in range(8):
        with noise.at(step):
            draws.append(float(vae.loss_terms(x[:1])[0][0]))
    assert len(set(draws)) == 8
    assert losses[0] == pytest.approx(draws[0], rel=1e-5)


def test_evaluation_repeats_itself_and_has_noise(images):
    vae = frozen(small_vae(seed=1))
    through_the_mean = squared_loss(images, vae.reconstruct(images)).numpy().mean()
    first = vae.evaluate(images, verbose=0)
    assert vae.evaluate(images, verbose=0) == first
    assert first[1] != pytest.approx(through_the_mean, rel=1e-4)


def test_dropout_acts_in_training_alone(images):
    dense = keras.layers.Dense(16, "gelu", bias_initializer="random_normal")
    last = [keras.layers.Dropout(0.5), keras.layers.Dense(784), keras.layers.Reshape((28, 28, 1))]
    vae = frozen(VAE(constant_encoder(log_var=-80), keras.Sequential([keras.Input((2,)), dense, *last])))
    reconstruction = squared_loss(images, vae.reconstruct(images)).numpy()
    np.testing.assert_allclose(vae.loss_terms(images)[0], reconstruction, rtol=1e-5)
    np.testing.assert_allclose(vae.reconstruction(images, vae.encode(images)[0]), reconstruction, rtol=1e-5)
    assert vae.evaluate(images, verbose=0)[1] == pytest.approx(reconstruction.mean(), rel=1e-5)
    assert vae.train_on_batch(images)[1] != pytest.approx(reconstruction.mean(), rel=1e-5)


def test_without_a_seed_set_random_seed_decides():
    def drawn_seed(run):
        keras.utils.set_random_seed(run)
        return small_vae().seed

    assert drawn_seed(1) == drawn_seed(1)
    assert drawn_seed(1) != drawn_seed(2)
    keras.utils.set_random_seed(1)
    encoder, decoder = small_encoder(), small_decoder()
    seeds = [VAE(encoder, decoder).seed for _ in range(20)]
    assert len(set(seeds)) == 20
    assert 1e6 < max(seeds) < 2**31  # of a range so large that no two students of a class draw the same


# Mixed precision


@pytest.fixture
def policy():
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy("float32")


@both_models
@pytest.mark.parametrize("half", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_takes_steps_of_the_same_size(images, policy, kind, half):
    steps = {}
    for name in ("float32", half):
        policy(name)
        keras.utils.set_random_seed(0)
        model = BUILD[kind](**({"seed": 1} if kind == "vae" else {}))
        compiled(model, keras.optimizers.SGD(0.01))
        before = weights_of(model)
        model.train_on_batch(images)
        steps[name] = np.concatenate([np.ravel(w - old) for w, old in zip(weights_of(model), before, strict=True)])
    error = np.linalg.norm(steps[half] - steps["float32"]) / np.linalg.norm(steps["float32"])
    assert error < 0.05


def half_precision_optimizer(optimizer, policy, scale=64):
    """From Keras' own first scale, 2**15, the gradients of sums over 784 pixels overflow for the first few steps."""
    return keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=scale) if policy == FLOAT16 else optimizer


FLOAT16, BFLOAT16 = "mixed_float16", "mixed_bfloat16"
MODELS = {
    "autoencoder": lambda network: small_autoencoder(8, network),
    "gaussian": lambda network: small_vae(8, network, seed=1),
    "bernoulli": lambda network: small_vae(8, network, seed=1, likelihood="bernoulli"),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "network", "by_train"),
    [
        ("autoencoder", "conv", True),
        ("gaussian", "dense", True),
        ("bernoulli", "conv", False),
        ("autoencoder", "dense", False),
    ],
)
def test_mixed_precision_trains_to_the_loss_of_float32(digits, policy, kind, network, by_train):
    x, losses = digits[0][0], {}
    for name in ("float32", FLOAT16, BFLOAT16):
        policy(name)
        keras.utils.set_random_seed(0)
        model = MODELS[kind](network)
        if by_train:
            history = train(model, x, epochs=2, batch_size=30, seed=0, verbose=False).history
        else:
            compiled(model, half_precision_optimizer(keras.optimizers.Adam(2e-3), name), eager=False)
            history = model.fit(x, batch_size=30, epochs=2, verbose=0).history
        losses[name] = history["loss"][-1]
    assert losses[FLOAT16] == pytest.approx(losses["float32"], rel=0.02)
    assert losses[BFLOAT16] == pytest.approx(losses["float32"], rel=0.02)


EXTREMES = {
    "columns of zeros": lambda x: x * (np.arange(28) < 14)[:, None],
    "all zeros": lambda x: 0 * x,
    "all ones": lambda x: 0 * x + 1,
}
in_every_precision = pytest.mark.parametrize("name", ["float32", FLOAT16, BFLOAT16])
of_both_likelihoods = pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])


def assert_a_step_is_finite(model, x, name):
    compiled(model, half_precision_optimizer(keras.optimizers.SGD(1e-5), name, scale=1.0))
    before = weights_of(model)
    assert np.isfinite(model.train_on_batch(x)).all()
    assert model.optimizer.iterations == 1  # in float16 a step is left out where a gradient is not finite
    assert all(np.isfinite(weight).all() for weight in weights_of(model))
    assert not same(weights_of(model), before)


@in_every_precision
@of_both_likelihoods
@pytest.mark.parametrize("log_var", [-100.0, 100.0])
def test_loss_and_gradients_are_finite_at_an_extreme_log_var(images, policy, name, likelihood, log_var):
    policy(name)
    vae = VAE(constant_encoder(log_var=log_var), small_decoder(), likelihood=likelihood, seed=1)
    assert_a_step_is_finite(vae, images, name)


@in_every_precision
@of_both_likelihoods
@pytest.mark.parametrize("what", EXTREMES)
def test_loss_and_gradients_are_finite_on_extreme_images(images, policy, name, likelihood, what):
    policy(name)
    assert_a_step_is_finite(small_vae(likelihood=likelihood, seed=1), EXTREMES[what](images), name)


@in_every_precision
@pytest.mark.parametrize("what", EXTREMES)
def test_an_autoencoders_loss_and_gradients_are_finite_on_extreme_images(images, policy, name, what):
    policy(name)
    assert_a_step_is_finite(small_autoencoder(), EXTREMES[what](images), name)


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_mixed_precision_keeps_its_losses_in_float32(images, policy, likelihood):
    losses = {}
    for name in ("float32", "mixed_float16"):
        policy(name)
        keras.utils.set_random_seed(0)
        vae = small_vae(likelihood=likelihood, seed=1)
        with vae.sampling.seed_generator.at(0):
            terms = vae.loss_terms(images)
        assert [term.dtype for term in terms] == ["float32"] * 2
        assert vae.decode(np.zeros((1, 2))).dtype == np.float32
        assert vae.sampling(vae.encoder(images)).dtype == "float32"
        losses[name] = [float(np.mean(term)) for term in terms]
    assert losses["mixed_float16"] == pytest.approx(losses["float32"], rel=0.01)


def test_noise_goes_on_under_loss_scaling(images, policy):
    policy("mixed_float16")
    vae = frozen(small_vae(seed=1))
    losses = {vae.fit(images, batch_size=130, verbose=0).history["reconstruction_loss"][0] for _ in range(3)}
    assert len(losses) == 3


@pytest.mark.slow
def test_a_silent_fit_prints_nothing(images, capsys):
    for build in BUILD.values():
        model = build()
        model.compile("adam", jit_compile=False)
        model.fit(images, verbose=0)
    assert capsys.readouterr().out == ""


# What `summary` shows


def summary_rows(model, **options):
    """Name → (output shape, number of parameters), and the lines below the table."""
    lines = []
    model.summary(print_fn=lines.append, **options)
    cells = [line.split("│") for line in "\n".join(lines).splitlines() if line.startswith("│")]
    rows = {re.sub(r"(_\d+)? \(.*", "", name).strip(" └"): (shape.strip(), n.strip()) for _, name, shape, n, _ in cells}
    return rows, "\n".join(lines)


def test_a_summary_shows_encoder_sample_and_decoder_with_shapes_and_parameters():
    rows, text = summary_rows(make_vae(3))
    assert rows["encoder"] == ("((None, 3), (None, 3))", "550,086")
    assert rows["sampling"][0] == "(None, 3)"
    assert rows["decoder"] == ("(None, 28, 28, 1)", "550,672")
    assert "Total params: 1,100,758" in text
    rows, _ = summary_rows(make_autoencoder(3))
    assert rows["encoder"] == ("(None, 3)", "549,891")
    assert rows["decoder"] == ("(None, 28, 28, 1)", "550,672")


def test_an_expanded_summary_shows_the_layers_of_both_networks():
    rows, _ = summary_rows(make_vae(3), expand_nested=True)
    assert {"encoder", "image", "mean", "log_var", "sampling", "decoder", "z", "pixels"} <= set(rows)
    assert rows["mean"] == ("(None, 3)", "195")
    assert rows["pixels"] == ("(None, 784)", "402,192")


@pytest.mark.parametrize("build", [small_vae, small_autoencoder])
@pytest.mark.parametrize("expand_nested", [False, True])
def test_a_summary_leaves_nothing_unknown_before_and_after_training(images, build, expand_nested):
    model = compiled(build())
    before, text = summary_rows(model, expand_nested=expand_nested)
    assert "?" not in text
    assert "unbuilt" not in text
    model.fit(images, verbose=0)
    after, _ = summary_rows(model, expand_nested=expand_nested)
    assert after == before


def test_an_autoencoders_box_is_that_of_the_last_epochs_codes(images):
    autoencoder = small_autoencoder()
    autoencoder.compile(keras.optimizers.SGD(0.0), jit_compile=False, run_eagerly=True)
    for seen in (images, images[:5]):  # the second time fewer: what was seen before is forgotten
        autoencoder.fit(seen, batch_size=64, verbose=0)
        codes = autoencoder.encode(seen)
        np.testing.assert_allclose(autoencoder.code_box, [codes.min(axis=0), codes.max(axis=0)], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", [VAE, Autoencoder])
def test_both_networks_are_told_that_they_are_trained(images, kind):
    z = keras.Input((2,))
    heads = ("mean", "log_var") if kind is VAE else ("code",)
    x = keras.layers.BatchNormalization()(keras.layers.Dense(784)(z))
    decoder = keras.Model(z, keras.layers.Reshape((28, 28, 1))(x))
    pixels = keras.Input((28, 28, 1))
    flat = keras.layers.BatchNormalization()(keras.layers.Flatten()(pixels))
    encoder = keras.Model(pixels, [keras.layers.Dense(2, name=head)(flat) for head in heads])
    model = kind(encoder, decoder)
    model.compile(keras.optimizers.SGD(0.0), jit_compile=False, run_eagerly=True)
    for step, moves in ((model.test_on_batch, False), (model.train_on_batch, True)):
        step(images)
        for network in (encoder, decoder):  # batch normalization's moving mean, at first 0
            assert np.any(network.non_trainable_variables[0].numpy()) == moves
