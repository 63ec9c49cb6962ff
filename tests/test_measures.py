import math

import keras
import numpy as np
import pytest
from keras import layers
from scipy import stats
from small import (
    constant,
    constant_decoder,
    constant_encoder,
    small_decoder,
    small_encoder,
    small_vae,
)

from vae_keras import (
    VAE,
    Autoencoder,
    active_units,
    bernoulli_loss,
    effective_beta,
    elbo,
    kl_divergence,
    log_likelihood,
    measures,
    reconstruction_loss,
)
from vae_keras.measures import digit_features, local_stretch, marginal_kl, nearest_distance, step_lengths
from vae_keras.networks import make_classifier

IMAGE_SHAPE = (28, 28, 1)

LIKELIHOODS = pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])


def log_density(x, logits, likelihood, sigma):
    """log p(x|z), with its constant, from the density's own formula in float64."""
    p = 1 / (1 + np.exp(-np.asarray(logits, "float64")))
    if likelihood == "bernoulli":
        terms = x * np.log(p) + (1 - x) * np.log(1 - p)
    else:
        terms = -((x - p) ** 2) / (2 * sigma**2) - 0.5 * np.log(2 * np.pi * sigma**2)
    return np.sum(terms, axis=(-3, -2, -1))


# Bounds on the likelihood


@LIKELIHOODS
def test_elbo_is_the_log_density_minus_kl_where_the_decoder_ignores_z(images, likelihood):
    vae = VAE(constant_encoder(1.0, 0.5), constant_decoder(-1.5), likelihood=likelihood, sigma=0.4, beta=7.0)
    kl = kl_divergence([[1.0, 1.0]], [[0.5, 0.5]]).numpy()[0]
    expected = log_density(images, np.full(IMAGE_SHAPE, -1.5), likelihood, 0.4).mean() - kl
    assert elbo(vae, images) == pytest.approx(expected, rel=1e-5)


@LIKELIHOODS
def test_log_likelihood_is_exact_where_the_decoder_ignores_z(images, likelihood):
    expected = log_density(images, np.full(IMAGE_SHAPE, -1.5), likelihood, 0.4).mean()
    at_prior = VAE(constant_encoder(), constant_decoder(-1.5), likelihood=likelihood, sigma=0.4)
    assert log_likelihood(at_prior, images, samples=3) == pytest.approx(expected, rel=1e-5)
    beside = VAE(constant_encoder(0.3, -0.2), constant_decoder(-1.5), likelihood=likelihood, sigma=0.4)
    assert log_likelihood(beside, images, samples=300, seed=0) == pytest.approx(expected, abs=0.01)


@LIKELIHOODS
def test_log_likelihood_agrees_with_quadrature_over_a_one_dimensional_latent(images, likelihood):
    vae = VAE(small_encoder(latent_dim=1), small_decoder(1), likelihood=likelihood, sigma=0.7)
    z = np.linspace(-8, 8, 401)
    logits = np.asarray(vae.decoder(z[:, None].astype("float32")))
    x = images[:5]
    log_joint = log_density(x[:, None], logits[None], likelihood, 0.7) - 0.5 * (z**2 + np.log(2 * np.pi))
    expected = np.mean(np.logaddexp.reduce(log_joint, axis=1) + np.log(z[1] - z[0]))
    copies = np.tile(x, (20, 1, 1, 1))  # the estimate has 20 tries for each image
    assert log_likelihood(vae, copies, samples=300, seed=0) == pytest.approx(expected, abs=0.1)


def test_log_likelihood_is_above_the_elbo_and_grows_with_samples(trained_vae, digits):
    x = digits[1][0]
    bounds = [elbo(trained_vae, x, samples=20, seed=0)]
    bounds += [log_likelihood(trained_vae, x, samples=samples, seed=0) for samples in (2, 20, 200)]
    assert bounds == sorted(bounds)
    assert bounds[-1] > bounds[0] + 0.1


def test_one_sample_of_log_likelihood_is_an_elbo(trained_vae, digits):
    x = digits[1][0]
    ones = [log_likelihood(trained_vae, x, samples=1, seed=seed) for seed in range(20)]
    standard_error = np.std(ones, ddof=1) / math.sqrt(20)
    assert abs(np.mean(ones) - elbo(trained_vae, x, samples=200, seed=0)) < 5 * standard_error


def test_elbo_is_minus_the_loss_terms_and_the_constant(trained_vae, images):
    drawn = [np.mean(np.add(*trained_vae.loss_terms(images))) for draw in range(30)]
    standard_error = np.std(drawn, ddof=1) / math.sqrt(30)
    constant_of_sigma_1 = 392 * math.log(2 * math.pi)
    bound = elbo(trained_vae, images, samples=200, seed=0)
    assert abs(bound + np.mean(drawn) + constant_of_sigma_1) < 5 * standard_error


def test_bounds_ignore_what_the_vae_was_trained_for(images):
    encoder, decoder = small_encoder(), small_decoder()
    plain = VAE(encoder, decoder)
    weighted = VAE(encoder, decoder, beta=10.0, reconstruction_weight=0.1)
    for bound in (elbo, log_likelihood):
        assert bound(weighted, images, samples=5, seed=0) == bound(plain, images, samples=5, seed=0)


def test_bounds_repeat_with_their_seed(trained_vae, images):
    for bound in (elbo, log_likelihood):
        assert bound(trained_vae, images, 2, seed=1) == bound(trained_vae, images, 2, seed=1)
        assert bound(trained_vae, images, 2, seed=1) != bound(trained_vae, images, 2, seed=2)


def test_bounds_over_many_images_are_means_over_pieces(trained_vae, digits):
    x = np.tile(digits[0][0], (4, 1, 1, 1))  # 6,000: more than are decoded at once
    assert elbo(trained_vae, x, seed=0) == pytest.approx(elbo(trained_vae, x[:1500], samples=8, seed=0), rel=1e-3)


@pytest.mark.parametrize(("bound", "samples"), [(elbo, 1), (log_likelihood, 500)])
def test_how_often_a_bound_draws_where_nothing_is_said(bound, samples, images, monkeypatch):
    counts = []
    monkeypatch.setattr(measures, "_draws", lambda *args: counts.append(args[4]) or [(np.zeros((1, 2)),) * 2])
    bound(VAE(constant_encoder(), constant_decoder()), images[:2])
    assert counts == [samples]


@pytest.mark.parametrize("log_var", [-100.0, 30.0])
def test_bounds_are_finite_for_an_extreme_log_var(images, log_var):
    vae = VAE(constant_encoder(3.0, log_var), small_decoder())
    assert math.isfinite(elbo(vae, images, samples=3))
    assert math.isfinite(log_likelihood(vae, images, samples=3))


@pytest.mark.parametrize(
    ("n", "samples", "at_once"), [(130, 100, [38, 38, 24]), (1667, 3, [2, 1]), (2500, 3, [2, 1]), (5001, 2, [1, 1])]
)
def test_bounds_work_on_5000_decoded_images_at_once(n, samples, at_once):
    """So that memory does not grow with samples."""
    vae, x = VAE(constant_encoder(), constant_decoder()), np.zeros((n, *IMAGE_SHAPE), "float32")
    draws = list(measures._draws(vae, x, *vae.encode(x), samples, seed=0))
    assert [log_p.shape for log_p, _ in draws] == [(count, n) for count in at_once]
    assert [log_ratio.shape for _, log_ratio in draws] == [(count, n) for count in at_once]


def test_the_log_density_of_a_gaussian_is_scipys():
    z, mean, log_var = np.random.default_rng(0).standard_normal((3, 4, 2))
    expected = stats.norm.logpdf(z, mean, np.exp(log_var / 2)).sum(axis=1)
    np.testing.assert_allclose(measures._log_normal(z, mean, log_var), expected)
    np.testing.assert_allclose(measures._log_normal(z), stats.norm.logpdf(z).sum(axis=1))


# The latent space


def test_active_units_counts_the_means_that_vary():
    images = keras.Input(IMAGE_SHAPE)
    first_pixel = layers.Flatten()(images)[:, :1]
    scales = np.array([[2.0, 1.1, 0.9, 0.0]])  # of a pixel with standard deviation 0.1
    mean = layers.Dense(4, kernel_initializer=lambda *_, **__: scales, bias_initializer="ones")(first_pixel)
    vae = VAE(keras.Model(images, (mean, mean * 0.0)), constant_decoder(latent_dim=4))
    x = np.zeros((100, *IMAGE_SHAPE), "float32")
    x[:, 0, 0, 0] = np.tile([0.4, 0.6], 50)
    assert active_units(vae, x) == 2  # variances 0.04, 0.0121, 0.0081, 0
    assert active_units(vae, x, threshold=0.02) == 1
    assert active_units(vae, x, threshold=0.0) == 3


def test_active_units_ignores_the_variance_within_a_code(images):
    assert active_units(VAE(constant_encoder(log_var=3.0), constant_decoder()), images) == 0


def test_active_units_needs_two_images_and_no_more(trained_vae, digits, labels):
    two = digits[0][0][[np.argmax(labels == 0), np.argmax(labels == 1)]]
    assert active_units(trained_vae, two) == 2


def published_loss(x, x_hat, mean, log_var, reconstruction, pixels, latents, weights, half_kl):
    """A "VAE loss" written out as such code writes it, for one image."""
    terms = {
        "half_squared": 0.5 * (x - x_hat) ** 2,
        "squared": (x - x_hat) ** 2,
        "cross_entropy": -(x * np.log(x_hat) + (1 - x) * np.log(1 - x_hat)),
    }[reconstruction]
    kl = (0.5 if half_kl else 1.0) * (mean**2 + np.exp(log_var) - 1 - log_var)
    over = {"sum": np.sum, "mean": np.mean}
    return weights[0] * over[pixels](terms), weights[1] * over[latents](kl)


@pytest.mark.parametrize("reconstruction", ["half_squared", "squared", "cross_entropy"])
@pytest.mark.parametrize("pixels", ["sum", "mean"])
@pytest.mark.parametrize("latents", ["sum", "mean"])
@pytest.mark.parametrize("weights", [(1.0, 1.0), (784.0, 0.5)])
@pytest.mark.parametrize("half_kl", [True, False])
def test_effective_beta_turns_a_published_loss_into_this_courses(reconstruction, pixels, latents, weights, half_kl):
    rng = np.random.default_rng(0)
    x, x_hat = rng.random((1, 784)), rng.uniform(0.1, 0.9, (1, 784))
    mean, log_var = rng.standard_normal((2, 1, 5))
    theirs = published_loss(x, x_hat, mean, log_var, reconstruction, pixels, latents, weights, half_kl)
    if reconstruction == "cross_entropy":
        ours = float(bernoulli_loss(x, np.log(x_hat / (1 - x_hat)))[0])
    else:
        ours = float(reconstruction_loss(x, x_hat)[0])
    beta = effective_beta(reconstruction, pixels, latents, *weights, half_kl=half_kl, latent_dim=5)
    scale = ours / theirs[0]  # a loss may be multiplied by any constant
    assert scale * sum(theirs) == pytest.approx(ours + beta * float(kl_divergence(mean, log_var)[0]), rel=1e-5)


def test_effective_beta_of_this_course_is_1():
    assert effective_beta() == 1


def test_effective_beta_divides_by_this_courses_sizes_where_none_are_given():
    assert effective_beta(latents="mean") == 1 / 2
    assert effective_beta(pixels="mean") == pytest.approx(784)


def test_marginal_kl_is_zero_where_every_code_is_the_prior():
    assert marginal_kl(np.zeros((50, 3)), np.zeros((50, 3))) == pytest.approx(0, abs=1e-9)


def test_marginal_kl_of_one_gaussian_is_its_kl():
    mean, log_var = np.tile([[1.0, -0.5]], (50, 1)), np.tile([[0.3, -1.0]], (50, 1))
    values = [marginal_kl(mean, log_var, samples=2000, seed=seed) for seed in range(10)]
    standard_error = np.std(values, ddof=1) / math.sqrt(10)
    assert abs(np.mean(values) - kl_divergence(mean[:1], log_var[:1]).numpy()[0]) < 5 * standard_error


def test_marginal_kl_sees_that_narrow_codes_together_fill_the_prior():
    mean = 0.8 * np.random.default_rng(0).standard_normal((3000, 1))
    log_var = np.full_like(mean, math.log(1 - 0.8**2))
    assert kl_divergence(mean, log_var).numpy().mean() > 0.4  # each alone is far from the prior
    assert abs(marginal_kl(mean, log_var)) < 0.02


def test_marginal_kl_of_two_far_gaussians_counts_the_choice_between_them():
    mean, log_var = np.array([[-20.0], [20.0]]), np.zeros((2, 1))
    assert marginal_kl(mean, log_var, samples=5000) == pytest.approx(200 - math.log(2), rel=0.01)


def test_marginal_kl_of_a_few_draws_is_their_average():
    """Fewer than are worked on at once, and a number that does not divide into equal parts."""
    pair = np.random.default_rng(0).standard_normal((2, 20, 2))
    for samples in (1, 7, 250):
        rng = np.random.default_rng(3)
        chosen = rng.integers(20, size=samples)
        mean, sigma = pair[0], np.exp(pair[1] / 2)
        z = mean[chosen] + sigma[chosen] * rng.standard_normal((samples, 2))
        log_q = np.log(np.mean(np.prod(stats.norm.pdf(z[:, None], mean, sigma), axis=2), axis=1))
        expected = np.mean(log_q - np.sum(stats.norm.logpdf(z), axis=1))
        assert marginal_kl(*pair, samples=samples, seed=3) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("mean", "log_var"), [((3,), (3,)), ((2, 3, 4), (2, 3, 4)), ((3, 2), (2, 2)), ((2, 2), (3, 2)), ((0, 2), (0, 2))]
)
def test_marginal_kl_needs_two_tables_of_one_shape(mean, log_var):
    with pytest.raises(ValueError, match=r"same shape \(n, latent\), n at least 1"):
        marginal_kl(np.zeros(mean), np.zeros(log_var))


def test_marginal_kl_repeats_with_its_seed():
    pair = np.random.default_rng(0).standard_normal((2, 20, 2))
    assert marginal_kl(*pair) == marginal_kl(*pair, samples=2000, seed=0)
    assert marginal_kl(*pair, seed=1) == marginal_kl(*pair, seed=1)
    assert marginal_kl(*pair, seed=1) != marginal_kl(*pair, seed=2)


# Distances


@pytest.mark.parametrize("n", [1, 7, 2500])
def test_nearest_distance_is_the_smallest_of_all_distances(n):
    a, b = np.random.default_rng(0).random((n, 3, 4)), np.random.default_rng(1).random((20, 3, 4))
    expected = np.linalg.norm(a.reshape(n, 1, -1) - b.reshape(1, 20, -1), axis=2).min(axis=1)
    np.testing.assert_allclose(nearest_distance(a, b), expected, rtol=1e-4)


@pytest.mark.parametrize(("a", "b"), [((4, 3), (4, 2)), ((4, 2), (4, 3)), ((0, 2), (4, 2)), ((4, 2), (0, 2))])
def test_nearest_distance_needs_rows_of_one_shape(a, b):
    with pytest.raises(ValueError, match="rows of one shape"):
        nearest_distance(np.zeros(a), np.zeros(b))


def test_nearest_distance_to_itself_is_zero(images):
    assert nearest_distance(images, images).max() < 0.02


@pytest.mark.parametrize(
    ("measure", "pieces"),
    [
        (lambda: nearest_distance(np.zeros((2000, 2)), np.ones((3, 2))), 3),
        (lambda: nearest_distance(np.zeros((2997, 2)), np.ones((3, 2))), 3),
        (lambda: digit_features(make_classifier(), np.zeros((2000, *IMAGE_SHAPE), "float32")), 3),
        (lambda: digit_features(make_classifier(), np.zeros((2997, *IMAGE_SHAPE), "float32")), 3),
        (lambda: marginal_kl(np.zeros((5, 2)), np.zeros((5, 2)), samples=50), 1),
        (lambda: marginal_kl(np.zeros((5, 2)), np.zeros((5, 2)), samples=300), 3),
        (lambda: marginal_kl(np.zeros((5, 2)), np.zeros((5, 2)), samples=396), 3),
    ],
)
def test_large_inputs_are_worked_on_in_pieces(measure, pieces, monkeypatch):
    """So that memory does not grow with the square of the images, or with the draws."""
    seen, split = [], np.array_split
    monkeypatch.setattr(np, "array_split", lambda array, count: seen.append(count) or split(array, count))
    measure()
    assert seen == [pieces]
    assert isinstance(seen[0], int)


def test_step_lengths_are_distances_between_neighbours():
    path = np.zeros((3, 28, 28, 1))
    path[1, 0, 0] = 3.0
    path[2, 0, :2] = [[3.0], [4.0]]
    np.testing.assert_allclose(step_lengths(path), [3.0, 4.0])
    np.testing.assert_allclose(step_lengths(path[:2]), [3.0])


def test_digit_features_are_the_classifiers_last_hidden_layer(images):
    classifier = make_classifier()
    features = digit_features(classifier, images)
    assert features.shape == (len(images), 64)
    logits = classifier.get_layer("logits")(features)
    np.testing.assert_allclose(logits, classifier(images), atol=1e-5)


def linear_autoencoder(kernel):
    """An autoencoder whose decoder is linear near 0: x̂ = 0.5 + z · kernel."""
    z = keras.Input((len(kernel),))
    pixels = layers.Dense(
        784, kernel_initializer=lambda *_, **__: kernel, bias_initializer=constant(0.5)["bias_initializer"]
    )
    return Autoencoder(small_encoder(("code",), len(kernel)), keras.Model(z, layers.Reshape(IMAGE_SHAPE)(pixels(z))))


@pytest.mark.parametrize("latent_dim", [1, 2, 5])
def test_local_stretch_of_a_linear_decoder_is_its_largest_singular_value(latent_dim):
    kernel = np.random.default_rng(0).normal(0, 0.01, (latent_dim, 784)).astype("float32")
    stretch = local_stretch(linear_autoencoder(kernel), np.zeros((4, latent_dim)))
    np.testing.assert_allclose(stretch, np.full(4, np.linalg.norm(kernel, ord=2)), rtol=1e-4)


def test_local_stretch_bounds_every_small_movement():
    vae, rng = small_vae(), np.random.default_rng(0)
    z = rng.standard_normal((6, 2)).astype("float32")
    angles = np.linspace(0, np.pi, 50)
    moved = [vae.decode(z + 0.01 * np.array([np.cos(a), np.sin(a)])) for a in angles]
    rates = np.linalg.norm((np.array(moved) - vae.decode(z)).reshape(50, 6, -1), axis=2) / 0.01
    np.testing.assert_allclose(rates.max(axis=0), local_stretch(vae, z), rtol=0.03)
