"""What holds for the digits holds for images of any height, width and number of channels."""

import json
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers
from marks import slow
from scipy.stats import norm

from vae_keras import (
    VAE,
    Autoencoder,
    active_units,
    elbo,
    load_model,
    log_likelihood,
    make_autoencoder,
    make_vae,
    train,
)
from vae_keras.measures import local_stretch

SIGMA = 0.5
FIRST = [((20, 36, 1), "dense"), ((17, 17, 2), "conv"), ((20, 36, 1), "conv")]
MORE = [((28, 28, 1), "dense"), ((64, 64, 3), "conv"), ((17, 17, 2), "dense")]
IDS = [f"{' x '.join(map(str, shape))}, {network}" for shape, network in FIRST + MORE]
MAKE = {"autoencoder": make_autoencoder, "vae": lambda *args: make_vae(*args, sigma=SIGMA, seed=1)}
both_models = pytest.mark.parametrize("kind", MAKE)
some_shapes = pytest.mark.parametrize(("shape", "network"), FIRST[:2], ids=IDS[:2])


def random_images(shape, n=40):
    return np.random.default_rng(0).random((n, *shape)).astype("float32")


def made(kind, shape, network):
    keras.utils.set_random_seed(0)
    return MAKE[kind](2, network, shape)


def fitted(model, x, optimizer="adam", **options):
    """The model after an epoch of three steps, the last of 8 images, and its history."""
    model.compile(optimizer, jit_compile=False, run_eagerly=True)
    return model, model.fit(x, batch_size=16, shuffle=False, verbose=0, **options).history


def weights_of(model):
    return [weight.numpy().copy() for weight in model.trainable_variables]


@pytest.fixture(scope="module", params=[*FIRST, *map(slow, MORE)], ids=IDS)
def case(request):
    """Images of one shape, and both models, trained on them for an epoch."""
    x = random_images(request.param[0])
    return x, {kind: fitted(made(kind, *request.param), x)[0] for kind in MAKE}


@pytest.fixture(scope="module")
def vae(case):
    return case[1]["vae"]


@pytest.fixture(scope="module")
def x(case):
    return case[0]


# Training


@both_models
@some_shapes
def test_an_epoch_moves_every_weight(kind, shape, network):
    model = made(kind, shape, network)
    before = weights_of(model)
    _, history = fitted(model, random_images(shape))
    assert np.isfinite(list(history.values())).all()
    for weight, old in zip(weights_of(model), before, strict=True):
        assert np.any(weight != old)


@both_models
def test_the_loss_is_a_sum_over_all_pixels_of_all_channels(case, kind):
    x, model = case[0], case[1][kind]
    found = model.evaluate(x, verbose=0, return_dict=True)
    if kind == "autoencoder":
        expected = np.sum((x - model.reconstruct(x)) ** 2, axis=(1, 2, 3))
        assert found["loss"] == pytest.approx(expected.mean(), rel=1e-5)
    else:
        mean, log_var = model.encode(x)
        kl = 0.5 * np.sum(mean**2 + np.exp(log_var) - 1 - log_var, axis=1)
        assert found["kl_loss"] == pytest.approx(kl.mean(), rel=1e-4)
        squares = np.sum((x - model.reconstruct(x)) ** 2, axis=(1, 2, 3))
        assert found["reconstruction_loss"] == pytest.approx(squares.mean() / (2 * SIGMA**2), rel=0.05)  # the draw


@both_models
@some_shapes
def test_training_draws_the_target(kind, shape, network):
    x, frozen = random_images(shape), keras.optimizers.SGD(0.0)
    dark = np.zeros_like(x)
    model, history = fitted(made(kind, shape, network), x, frozen, y=dark)
    found = history.get("reconstruction_loss", history["loss"])[0]
    squares = np.sum((dark - model.reconstruct(x)) ** 2, axis=(1, 2, 3)).mean()
    assert found == pytest.approx(squares / (1 if kind == "autoencoder" else 2 * SIGMA**2), rel=0.02)
    assert found != pytest.approx(fitted(model, x, frozen)[1]["loss"][0], rel=0.02)


@pytest.mark.slow
@both_models
@some_shapes
def test_a_killed_training_goes_on_to_the_same_weights_bit_for_bit(eager, tmp_path, kind, shape, network):
    def run(folder, *callbacks):
        model = made(kind, shape, network)
        options = {"batch_size": 16, "seed": 1, "verbose": False, "callbacks": callbacks}
        train(model, random_images(shape), epochs=2, backup_dir=tmp_path / folder, **options)
        return weights_of(model)

    class Kill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    whole = run("whole")
    with pytest.raises(KeyboardInterrupt):
        run("killed", Kill())
    assert (tmp_path / "killed" / "state-1.weights.h5").exists()
    for weight, expected in zip(run("killed"), whole, strict=True):
        np.testing.assert_array_equal(weight, expected)


# Saving


@both_models
def test_a_saved_model_reconstructs_bit_for_bit(case, tmp_path, kind):
    x, model = case[0], case[1][kind]
    model.save(tmp_path / "model.keras")
    again = load_model(tmp_path / "model.keras")
    assert again.image_shape == x.shape[1:]
    np.testing.assert_array_equal(again.reconstruct(x), model.reconstruct(x))


# Measures


def test_the_elbo_is_that_of_numpy(vae, x):
    mean, log_var = vae.encode(x)
    epsilon = keras.random.normal((1, *mean.shape), seed=keras.random.SeedGenerator(3))[0]
    decoded = vae.decode(mean + np.exp(log_var / 2) * epsilon)
    log_p = norm.logpdf(x, decoded, SIGMA).sum(axis=(1, 2, 3))  # with ½ log(2πσ²) for each of the m pixels
    kl = 0.5 * np.sum(mean**2 + np.exp(log_var) - 1 - log_var, axis=1)
    assert elbo(vae, x, seed=3) == pytest.approx(np.mean(log_p - kl), rel=1e-5)


def test_the_log_likelihood_is_that_of_numpy(vae, x):
    mean, log_var = vae.encode(x)
    sigma = np.exp(log_var.astype("float64") / 2)
    log_weights = []
    for epsilon in keras.random.normal((5, *mean.shape), seed=keras.random.SeedGenerator(3)):
        z = mean + sigma * epsilon
        log_p = norm.logpdf(x, vae.decode(z), SIGMA).sum(axis=(1, 2, 3))
        log_weights.append(log_p + np.sum(norm.logpdf(z) - norm.logpdf(z, mean, sigma), axis=1))
    expected = np.mean(np.logaddexp.reduce(log_weights, axis=0) - np.log(5))
    assert log_likelihood(vae, x, samples=5, seed=3) == pytest.approx(expected, rel=1e-5)


def test_active_units_are_counted_as_by_numpy(vae, x):
    low, high = np.sort(np.var(vae.encode(x)[0], axis=0))
    assert [active_units(vae, x, t) for t in (low / 2, (low + high) / 2, 2 * high)] == [2, 1, 0]


def test_the_local_stretch_is_the_largest_singular_value_of_the_differences(vae):
    z, step = np.random.default_rng(0).normal(size=(3, 2)), 0.03
    sides = [[vae.decode(z + sign * step * axis).reshape(3, -1) for axis in np.eye(2)] for sign in (1, -1)]
    jacobian = (np.stack(sides[0], 2) - np.stack(sides[1], 2)) / (2 * step)  # (3, m, 2)
    found = local_stretch(vae, z)
    assert found.shape == (3,)
    np.testing.assert_allclose(found, np.linalg.svd(jacobian, compute_uv=False)[:, 0], rtol=0.02)


@both_models
def test_an_interpolation_ends_in_the_reconstructions(case, kind):
    x, model = case[0], case[1][kind]
    steps = model.interpolate(x[0], x[1], steps=4)
    assert steps.shape == (4, *x.shape[1:])
    np.testing.assert_allclose(steps[[0, -1]], model.reconstruct(x[:2]), atol=1e-6)


# What has another shape is refused


@pytest.mark.parametrize("call", [VAE.fit, VAE.evaluate, VAE.predict, VAE.encode, VAE.reconstruct, elbo])
def test_another_shape_is_refused_and_the_wanted_one_named(vae, x, call):
    wanted = ", ".join(map(str, x.shape[1:]))
    for wrong in (x[:, :-1], x[:, :, :-1], np.concatenate([x, x], axis=-1), x[..., 0]):
        with pytest.raises(ValueError, match=rf"x must have shape \(n, {wanted}\)") as caught:
            call(vae, wrong)
        assert f"Received: shape={wrong.shape}" in str(caught.value)
        assert "\n" not in str(caught.value)


# Networks of one's own


def own_networks(heads, activation=None):
    """Of images 12 x 10 x 3, with other layers than the course's."""
    x = images = keras.Input((12, 10, 3))
    x = layers.DepthwiseConv2D(3, activation="relu")(x)
    x = layers.LayerNormalization()(layers.Flatten()(x))
    outputs = [layers.Dense(4, name=head)(x) for head in heads]
    decoder = [layers.Dense(3 * 5 * 2, "relu"), layers.Reshape((3, 5, 2)), layers.UpSampling2D((4, 2))]
    decoder = keras.Sequential([keras.Input((4,)), *decoder, layers.Conv2D(3, 1, activation=activation)])
    return keras.Model(images, outputs if len(heads) > 1 else outputs[0]), decoder


@both_models
def test_plain_keras_networks_of_another_shape_train_save_and_load(tmp_path, kind):
    x = random_images((12, 10, 3))
    if kind == "vae":
        model = VAE(*own_networks(("mean", "log_var")))
    else:
        model = Autoencoder(*own_networks(("code",), "sigmoid"))
    assert (model.latent_dim, model.image_shape) == (4, (12, 10, 3))
    before = weights_of(model)
    fitted(model, x)
    assert any(np.any(weight != old) for weight, old in zip(weights_of(model), before, strict=True))
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(load_model(tmp_path / "model.keras").reconstruct(x), model.reconstruct(x))
    assert model.sample(3).shape == (3, 12, 10, 3)


def open_networks(height, width):
    """An encoder that takes images of any size, and a decoder of one size."""
    x = images = keras.Input((None, None, 1))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu")(x))
    encoder = keras.Model(images, [layers.Dense(2, name=head)(x) for head in ("mean", "log_var")])
    last = [layers.Dense(height * width), layers.Reshape((height, width, 1))]
    return encoder, keras.Sequential([keras.Input((2,)), *last])


def test_an_encoder_that_leaves_sizes_open_needs_an_image_shape(tmp_path):
    x = random_images((9, 14, 1))
    with pytest.raises(ValueError, match=r"where it leaves a size open, say image_shape=.* Received: .*None") as caught:
        VAE(*open_networks(9, 14))
    assert "\n" not in str(caught.value)
    vae, _ = fitted(VAE(*open_networks(9, 14), image_shape=(9, 14, 1)), x)
    with pytest.raises(ValueError, match=r"x must have shape \(n, 9, 14, 1\)"):
        vae.encode(random_images((14, 9, 1)))  # which its encoder would take
    vae.save(tmp_path / "vae.keras")
    again = load_model(tmp_path / "vae.keras")
    assert again.image_shape == (9, 14, 1)
    np.testing.assert_array_equal(again.reconstruct(x), vae.reconstruct(x))


def test_an_image_shape_that_the_decoder_does_not_give_is_refused():
    with pytest.raises(ValueError, match=r"decoder must map z \(batch, 2\) to images \(batch, 9, 14, 1\)"):
        VAE(*open_networks(14, 9), image_shape=(9, 14, 1))


# The course's convolutions


@both_models
def test_conv_takes_8_x_8_and_refuses_less(kind):
    x = random_images((8, 8, 1))
    model, _ = fitted(made(kind, (8, 8, 1), "conv"), x)
    assert model.reconstruct(x).shape == x.shape
    with pytest.raises(ValueError, match=r"at least 8 × 8 for network='conv'.* Received: image_shape=") as caught:
        made(kind, (7, 9, 1), "conv")
    assert "\n" not in str(caught.value)
    assert made(kind, (7, 9, 1), "dense").image_shape == (7, 9, 1)


CHANNELS_FIRST = """
import vae_keras
import keras, numpy as np
assert keras.config.image_data_format() == "channels_first"
x = np.random.default_rng(0).random((4, 20, 36, 2)).astype("float32")
for make in (vae_keras.make_vae, vae_keras.make_autoencoder):
    model = make(2, "conv", (20, 36, 2))
    model.compile("adam", jit_compile=False, run_eagerly=True)
    before = [weight.numpy() for weight in model.trainable_variables]
    loss = np.ravel(model.train_on_batch(x))
    after = [weight.numpy() for weight in model.trainable_variables]
    assert np.isfinite(loss).all() and all(np.any(a != b) for a, b in zip(after, before))
    print(*model.reconstruct(x).shape)
"""


@pytest.mark.slow
def test_conv_trains_whatever_keras_json_says_of_channels(tmp_path):
    (tmp_path / "keras.json").write_text(json.dumps({"image_data_format": "channels_first", "backend": "tensorflow"}))
    paths = os.pathsep.join([str(pathlib.Path(sys.modules["vae_keras"].__file__).parents[1]), *filter(None, sys.path)])
    no_gpu = {"CUDA_VISIBLE_DEVICES": "", "VAE_KERAS_DEVICE": ""}
    environment = {**os.environ, "KERAS_HOME": str(tmp_path), "PYTHONPATH": paths, **no_gpu}
    done = subprocess.run(
        [sys.executable, "-c", CHANNELS_FIRST], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines() == ["4 20 36 2"] * 2
