"""Properties that hold for all inputs, on examples that hypothesis chooses: the same ones in every run."""

import itertools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import Phase, assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import integrate, stats
from small import constant_decoder, constant_encoder, drawn, small_vae

from vae_keras import (
    VAE,
    Sampling,
    bernoulli_loss,
    elbo,
    kl_divergence,
    linear_path,
    log_likelihood,
    reconstruction_loss,
    spherical_path,
)

settings.register_profile(
    "repeatable",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=50,
    phases=[Phase.explicit, Phase.generate],  # the examples are small, and shrinking them takes minutes
)
settings.load_profile("repeatable")

U = 2.0**-24  # float32 rounds a result to within this share of it


def float64(values):
    return np.asarray(values, "float64")


def floats(low, high):
    return st.floats(low, high, width=32)


def alike(*elements, shapes=None):
    """Float32 arrays of one shape, (rows, columns) where none is named, each with elements of its own."""
    shapes = array_shapes(min_dims=2, max_dims=2, max_side=5) if shapes is None else shapes
    return shapes.flatmap(lambda shape: st.tuples(*[arrays("float32", shape, elements=each) for each in elements]))


# KL divergence

AWAY = st.just(0.0) | floats(2**-7, 100) | floats(-100, -(2**-7))  # nearer to 0, float32's rounding decides the sign


@given(alike(AWAY, AWAY))
@example((np.zeros((2, 3)), np.array([[0, 0, 0], [0, 1, 0]])))
def test_kl_is_zero_at_the_prior_and_positive_everywhere_else(pair):
    mean, log_var = pair
    kl = kl_divergence(mean, log_var).numpy()
    at_prior = np.all((mean == 0) & (log_var == 0), axis=1)
    assert np.all(kl[at_prior] == 0)
    assert np.all(kl[~at_prior] > 0)


@given(alike(floats(-100, 100), floats(-100, 10)))
@example((np.full((1, 5), 1e-4), np.full((1, 5), 1e-4)))
def test_kl_is_the_closed_form_up_to_the_rounding_of_float32(pair):
    mean, log_var = (float64(np.float32(value)) for value in pair)
    exact = 0.5 * np.sum(mean**2 + np.expm1(log_var) - log_var, axis=1)
    summands = 0.5 * np.sum(mean**2 + np.exp(log_var) + 1 + np.abs(log_var), axis=1)
    # One rounding each for the square, exp (to 2 U), three sums and at most four more over the latents: below 12.
    assert np.all(np.abs(kl_divergence(mean, log_var).numpy() - exact) <= 12 * U * summands)


@given(alike(floats(-5, 5), floats(-8, 4), shapes=array_shapes(min_dims=1, max_dims=1, max_side=3)))
def test_kl_agrees_with_monte_carlo(pair):
    mean, log_var = map(float64, pair)
    epsilon = np.random.default_rng(0).standard_normal((20_000, len(mean)))
    z = mean + np.exp(log_var / 2) * epsilon
    log_ratio = 0.5 * np.sum(z**2 - epsilon**2 - log_var, axis=1)  # log q(z) − log p(z)
    standard_error = log_ratio.std() / math.sqrt(len(z))
    kl = kl_divergence(mean[None], log_var[None]).numpy()[0]
    assert abs(kl - log_ratio.mean()) <= 6 * standard_error + 1e-6 * (1 + kl)  # at the prior there is no noise


@given(floats(-5, 5), floats(-8, 4))
def test_kl_agrees_with_quadrature(mean, log_var):
    q, prior, sigma = stats.norm(mean, math.exp(log_var / 2)), stats.norm(), math.exp(log_var / 2)

    def integrand(z):
        return q.pdf(z) * (q.logpdf(z) - prior.logpdf(z))

    expected, _ = integrate.quad(integrand, mean - 12 * sigma, mean + 12 * sigma, points=[mean])
    assert kl_divergence([[mean]], [[log_var]]).numpy()[0] == pytest.approx(expected, rel=1e-5, abs=1e-6)


# Permutations

PIXELS = 25
LOSSES = pytest.mark.parametrize("loss", [reconstruction_loss, bernoulli_loss])
IMAGES = alike(floats(0, 1), floats(-20, 20), shapes=st.tuples(st.integers(1, 4), st.just(5), st.just(5), st.just(1)))


def rounding(x, x_hat):
    """How far the losses may move when float32 adds the pixels in another order: (n − 1) U of the sum of sizes."""
    x, x_hat = float64(x), float64(x_hat)
    sizes = (np.abs(x) + np.abs(x_hat) + 1) ** 2  # above both losses' terms
    return 2 * PIXELS * U * np.sum(sizes, axis=(1, 2, 3))


@LOSSES
@given(IMAGES, st.permutations(range(PIXELS)))
def test_losses_ignore_the_order_of_the_pixels(loss, pair, order):
    moved = [images.reshape(-1, PIXELS)[:, order].reshape(images.shape) for images in pair]
    assert np.all(np.abs(loss(*moved) - loss(*pair)) <= rounding(*pair))


@LOSSES
@given(IMAGES, st.randoms(use_true_random=False))
def test_losses_follow_the_order_of_the_batch(loss, pair, random):
    order = random.sample(range(len(pair[0])), len(pair[0]))
    moved = [images[order] for images in pair]
    assert np.all(np.abs(loss(*moved) - loss(*pair).numpy()[order]) <= rounding(*moved))
    assert np.all(np.abs(np.mean(loss(*moved)) - np.mean(loss(*pair))) <= np.max(rounding(*pair)))


@given(alike(floats(-5, 5), floats(-8, 4)), st.randoms(use_true_random=False))
def test_kl_follows_the_order_of_the_batch_and_ignores_that_of_the_latents(pair, random):
    rows, columns = (random.sample(range(n), n) for n in pair[0].shape)
    moved = [table[rows][:, columns] for table in pair]
    np.testing.assert_allclose(kl_divergence(*moved), kl_divergence(*pair).numpy()[rows], rtol=1e-5, atol=1e-6)


# Paths

PATHS = pytest.mark.parametrize("path", [linear_path, spherical_path])
VECTORS = array_shapes(min_dims=1, max_dims=1, max_side=6)
CODES = alike(floats(-1e6, 1e6), floats(-1e6, 1e6), shapes=VECTORS)
STEPS = st.integers(2, 12)


@PATHS
@given(CODES, STEPS, st.sampled_from(["float32", "float64"]))
def test_paths_start_and_end_exactly(path, ends, steps, dtype):
    z_a, z_b = (end.astype(dtype) for end in ends)
    z = path(z_a, z_b, steps)
    np.testing.assert_array_equal(z[0], z_a, strict=True)
    np.testing.assert_array_equal(z[-1], z_b, strict=True)
    assert z.shape == (steps, len(z_a))
    assert np.isfinite(z).all()


def sine_between(z_a, z_b):
    """Sine of the angle between two codes, in float64, also where it is small."""
    u, v = (float64(z) / np.linalg.norm(float64(z)) for z in (z_a, z_b))
    return math.sin(2 * math.atan2(np.linalg.norm(u - v), np.linalg.norm(u + v)))


TURNING = alike(floats(-8, 8), floats(-8, 8), shapes=array_shapes(min_dims=1, max_dims=1, min_side=2, max_side=6))


@given(TURNING, STEPS, st.booleans())
def test_the_spherical_path_keeps_its_norm_between_the_norms_of_its_ends(ends, steps, same_norm):
    z_a, z_b = ends
    assume(min(np.linalg.norm(z_a), np.linalg.norm(z_b)) > 1e-3)
    if same_norm:
        z_b = z_b * (np.linalg.norm(z_a) / np.linalg.norm(z_b))
    sine = sine_between(z_a, z_b)
    assume(sine > 1e-3)
    norms = np.linalg.norm(float64(spherical_path(z_a, z_b, steps)), axis=1)
    # Near opposite directions two sines cancel, and rounding grows by 1 / sine.
    slack = 1 + 16 * U / sine
    assert norms.max() <= max(norms[0], norms[-1]) * slack
    assert norms.min() >= min(norms[0], norms[-1]) / slack


# Bounds on the likelihood: averages over draws, so within 6 standard errors of what holds for the expectations

REPEATS = 10
BLANK = np.full((100, 28, 28, 1), 0.25, "float32")


def average(bound, vae, x, samples):
    """Mean of a bound over seeds, and its standard error."""
    values = [bound(vae, x, samples=samples, seed=seed) for seed in range(REPEATS)]
    return np.mean(values), np.std(values, ddof=1) / math.sqrt(REPEATS)


def gain(lower, higher):
    """By how many standard errors one average is above another."""
    return (higher[0] - lower[0]) / (math.hypot(lower[1], higher[1]) + 1e-6 * abs(lower[0]))


def grows(averages):
    """None is below the one before it, and the last is clearly above the first."""
    steps = [gain(*pair) for pair in itertools.pairwise(averages)]
    return min(steps) > -6 and gain(averages[0], averages[-1]) > 6


@pytest.mark.slow
@given(st.integers(0, 1000), st.sampled_from(["gaussian", "bernoulli"]), floats(0.25, 1))
@settings(max_examples=4)
def test_log_likelihood_is_above_the_elbo_and_grows_with_samples(images, weights, likelihood, sigma):
    keras.utils.set_random_seed(weights)
    vae = small_vae(likelihood=likelihood, sigma=sigma)
    averages = [average(elbo, vae, images, 5)] + [average(log_likelihood, vae, images, k) for k in (2, 5, 15)]
    assert grows(averages)


@pytest.mark.slow
@given(floats(1, 1.5), floats(-1, 0.5), st.integers(1, 2))
@settings(max_examples=4)
def test_log_likelihood_grows_from_the_elbo_towards_the_true_value(mean, log_var, latent_dim):
    """A decoder that ignores z: there log p(x) is known, and the ELBO lies below it by KL, without noise."""
    encoder, decoder = constant_encoder(mean, log_var, latent_dim), constant_decoder(-1.5, latent_dim)
    vae = VAE(encoder, decoder, likelihood="bernoulli")
    true = -bernoulli_loss(BLANK, np.full_like(BLANK, -1.5)).numpy().mean()
    below = true - kl_divergence([[mean] * latent_dim], [[log_var] * latent_dim]).numpy()[0]
    assert elbo(vae, BLANK) == pytest.approx(below, rel=1e-5)
    averages = [average(log_likelihood, vae, BLANK, k) for k in (1, 4, 16)]
    assert abs(gain((below, 0.0), averages[0])) < 6  # one sample: the same expectation
    assert grows([*averages, (true, 0.0)])
    assert gain(averages[0], averages[-1]) > 6


# Gradients against central differences, (f(v + h) − f(v − h)) / 2h
#
# The losses work in float32 whatever they are given, so h cannot be small: the difference is wrong by h²/6 · f''', and
# by the rounding of f divided by h. With f ≈ f''' the two are equal at h ≈ U^(1/3) = 2^-8; where f''' is small or 0, a
# larger h is better. The tolerances below are these two errors, from the functions' own derivatives, and no more.


def gradient(function, at):
    at = tf.convert_to_tensor(at)
    with tf.GradientTape() as tape:
        tape.watch(at)
        value = tf.reduce_sum(function(at))
    return tape.gradient(value, at).numpy()


def central_difference(function, at, h):
    """Derivative of each row's value by each of the row's numbers; h as float32 really stepped."""
    by_number = np.empty(at.shape)
    for place in np.ndindex(at.shape[1:]):
        place = (slice(None), *place)
        ahead, behind = at.copy(), at.copy()
        ahead[place] += np.float32(h)
        behind[place] -= np.float32(h)
        change = float64(function(ahead)) - float64(function(behind))
        by_number[place] = change / (float64(ahead) - behind)[place]
    return by_number


LOG_VAR = floats(-10, 9) | floats(11, 30)  # on both sides of 10, where safe_exp goes over to its tangent


def of_row(values):
    """Sum over each row, in a shape that broadcasts against the rows' numbers."""
    return values.reshape(len(values), -1).sum(axis=1).reshape(-1, *[1] * (values.ndim - 1))


@given(alike(floats(-5, 5), LOG_VAR))
def test_the_gradient_of_kl_is_its_slope(pair):
    mean, log_var = pair
    h = 2**-7
    exp = np.where(log_var < 10, np.exp(float64(np.minimum(log_var, 10))), math.exp(10) * (float64(log_var) - 9))
    size = of_row(float64(mean) ** 2 + exp + 1 + np.abs(log_var))
    third = np.where(log_var < 10, exp / 2, 0)
    for by, at, f, curve in (
        ("mean", mean, lambda v: kl_divergence(v, log_var), 0),
        ("log_var", log_var, lambda v: kl_divergence(mean, v), third * math.exp(h)),
    ):
        error = np.abs(gradient(f, at) - central_difference(f, at, h))
        assert np.all(error <= h**2 / 6 * curve + 12 * U * size / h + 4 * U * exp), by


SMALL_IMAGES = st.tuples(st.integers(1, 3), st.just(2), st.just(2), st.just(1))


@given(alike(floats(0, 1), floats(0, 1), shapes=SMALL_IMAGES), floats(0.125, 2))
def test_the_gradient_of_the_reconstruction_loss_is_its_slope(pair, sigma):
    x, x_hat = pair
    h = 0.25  # f is a parabola: central differences are exact, and only rounding counts
    size = of_row((float64(x) - x_hat) ** 2 + 2 * h) / (2 * sigma**2)
    for f, at in ((lambda v: reconstruction_loss(x, v, sigma), x_hat), (lambda v: reconstruction_loss(v, x, sigma), x)):
        error = np.abs(gradient(f, at) - central_difference(f, at, h))
        assert np.all(error <= 12 * U * size / h)


@given(alike(floats(0, 1), floats(-15, 15), shapes=SMALL_IMAGES))
def test_the_gradient_of_the_bernoulli_loss_is_its_slope(pair):
    x, logits = pair
    h = 2**-5
    size = of_row(np.logaddexp(0, float64(logits)) + np.abs(float64(x) * logits))
    error = np.abs(
        gradient(lambda v: bernoulli_loss(x, v), logits) - central_difference(lambda v: bernoulli_loss(x, v), logits, h)
    )
    third = 1 / (6 * math.sqrt(3))  # the largest third derivative of softplus
    assert np.all(error <= h**2 / 6 * third + 12 * U * (size + 1) / h)


@given(alike(floats(-5, 5), floats(-10, 18) | floats(22, 40)))
@settings(max_examples=20)
def test_the_gradient_of_a_draw_is_its_slope(pair):
    mean, log_var = pair
    h, layer = 2**-5, Sampling(seed=0)
    noise = np.abs(float64(drawn(layer, (mean, log_var))) - mean)  # sigma · |epsilon|
    for at, f, curve in (
        (mean, lambda v: drawn(layer, (v, log_var)), 0),
        (log_var, lambda v: drawn(layer, (mean, v)), noise / 8 * math.exp(h / 2)),
    ):
        weights = np.random.default_rng(0).uniform(1, 2, at.shape).astype("float32")  # a slip between numbers shows
        slope = gradient(lambda v, f=f, weights=weights: tf.reduce_sum(weights * f(v), axis=1), at)
        for_each = float64(f(at + np.float32(h))) - float64(f(at - np.float32(h)))
        difference = weights * for_each / (float64(at + np.float32(h)) - (at - np.float32(h)))
        assert np.all(
            np.abs(slope - difference) <= weights * (h**2 / 6 * curve + 8 * U * (np.abs(mean) + h + noise) / h)
        )
