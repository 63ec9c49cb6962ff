"""VAE(sigma="learned"): the likelihood's width is a weight, and its logarithm is part of the loss."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small import constant_decoder, constant_encoder, small_vae

from vae_keras import VAE, elbo, load_model, log_likelihood, train

HALF_LOG_2_PI = 784 / 2 * np.log(2 * np.pi)


def with_sigma(sigma, **options):
    vae = small_vae(sigma="learned", **options)
    vae.log_sigma.assign(np.log(sigma))
    return vae


@pytest.mark.parametrize("sigma", [0.05, 1.0, 3.0])
def test_the_loss_is_the_gaussians_without_its_constant(images, sigma):
    vae = with_sigma(sigma, seed=1)
    x, z = images.astype("float64"), np.zeros((len(images), 2), "float32")
    x_hat = vae.decode(z)
    expected = np.sum((x - x_hat) ** 2, axis=(1, 2, 3)) / (2 * sigma**2) + 784 * np.log(sigma)
    np.testing.assert_allclose(vae.reconstruction(images, z), expected, rtol=1e-5, atol=1e-3)


def test_the_gradient_of_log_sigma_is_its_slope(images):
    vae = with_sigma(0.3, seed=1)
    z = np.zeros((len(images), 2), "float32")
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(vae.reconstruction(images, z))
    squared_distance = np.sum((images - vae.decode(z)) ** 2, axis=(1, 2, 3)).mean()
    by_log_sigma = tape.gradient(loss, vae.log_sigma.value).numpy()
    assert by_log_sigma == pytest.approx(784 - squared_distance / 0.3**2, rel=1e-4)


@pytest.mark.parametrize("bound", [elbo, log_likelihood])
def test_bounds_do_not_depend_on_whether_sigma_was_learned(images, bound):
    learned = with_sigma(0.3, seed=1)
    assert learned.sigma == pytest.approx(0.3)
    fixed = VAE(learned.encoder, learned.decoder, sigma=0.3)
    assert bound(learned, images, samples=3, seed=1) == pytest.approx(bound(fixed, images, samples=3, seed=1), rel=1e-5)


def test_minus_the_loss_is_the_elbo_without_its_constant(images):
    vae = with_sigma(0.3, seed=1)
    vae.compile("sgd", jit_compile=False, run_eagerly=True)
    loss = vae.evaluate(np.tile(images, (8, 1, 1, 1)), verbose=0)[0]
    assert elbo(vae, images, samples=8, seed=1) == pytest.approx(-loss - HALF_LOG_2_PI, abs=2)


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.05, 0.2])
def test_sigma_converges_to_the_noise_of_the_data(noise):
    x = np.clip(0.5 + np.random.default_rng(0).normal(0, noise, (500, 28, 28, 1)), 0, 1).astype("float32")
    vae = VAE(constant_encoder(), constant_decoder(), sigma="learned", seed=1)  # x̂ = 0.5, as the data's mean is
    vae.encoder.trainable = vae.decoder.trainable = False
    train(vae, x, epochs=60, batch_size=50, learning_rate=0.03, seed=1, verbose=False)
    assert vae.sigma == pytest.approx(np.sqrt(np.mean((x - 0.5) ** 2)), rel=0.01)
    assert vae.sigma == pytest.approx(noise, rel=0.02)


@pytest.mark.slow
def test_the_likelihood_is_higher_than_at_sigma_one(digits, no_xla):
    (x_train, _), (x_test, _) = digits
    bounds = {}
    for sigma in (1.0, "learned"):
        keras.utils.set_random_seed(0)
        vae = small_vae(sigma=sigma, seed=1)
        train(vae, x_train, epochs=20, batch_size=50, learning_rate=1e-2, seed=1, verbose=False)
        bounds[sigma] = elbo(vae, x_test, seed=1)
    error = np.sqrt(np.mean((x_test - vae.reconstruct(x_test)) ** 2))
    assert vae.sigma == pytest.approx(error, rel=0.15)
    assert bounds["learned"] > bounds[1.0] + 400


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_learns_the_same_sigma(images, policy):
    sigmas = {}
    for name in ("float32", policy):
        keras.config.set_dtype_policy(name)
        try:
            keras.utils.set_random_seed(0)
            vae = small_vae(sigma="learned", seed=1)
            assert vae.log_sigma.dtype == "float32"
            train(vae, images, epochs=30, batch_size=65, learning_rate=0.03, seed=1, verbose=False)
        finally:
            keras.config.set_dtype_policy("float32")
        sigmas[name] = vae.sigma
    assert sigmas["float32"] < 0.7
    assert sigmas[policy] == pytest.approx(sigmas["float32"], rel=0.02)


def test_black_images_leave_the_loss_finite():
    vae = VAE(constant_encoder(), constant_decoder(-30.0), sigma="learned", seed=1)
    vae.compile(keras.optimizers.SGD(0.1), jit_compile=False, run_eagerly=True)
    losses = [vae.train_on_batch(np.zeros((2, 28, 28, 1), "float32"))[0] for _ in range(5)]
    assert np.isfinite(losses).all()  # although the best sigma is 0


def test_a_learned_sigma_is_saved_and_goes_on_learning(tmp_path, images):
    vae = small_vae(sigma="learned", seed=1)
    train(vae, images, epochs=3, batch_size=65, verbose=False)
    vae.save(tmp_path / "vae.keras")
    vae.save_weights(tmp_path / "vae.weights.h5")
    other = small_vae(sigma="learned")
    other.load_weights(tmp_path / "vae.weights.h5")
    again = load_model(tmp_path / "vae.keras")
    assert vae.sigma == again.sigma == other.sigma != 1.0
    assert again.options["sigma"] == "learned"
    for model in (vae, again):
        model.fit(images, batch_size=65, shuffle=False, verbose=0)
    np.testing.assert_array_equal(again.log_sigma.numpy(), vae.log_sigma.numpy())


def test_a_fixed_sigma_is_no_weight(images):
    assert len(small_vae(sigma=0.5).trainable_variables) + 1 == len(small_vae(sigma="learned").trainable_variables)
    assert small_vae(sigma=0.5).sigma == 0.5
