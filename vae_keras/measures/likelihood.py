"""How likely a model finds images: the evidence lower bound, tighter ones, and log p(x) itself."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops
from scipy.integrate import quad
from scipy.stats import norm

from vae_keras.losses import kl_divergence
from vae_keras.models import VAE
from vae_keras.support.checks import above_zero, whole_number
from vae_keras.support.images import check_images
from vae_keras.support.networks import outputs

DECODED_AT_ONCE = 5000  # images; bounds the memory of a sum over many draws of z
TINY = 1e-300  # so that the logarithm of a share of 0 is finite


def elbo(vae: VAE, x: np.ndarray, samples: int = 1, seed: int | None = None) -> float:
    """Evidence lower bound, E_q[log p(x|z)] − KL(q(z|x) ‖ p(z)), a mean over images.

    It counts the likelihood's constant and neither beta nor reconstruction_weight, so it bounds the
    model's log-likelihood whatever the model was trained for. With "bernoulli" that holds for
    black-and-white images; on grey ones it is minus the cross-entropy and KL.

    Args:
        vae: a `VAE`.
        x: images `(n, height, width, channels)` in [0, 1].
        samples: draws of z per image for the first term; KL is exact.
        seed: integer for a repeatable value.

    Returns:
        Nats per image.

    Source: Kingma and Welling 2014, equation 3.
    """
    x, mean, log_var = encoded_images(vae, x)
    log_likelihoods = [log_p for log_p, _ in _draws(vae, x, mean, log_var, samples, seed)]
    return float(np.mean(np.concatenate(log_likelihoods)) - np.mean(kl_divergence(mean, log_var)))


def log_likelihood(vae: VAE, x: np.ndarray, samples: int = 500, seed: int | None = None) -> float:
    """Importance-weighted lower bound on log p(x), a mean over images; tighter with more samples.

    Args, returns: as `elbo`; with samples = 1 both have the same expectation.

    Source: Burda et al. 2016, equation 8.
    """
    x, mean, log_var = encoded_images(vae, x)
    draws = _draws(vae, x, mean, log_var, samples, seed)
    log_weights = np.concatenate([log_p + log_ratio for log_p, log_ratio in draws])  # (samples, n)
    log_weights = log_weights.astype("float64")
    return float(np.mean(np.logaddexp.reduce(log_weights, axis=0) - math.log(samples)))


def log_evidence_by_draws(
    vae: VAE, x: np.ndarray, draws: int = 10_000, seed: int | None = None
) -> np.ndarray:
    """Log p(x) as the integral says it: the mean of p(x|z) over draws of the prior (row B01).

    Right for infinitely many draws. In the plane some thousands do; in 30 dimensions none of a
    million comes near a given image's code.

    Args:
        vae, x: as for `elbo`.
        draws: of z ~ N(0, I), the same for all images.
        seed: integer for a repeatable value.

    Returns:
        `(n,)` in nats.
    """
    x, *_ = encoded_images(vae, x)
    shape = whole_number(draws, "draws"), vae.latent_dim
    z = ops.convert_to_numpy(keras.random.normal(shape, seed=seed))
    return np.logaddexp.reduce(_log_p_of_pairs(vae, x, z), axis=1) - math.log(draws)


def posterior_on_grid(
    vae: VAE, x: np.ndarray, reach: float = 4.0, side: int = 161
) -> tuple[np.ndarray, np.ndarray]:
    """Log p(x) and the true posterior p(z|x), by a sum over a grid of the latent plane (row B01).

    Bayes' rule as it stands: p(z|x) = p(x|z) p(z) / p(x), and p(x) is the sum that makes it one.

    Args:
        vae: with a 2-d latent space.
        x: as for `elbo`.
        reach: half the side of the plane; codes should lie well inside.
        side: points per side; their distance should be below half of sigma_phi(x).

    Returns:
        log p(x) `(n,)` in nats, and p(z|x) `(n, side, side)` as probabilities that sum to 1; z_1
        grows with the column, z_2 with the row.

    Raises:
        ValueError: the latent space is not 2-d, or a number out of its range.
    """
    if vae.latent_dim != 2:
        raise ValueError(
            f"posterior_on_grid needs a 2-d latent space. Received: latent_dim={vae.latent_dim}"
        )
    x, *_ = encoded_images(vae, x)
    line = np.linspace(-above_zero(reach, "reach"), reach, whole_number(side, "side", least=2))
    z = plane(line)
    log_joint = _log_p_of_pairs(vae, x, z) + log_normal(z)  # log p(x|z) + log p(z): (n, side²)
    log_total = np.logaddexp.reduce(log_joint, axis=1)
    log_evidence = log_total + 2 * math.log(line[1] - line[0])
    return log_evidence, np.exp(log_joint - log_total[:, None]).reshape(len(x), side, side)


def posterior_gap(vae: VAE, x: np.ndarray, posterior: np.ndarray, reach: float = 4.0) -> np.ndarray:
    """KL(q(z|x) ‖ p(z|x)) on the grid of `posterior_on_grid`: `(n,)` in nats (row B01).

    Args:
        vae, x, reach: as for `posterior_on_grid`.
        posterior: what it gave.
    """
    x, mean, log_var = encoded_images(vae, x)
    line = np.linspace(-reach, reach, posterior.shape[-1])
    mean, log_var = mean.astype("float64"), log_var.astype("float64")
    log_q = log_normal(plane(line)[None], mean[:, None], log_var[:, None])  # (n, side²)
    q = np.exp(log_q - np.logaddexp.reduce(log_q, axis=1)[:, None])
    ratio = np.log(q + TINY) - np.log(posterior.reshape(len(x), -1) + TINY)
    return np.sum(q * ratio, axis=1)


def plane(line: np.ndarray) -> np.ndarray:
    """A grid of the plane `(n², 2)` from the points of its sides; z_2 grows with the row."""
    return np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2).astype("float32")


def _draws(vae, x, mean, log_var, samples, seed):
    """Yield log p(x|z) and log p(z) − log q(z|x), `(draws, n)` each, for draws z ~ q(z|x), a few
    draws at a time.
    """
    samples, generator = whole_number(samples, "samples"), keras.random.SeedGenerator(seed)
    # 1 where it is learned: that loss holds its sigma's logarithm already
    sigma = float(vae.fixed_sigma)
    m = math.prod(vae.image_shape)
    constant = 0.5 * m * math.log(2 * math.pi * sigma**2) if vae.likelihood == "gaussian" else 0.0
    at_once = max(1, DECODED_AT_ONCE // len(x))
    for first in range(0, samples, at_once):
        draws = min(at_once, samples - first)
        epsilon = ops.convert_to_numpy(keras.random.normal((draws, *mean.shape), seed=generator))
        z = mean + np.exp(0.5 * log_var) * epsilon  # (draws, n, latent)
        x_of_draws = np.tile(x, (draws, 1, 1, 1))
        reconstruction = _reconstruction(vae, x_of_draws, z.reshape(-1, z.shape[-1]))
        log_p = -reconstruction.reshape(draws, len(x)) - constant
        # at z: exact however narrow q is
        log_q = log_normal(epsilon) - 0.5 * np.sum(log_var, axis=-1)
        yield log_p, log_normal(z) - log_q


def _log_p_of_pairs(vae, x, z):
    """Log p(x|z) of every image with every code, `(n, codes)`, by products of matrices."""
    m, sigma, x = math.prod(vae.image_shape), float(vae.sigma), x.reshape(len(x), -1)
    found = []
    for piece in np.array_split(z, len(z) // DECODED_AT_ONCE + 1):
        (logits,) = outputs(vae.decoder, piece)
        logits = np.reshape(ops.convert_to_numpy(logits), (len(piece), m))
        if vae.likelihood == "bernoulli":
            found.append(x @ logits.T - np.sum(np.logaddexp(0, logits), axis=1))
        else:
            x_hat = ops.convert_to_numpy(ops.sigmoid(logits))
            squares = np.sum(x**2, axis=1)[:, None] - 2 * x @ x_hat.T + np.sum(x_hat**2, axis=1)
            found.append(-squares / (2 * sigma**2) - 0.5 * m * math.log(2 * math.pi * sigma**2))
    return np.concatenate(found, axis=1).astype("float64")


def _reconstruction(vae, x, z):
    pieces = range(0, len(x), DECODED_AT_ONCE)
    losses = [
        vae.reconstruction(x[i : i + DECODED_AT_ONCE], z[i : i + DECODED_AT_ONCE]) for i in pieces
    ]
    return np.concatenate([ops.convert_to_numpy(loss) for loss in losses])


def log_normal(z: np.ndarray, mean: Any = 0.0, log_var: Any = 0.0) -> np.ndarray:
    """Log density of N(mean, exp(log_var)) at z, summed over the latent dimensions."""
    log_var = log_var + np.zeros_like(z)
    return -0.5 * np.sum(
        math.log(2 * math.pi) + log_var + (z - mean) ** 2 * np.exp(-log_var), axis=-1
    )


def encoded_images(vae: VAE, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images, checked, and the mean and log_var of q(z|x)."""
    if not isinstance(vae, VAE):
        raise TypeError(
            f"this measure needs a VAE, whose encoder gives a distribution. Received: "
            f"{type(vae).__name__}"
        )
    x = check_images(x, "x", vae.image_shape)
    return x, *vae.encode(x)


def kl_by_monte_carlo(
    mu: np.ndarray, sigma: np.ndarray, draws: int = 100_000, seed: int = 0
) -> tuple[float, float]:
    """KL(N(mu, sigma²) ‖ N(0, I)) from its definition: the mean of log q(z) − log p(z) over draws
    of q (row L21).

    Args:
        mu, sigma: `(latent,)`.
        draws: of z ~ q.
        seed: of the draws.

    Returns:
        The mean and its standard error, in nats.
    """
    q, p = norm(mu, sigma), norm(0, 1)
    z = q.rvs((whole_number(draws, "draws"), len(mu)), random_state=seed)
    log_ratio = np.sum(q.logpdf(z) - p.logpdf(z), axis=1)
    return float(log_ratio.mean()), float(log_ratio.std() / math.sqrt(draws))


def kl_by_quadrature(mu: np.ndarray, sigma: np.ndarray) -> float:
    """KL(N(mu, sigma²) ‖ N(0, I)) from its definition, as integrals (row L21).

    One for each latent dimension: they are independent, so log q and log p are sums.
    """

    def integral(q, reach):
        return quad(lambda z: q.pdf(z) * (q.logpdf(z) - norm.logpdf(z)), *reach)[0]

    ranges = [(m - 12 * s, m + 12 * s) for m, s in zip(mu, sigma, strict=True)]
    return sum(integral(norm(m, s), r) for m, s, r in zip(mu, sigma, ranges, strict=True))


def kl_from_its_definition(mu: np.ndarray, sigma: np.ndarray, seed: int = 0) -> dict[str, float]:
    """The closed form of KL(N(mu, sigma²) ‖ N(0, I)) beside two ways that do not use it (row L21).

    Args:
        mu, sigma: `(latent,)`.
        seed: of the draws.
    """
    sampled, error = kl_by_monte_carlo(mu, sigma, seed=seed)
    return {
        "closed form": float(kl_divergence(mu[None], 2 * np.log(sigma[None]))[0]),
        "Monte Carlo": sampled,
        "± (standard error)": error,
        "quadrature": kl_by_quadrature(mu, sigma),
    }
