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
    small_autoencoder,
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
    linear_path,
    log_likelihood,
    reconstruction_loss,
    spherical_path,
)
from vae_keras.measures import (
    PUBLISHED_LOSSES,
    batches_of,
    cell_shares,
    centre_and_spread,
    changed_class,
    class_accuracy,
    compare_samples,
    coverage,
    decode_paths,
    describe,
    digit_features,
    distance_to_prior,
    distances_along,
    example_of_a_wide_posterior,
    kl_by_monte_carlo,
    kl_by_quadrature,
    kl_from_its_definition,
    local_stretch,
    log_evidence_by_draws,
    marginal_kl,
    moves,
    mutual_information,
    nearest_distance,
    pairs_of_classes,
    paths_between,
    posterior_gap,
    posterior_on_grid,
    predicted_classes,
    rises,
    sample_fitted_gaussian,
    squared_error,
    step_lengths,
    stretch_of_codes,
    train_classifier,
    unevenness,
    varies,
    verdict,
    within_classes,
)
from vae_keras.measures import likelihood as measures
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
    np.testing.assert_allclose(measures.log_normal(z, mean, log_var), expected)
    np.testing.assert_allclose(measures.log_normal(z), stats.norm.logpdf(z).sum(axis=1))


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


# The evidence


def test_a_grid_of_the_plane_gives_log_p_of_x_and_the_true_posterior(images):
    vae = small_vae(sigma=0.7)
    log_evidence, posterior = posterior_on_grid(vae, images[:3], reach=6.0, side=121)
    np.testing.assert_allclose(posterior.sum(axis=(1, 2)), 1)
    np.testing.assert_allclose(log_evidence.mean(), log_likelihood(vae, images[:3], samples=2000, seed=0), atol=0.1)
    line = np.linspace(-6, 6, 121)
    at = np.array([[line[80], line[40]]], "float32")  # z_1 grows with the column, z_2 with the row
    log_p = log_density(images[:3], np.asarray(vae.decoder(at)), "gaussian", 0.7)
    log_joint = log_p + stats.norm.logpdf(at).sum() + 2 * np.log(line[1] - line[0])
    np.testing.assert_allclose(np.log(posterior[:, 40, 80]), log_joint - log_evidence, atol=1e-3)


@LIKELIHOODS
def test_where_the_decoder_ignores_z_the_posterior_is_the_prior(images, likelihood):
    vae = VAE(constant_encoder(0.5, -1.0), constant_decoder(-1.5), likelihood=likelihood, sigma=0.4)
    log_evidence, posterior = posterior_on_grid(vae, images[:2], reach=6.0, side=61)
    expected = log_density(images[:2], np.full(IMAGE_SHAPE, -1.5), likelihood, 0.4)
    np.testing.assert_allclose(log_evidence, expected, rtol=1e-5)
    np.testing.assert_allclose(log_evidence_by_draws(vae, images[:2], draws=3), expected, rtol=1e-5)
    gap = posterior_gap(vae, images[:2], posterior, reach=6.0)
    np.testing.assert_allclose(gap, kl_divergence([[0.5, 0.5]] * 2, [[-1.0, -1.0]] * 2), rtol=1e-3)


def test_the_gap_between_evidence_and_elbo_is_that_of_the_posterior(trained_vae, digits):
    x = digits[1][0][:20]
    log_evidence, posterior = posterior_on_grid(trained_vae, x, reach=5.0, side=161)
    gap = posterior_gap(trained_vae, x, posterior, reach=5.0).mean()
    assert gap > 0.02
    assert log_evidence.mean() - elbo(trained_vae, x, samples=500, seed=0) == pytest.approx(gap, abs=0.1)


def test_draws_of_the_prior_agree_with_the_grid_in_the_plane(trained_vae, digits):
    x = digits[1][0][:20]
    log_evidence, _ = posterior_on_grid(trained_vae, x, reach=5.0, side=161)
    assert log_evidence_by_draws(trained_vae, x, 20_000, seed=0).mean() == pytest.approx(log_evidence.mean(), abs=0.3)


def test_a_posterior_on_a_grid_needs_a_plane(images):
    with pytest.raises(ValueError, match=r"2-d latent space\. Received: latent_dim=3"):
        posterior_on_grid(small_vae(3), images)


@pytest.mark.parametrize(("mu", "sigma"), [([0.0], [1.0]), ([1.0], [0.5]), ([1.0, -0.5, 0.0], [0.5, 2.0, 0.1])])
def test_kl_from_its_definition_is_the_closed_form(mu, sigma):
    mu, sigma = np.array(mu), np.array(sigma)
    closed = kl_divergence(mu[None], 2 * np.log(sigma[None])).numpy()[0]
    assert kl_by_quadrature(mu, sigma) == pytest.approx(closed, rel=1e-5, abs=1e-6)
    sampled, error = kl_by_monte_carlo(mu, sigma, draws=20_000)
    assert abs(sampled - closed) < 5 * error + 1e-6
    assert kl_by_monte_carlo(mu, sigma, 100) == kl_by_monte_carlo(mu, sigma, 100, seed=0)


def test_kl_stands_beside_what_its_definition_gives():
    mu, sigma = np.array([1.0, -0.5, 0.0]), np.array([0.5, 2.0, 0.1])
    found = kl_from_its_definition(mu, sigma, seed=1)
    assert found["closed form"] == pytest.approx(kl_divergence(mu[None], 2 * np.log(sigma[None])).numpy()[0], rel=1e-5)
    assert (found["Monte Carlo"], found["± (standard error)"]) == kl_by_monte_carlo(mu, sigma, seed=1)
    assert found["quadrature"] == kl_by_quadrature(mu, sigma)


def test_mutual_information_is_what_is_left_of_the_rate():
    mean, log_var = np.random.default_rng(0).standard_normal((2, 50, 2))
    shared = mutual_information(mean, log_var, samples=20_000)
    rate = float(np.mean(kl_divergence(mean, log_var)))
    assert shared + marginal_kl(mean, log_var, samples=20_000) == pytest.approx(rate, rel=0.03)
    assert 0 < shared < math.log(50)
    assert mutual_information(np.zeros((50, 2)), np.zeros((50, 2))) == pytest.approx(0, abs=1e-9)
    apart = mutual_information(100.0 * np.arange(50)[:, None], np.zeros((50, 1)))
    assert apart == pytest.approx(math.log(50), rel=1e-6)


# How codes lie in the prior


def test_codes_that_fill_the_prior_are_at_no_distance_from_it():
    z = np.random.default_rng(0).standard_normal((4000, 3))
    assert distance_to_prior(z) < 0.05
    assert distance_to_prior(z) == distance_to_prior(z, directions=100, seed=0)


@pytest.mark.parametrize(
    ("move", "expected"),
    [
        (lambda z: z + np.array([3.0, 0.0]), 3 * 2 / np.pi),  # the mean of |3 cos|
        (lambda z: 4 * z, 3.0),  # quantiles of N(0, 16) less those of N(0, 1): 3 times as large
        (lambda z: 0 * z, 1.0),
    ],
    ids=["moved", "too wide", "at one point"],
)
def test_the_distance_to_the_prior_is_how_far_quantiles_are_apart(move, expected):
    z = move(np.random.default_rng(0).standard_normal((4000, 2)))
    assert distance_to_prior(z, directions=400) == pytest.approx(expected, rel=0.05)


def test_shares_of_cells_are_even_where_codes_fill_the_prior():
    shares = cell_shares(np.random.default_rng(0).standard_normal((40_000, 2)), rings=3, sectors=5)
    assert shares.shape == (3, 5)
    assert shares.sum() == pytest.approx(1)
    np.testing.assert_allclose(15 * shares, 1, atol=0.15)


@pytest.mark.parametrize(
    ("z", "ring", "sector"),
    [((0.1, 0.01), 0, 0), ((0.01, 0.1), 0, 1), ((-0.1, 0.01), 0, 3), ((0.1, -0.01), 0, 7), ((5.0, 0.1), 3, 0),
     ((-5.0, -0.1), 3, 4), ((0.0, 0.0), 0, 0), ((1.3, 0.1), 2, 0)],
)  # fmt: skip
def test_cells_go_outwards_and_counter_clockwise(z, ring, sector):
    assert cell_shares(np.array([z]))[ring, sector] == 1


@pytest.mark.parametrize("bad", [np.zeros(3), np.zeros((0, 2)), np.full((3, 2), np.nan)])
@pytest.mark.parametrize("measure", [distance_to_prior, cell_shares])
def test_measures_of_codes_need_finite_codes(measure, bad):
    with pytest.raises(ValueError, match=r"z must be \(n, .*finite"):
        measure(bad)


def test_describe_says_what_the_losses_say(images):
    vae = small_vae()
    described = describe(vae, images)
    square = 2 * float(np.mean(reconstruction_loss(images, vae.reconstruct(images))))
    assert described["‖x − x̂‖²"] == pytest.approx(square, rel=1e-5) == squared_error(vae, images)
    assert described["error of a pixel"] == pytest.approx(math.sqrt(square / 784), rel=1e-5)
    assert described["KL in nats"] == pytest.approx(float(np.mean(kl_divergence(*vae.encode(images)))), rel=1e-5)
    assert described["active units"] == active_units(vae, images, threshold=0.1)
    assert describe(vae, images, threshold=0.0)["active units"] == 2


def test_neighbours_name_the_class_of_separate_codes_and_not_of_mixed_ones():
    labels = np.arange(60) % 3
    rng = np.random.default_rng(0)
    apart, mixed = np.eye(3)[labels] + 0.01 * rng.random((60, 3)), rng.random((60, 3))
    assert class_accuracy(apart, labels, apart[:9], labels[:9]) == 1
    assert class_accuracy(mixed, labels, rng.random((60, 3)), labels) < 0.6


def test_a_correlation_within_classes_does_not_see_one_between_them():
    labels, rng = np.repeat([0, 1], 200), np.random.default_rng(0)
    a, b = 10 * labels + rng.random(400), 10 * labels + rng.random(400)
    assert abs(within_classes(a, b, labels)) < 0.2 < stats.spearmanr(a, b)[0]
    assert within_classes(a, -a, labels) == pytest.approx(-1)


def test_moves_are_in_units_of_what_the_model_tells_apart(images):
    vae = small_vae()
    x, moved = images[:20], np.roll(images[:20], 1, axis=2)
    (mean, log_var), (other, _) = vae.encode(x), vae.encode(moved)
    found = list(moves(vae, x, moved).values())
    x_hat = vae.decode(mean)

    def median(difference):
        return np.median(np.linalg.norm(difference.reshape(20, -1), axis=1))

    assert found[0] == pytest.approx(
        median(x_hat - vae.decode(other)) / median(x_hat - np.roll(x_hat, 1, axis=0)), rel=1e-4
    )
    assert found[1] == pytest.approx(median(mean - other) / np.sqrt(mean.var(axis=0).sum()), rel=1e-4)
    assert found[2] == pytest.approx(median((mean - other) / np.exp(log_var / 2)), rel=1e-4)
    assert max(moves(vae, x, x).values()) == 0


# Samples and classes


def test_coverage_asks_for_the_other_direction(images):
    one = np.repeat(images[:1], 30, axis=0)
    assert nearest_distance(one, images).max() < 0.02  # each sample looks real
    assert coverage(one, images).mean() > 1  # and most real ones are far from all of them
    np.testing.assert_array_equal(coverage(one, images), nearest_distance(images, one))


def test_samples_are_compared_in_two_directions_by_two_rulers(images):
    classifier, samples = make_classifier(), {"few": images[:5], "all": images}
    found = compare_samples(samples, images, classifier)
    features = digit_features(classifier, images)
    expected = {
        "sample → real in pixels": nearest_distance(images[:5], images).mean(),
        "sample → real in features": nearest_distance(features[:5], features).mean(),
        "real → sample in pixels": nearest_distance(images, images[:5]).mean(),
        "real → sample in features": nearest_distance(features, features[:5]).mean(),
    }
    assert found["few"] == pytest.approx(expected, rel=1e-3, abs=0.02)
    assert max(found["all"].values()) < 0.05


@pytest.fixture(scope="module")
def classifier(digits):
    return train_classifier(*digits[0], epochs=8)


def test_a_classifier_learns_the_digits_and_reads_them(classifier, digits):
    read = predicted_classes(classifier, digits[1][0])
    assert read.shape == (297,)
    assert np.mean(read == digits[1][1]) > 0.85


def test_a_classifier_needs_one_class_for_each_image(digits):
    with pytest.raises(ValueError, match="y must hold one class for each image"):
        train_classifier(digits[0][0], digits[0][1][:5])


def test_draws_change_their_class_where_the_cloud_is_wide(classifier, trained_vae, digits):
    image = digits[1][0][0]
    still = VAE(trained_vae.encoder, constant_decoder(-3.0))
    assert changed_class(classifier, still, image, draws=20) in (0.0, 1.0)
    assert 0 <= changed_class(classifier, trained_vae, image, draws=50) <= 1


def test_a_fitted_gaussian_has_the_codes_mean_and_covariance(images):
    ae, drawn = small_autoencoder(), []
    ae.decode = lambda z: drawn.append(z) or z
    sample_fitted_gaussian(ae, images, n=20_000)
    codes = ae.encode(images)
    spread = codes.std(axis=0)
    np.testing.assert_allclose(drawn[0].mean(axis=0), codes.mean(axis=0), atol=0.05 * spread.max())
    np.testing.assert_allclose(
        np.cov(drawn[0], rowvar=False), np.cov(codes, rowvar=False), atol=0.05 * spread.max() ** 2
    )


# Walks


def test_pairs_are_of_different_classes():
    labels = np.array([0, 0, 0, 0, 1])
    pairs = pairs_of_classes(labels, 30, seed=1)
    assert pairs.shape == (30, 2)
    assert np.all(labels[pairs[:, 0]] != labels[pairs[:, 1]])
    np.testing.assert_array_equal(pairs, pairs_of_classes(labels, 30, seed=1))
    with pytest.raises(ValueError, match="needs two classes"):
        pairs_of_classes(np.zeros(5), 3)


@pytest.mark.parametrize("path", ["linear", "spherical"])
def test_paths_between_many_codes_are_those_between_two(path):
    z_a, z_b = np.random.default_rng(0).standard_normal((2, 4, 3))
    paths = paths_between(z_a, z_b, 7, path)
    one = {"linear": linear_path, "spherical": spherical_path}[path]
    for a, b, found in zip(z_a, z_b, paths, strict=True):
        np.testing.assert_array_equal(found, one(a, b, 7))


def test_paths_are_decoded_in_their_order():
    vae, paths = small_vae(), np.random.default_rng(0).standard_normal((3, 4, 2)).astype("float32")
    images = decode_paths(vae, paths)
    assert images.shape == (3, 4, *IMAGE_SHAPE)
    np.testing.assert_allclose(images[1], vae.decode(paths[1]), atol=1e-6)


def test_distances_along_a_path_are_those_of_its_images(images):
    classifier, path = make_classifier(), images[:12].reshape(3, 4, *IMAGE_SHAPE)
    found = distances_along({"way": path}, images[50:], classifier)
    expected = nearest_distance(images[:12], images[50:]).reshape(3, 4)
    np.testing.assert_allclose(found["in pixels"]["way"], expected, rtol=1e-4)
    features = [digit_features(classifier, x) for x in (images[:12], images[50:])]
    np.testing.assert_allclose(found["in features"]["way"], nearest_distance(*features).reshape(3, 4), rtol=1e-3)


def test_a_rise_is_the_middle_less_the_ends():
    found = rises({"in pixels": np.array([[1.0, 9, 5, 9, 3], [3, 0, 7, 0, 1]])})
    assert found == {"ends in pixels": 2.0, "middle in pixels": 6.0, "rise in pixels": 4.0}


def test_unevenness_is_1_for_even_steps_and_their_number_for_one_jump():
    path = np.zeros((5, *IMAGE_SHAPE))
    path[:, 0, 0, 0] = np.arange(5)
    assert unevenness(path) == 1
    path[:, 0, 0, 0] = [0, 0, 0, 2, 2]
    assert unevenness(path) == 4
    with pytest.raises(ValueError, match="images that move"):
        unevenness(0 * path)


def test_a_stretch_in_units_of_the_spread_does_not_depend_on_the_scale_of_the_codes(images):
    kernel = np.random.default_rng(0).normal(0, 0.01, (2, 784)).astype("float32")
    model = linear_autoencoder(kernel)
    codes = model.encode(images)
    centre, spread = centre_and_spread(codes)
    np.testing.assert_allclose(centre, codes.mean(axis=0), rtol=1e-5)
    assert spread == pytest.approx(np.sqrt(np.mean((codes - centre) ** 2)), rel=1e-5)
    assert stretch_of_codes(model, images) == pytest.approx(spread * np.linalg.norm(kernel, ord=2), rel=0.01)


@pytest.mark.parametrize(
    ("ours", "other", "expected"),
    [(1.0, 2.0, "better"), (2.0, 1.0, "worse"), (1.04, 1.0, "level"), (1.0, 1.04, "level"), (1.06, 1.0, "worse")],
)
def test_a_verdict_takes_the_smaller_number(ours, other, expected):
    assert verdict(ours, other) == expected


# Published losses


def test_the_published_losses_have_one_quotient_with_their_beta_and_no_other(images):
    vaes = [
        small_vae(),
        VAE(constant_encoder(1.0, -1.0), constant_decoder(-1.0)),
        VAE(constant_encoder(10.0), small_decoder()),
    ]
    batches = batches_of(vaes, images, size=20)
    assert [batch.x.shape for batch in batches] == [(20, 784)] * 9
    for name, loss in PUBLISHED_LOSSES.items():
        beta = effective_beta(**loss.options, latent_dim=2)
        assert varies(loss, beta, batches) < 1e-3, name
        assert varies(loss, 1.5 * beta, batches) > 0.01, name


def test_what_is_known_of_published_losses():
    betas = {name: effective_beta(**loss.options, latent_dim=2) for name, loss in PUBLISHED_LOSSES.items()}
    assert betas["½ SSE + KL (this course)"] == 1
    assert betas["SSE + KL"] == 0.5
    assert betas["MSE + KL"] == pytest.approx(392)
    assert effective_beta("cross_entropy", "mean", "mean", kl_weight=0.1, latent_dim=32) == pytest.approx(2.45)
    assert effective_beta("squared", "mean", kl_weight=0.00025, n_pixels=12_288) == pytest.approx(1.536)


def test_the_example_of_a_wide_posterior_is_wide_and_drawn_well(trained_vae, digits):
    x = digits[0][0][:200]
    example = example_of_a_wide_posterior(trained_vae, x)
    assert example.shape == (1, 28, 28, 1)
    (place,) = np.flatnonzero(np.all(x == example, axis=(1, 2, 3)))
    mean, log_var = trained_vae.encode(x)
    errors = np.sum((x - trained_vae.decode(mean)) ** 2, axis=(1, 2, 3)) / np.sum(x**2, axis=(1, 2, 3))
    width = log_var.sum(axis=1)
    drawn_well = np.sort(errors)[:50]
    assert errors[place] <= drawn_well[-1]
    assert np.sum(width[errors <= drawn_well[-1]] > width[place]) == 4  # of 50
