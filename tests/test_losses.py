import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_keras import bernoulli_loss, kl_divergence, reconstruction_loss
from vae_keras.support.tensors import exp


def value_and_gradient(function, at):
    at = tf.convert_to_tensor(at)
    with tf.GradientTape() as tape:
        tape.watch(at)
        value = function(at)
    return value.numpy(), tape.gradient(value, at).numpy()


# KL divergence


def test_kl_has_the_value_of_the_closed_form():
    kl = kl_divergence([[1.0, -2.0]], [[0.5, -1.0]])
    np.testing.assert_allclose(kl, [2.7583003559], rtol=1e-6)


def test_kl_of_a_shifted_unit_gaussian_is_half_the_squared_shift():
    np.testing.assert_allclose(kl_divergence([[2.0]], [[0.0]]), [2.0], rtol=1e-6)


def test_kl_is_zero_at_the_prior():
    assert kl_divergence(np.zeros((1, 3)), np.zeros((1, 3))).numpy() == [0.0]


def test_kl_is_positive_away_from_the_prior():
    mean, log_var = np.meshgrid(np.linspace(-3, 3, 13), np.linspace(-4, 4, 17))  # both hold 0
    kl = kl_divergence(mean.reshape(-1, 1), log_var.reshape(-1, 1)).numpy()
    away = (mean.ravel() != 0) | (log_var.ravel() != 0)
    assert np.all(kl[away] > 0)


def test_kl_is_symmetric_in_the_mean():
    mean, log_var = np.array([[1.5, -0.3]]), np.array([[0.4, -0.8]])
    np.testing.assert_array_equal(kl_divergence(mean, log_var), kl_divergence(-mean, log_var))


def test_kl_is_a_sum_over_latent_dimensions():
    one = kl_divergence([[1.0]], [[0.5]]).numpy()
    five = kl_divergence(np.full((1, 5), 1.0), np.full((1, 5), 0.5)).numpy()
    np.testing.assert_allclose(five, 5 * one, rtol=1e-6)


def test_kl_is_one_value_per_image():
    mean = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0]])
    np.testing.assert_allclose(kl_divergence(mean, np.zeros((3, 2))), [0.0, 2.0, 4.0], rtol=1e-6)


def test_kl_agrees_with_monte_carlo():
    mean, log_var = np.array([1.0, -2.0]), np.array([0.5, -1.0])
    z = mean + np.exp(log_var / 2) * np.random.default_rng(0).standard_normal((100_000, 2))
    log_q = -0.5 * np.sum((z - mean) ** 2 / np.exp(log_var) + log_var, axis=1)
    log_ratio = log_q + 0.5 * np.sum(z**2, axis=1)  # log q − log p: the constants cancel
    standard_error = log_ratio.std() / np.sqrt(len(z))
    assert abs(kl_divergence(mean[None], log_var[None]).numpy()[0] - log_ratio.mean()) < 5 * standard_error


# exp(log_var) overflows in float32 at 89, in float16 at 11


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("log_var", [-100.0, 12.0, 100.0])
def test_kl_and_its_gradient_are_finite_at_an_extreme_log_var(log_var, dtype):
    log_var = tf.constant([[log_var]], dtype)
    kl, gradient = value_and_gradient(lambda v: kl_divergence(tf.zeros_like(v), v), log_var)
    assert np.isfinite(kl).all()
    assert np.isfinite(gradient).all()
    assert np.sign(gradient) == np.sign(log_var)  # it still pulls log_var towards 0


def test_exp_is_exp_below_10_and_its_tangent_above():
    v = np.linspace(-30, 10, 41).astype("float32")
    np.testing.assert_allclose(exp(v), np.exp(v), rtol=1e-6)
    np.testing.assert_allclose(exp(np.float32(15)), np.exp(10) * (1 + 5), rtol=1e-6)
    for at in (9.9, 10.1, 60.0):
        _, slope = value_and_gradient(exp, np.float32(at))
        np.testing.assert_allclose(slope, np.exp(min(at, 10)), rtol=1e-5)


# Reconstruction


def test_reconstruction_loss_is_the_formula_of_the_slide():
    x, x_hat = np.random.default_rng(0).random((2, 3, 28, 28, 1)).astype("float32")
    expected = np.sum((x - x_hat) ** 2, axis=(1, 2, 3)) / (2 * 0.7**2)
    np.testing.assert_allclose(reconstruction_loss(x, x_hat, sigma=0.7), expected, rtol=1e-5)


def test_reconstruction_loss_is_a_sum_over_pixels():
    x = np.zeros((1, 28, 28, 1))
    np.testing.assert_allclose(reconstruction_loss(x, x + 1), [784 / 2], rtol=1e-6)


def test_halving_sigma_multiplies_the_reconstruction_loss_by_4():
    x, x_hat = np.random.default_rng(0).random((2, 3, 28, 28, 1))
    np.testing.assert_allclose(reconstruction_loss(x, x_hat, 0.5), 4 * reconstruction_loss(x, x_hat, 1.0), rtol=1e-6)


def test_reconstruction_loss_sums_float16_images_in_float32():
    x = tf.zeros((1, 28, 28, 1), "float16")
    loss = reconstruction_loss(x, x + 1, sigma=0.01)  # 3.92 million; float16 ends at 65,504
    assert loss.dtype == "float32"
    np.testing.assert_allclose(loss, [784 / 2e-4], rtol=1e-5)


# Cross-entropy


def test_bernoulli_loss_is_the_naive_formula_in_float64():
    rng = np.random.default_rng(0)
    x, logits = rng.random((3, 28, 28, 1)), rng.uniform(-8, 8, (3, 28, 28, 1))
    p = 1 / (1 + np.exp(-logits))
    expected = -np.sum(x * np.log(p) + (1 - x) * np.log(1 - p), axis=(1, 2, 3))
    np.testing.assert_allclose(bernoulli_loss(x, logits), expected, rtol=1e-5)


def test_bernoulli_loss_is_a_sum_over_pixels():
    x = np.zeros((2, 28, 28, 1))
    np.testing.assert_allclose(bernoulli_loss(x, x), [784 * np.log(2)] * 2, rtol=1e-6)


def test_bernoulli_gradient_is_minus_1_at_logit_minus_17():
    _, gradient = value_and_gradient(lambda logits: bernoulli_loss([[1.0]], logits), [[-17.0]])
    np.testing.assert_allclose(gradient, [[-1.0]], atol=1e-6)


@pytest.mark.parametrize("x", [0.0, 0.25, 1.0])
def test_bernoulli_gradient_at_logit_0_is_one_half_minus_x(x):
    _, gradient = value_and_gradient(lambda logits: bernoulli_loss([[x]], logits), [[0.0]])
    np.testing.assert_allclose(gradient, [[0.5 - x]], atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("logit", [-1000.0, 1000.0])
def test_bernoulli_loss_and_gradient_at_an_extreme_logit(logit, dtype):
    x = float(logit < 0)  # the wrong answer: it costs |logit|
    loss, gradient = value_and_gradient(lambda v: bernoulli_loss([[x]], v), tf.constant([[logit]], dtype))
    assert loss == [1000.0]
    assert gradient == [[np.sign(logit)]]


def test_losses_work_in_a_graph_that_does_not_know_the_batch_size():
    pixels = keras.Input((28, 28, 1))
    terms = keras.Model(pixels, [reconstruction_loss(pixels, pixels * 0.0), bernoulli_loss(pixels, pixels)])
    ones = np.ones((3, 28, 28, 1), "float32")
    squares, entropy = terms(ones)
    np.testing.assert_allclose(squares, [392.0] * 3, rtol=1e-6)
    np.testing.assert_allclose(entropy, [784 * np.log(1 + np.exp(-1))] * 3, rtol=1e-5)
