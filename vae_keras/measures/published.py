"""What a "VAE loss" found elsewhere amounts to (row L32)."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import keras
import numpy as np

from vae_keras.losses import bernoulli_loss, reconstruction_loss
from vae_keras.models import VAE
from vae_keras.support.checks import above_zero, not_negative, one_of, whole_number


def effective_beta(
    reconstruction: str = "half_squared",
    pixels: str = "sum",
    latents: str = "sum",
    reconstruction_weight: float = 1.0,
    kl_weight: float = 1.0,
    half_kl: bool = True,
    latent_dim: int = 2,
    n_pixels: int = 784,
) -> float:
    """The beta, in nats, that a published "VAE loss" amounts to (row L32).

    A loss can be multiplied by any constant. Multiplied so that its reconstruction term is this
    course's (½‖x − x̂‖² or cross-entropy, summed over pixels), it reads reconstruction + beta · KL.
    For squared errors the same loss has beta = 1 at sigma = sqrt(effective beta).

    Args:
        reconstruction: "half_squared" ½(x − x̂)², "squared" (x − x̂)² or "cross_entropy", per
            pixel.
        pixels: "sum" or "mean" over pixels.
        latents: "sum" or "mean" over latent dimensions.
        reconstruction_weight, kl_weight: factors in front of the terms, above 0 and at least 0.
        half_kl: False where the ½ of the KL formula is missing.
        latent_dim, n_pixels: what a mean divides by.

    Raises:
        ValueError: an unknown name or a weight out of range.
    """
    per_pixel = {"half_squared": 1.0, "squared": 2.0, "cross_entropy": 1.0}
    one_of(reconstruction, per_pixel, "reconstruction")
    one_of(pixels, ("sum", "mean"), "pixels")
    one_of(latents, ("sum", "mean"), "latents")
    above_zero(reconstruction_weight, "reconstruction_weight")
    not_negative(kl_weight, "kl_weight")
    latent_dim, n_pixels = (
        whole_number(latent_dim, "latent_dim"),
        whole_number(n_pixels, "n_pixels"),
    )
    reconstruction_factor = (
        reconstruction_weight * per_pixel[reconstruction] / (n_pixels if pixels == "mean" else 1)
    )
    kl_factor = kl_weight * (1.0 if half_kl else 2.0) / (latent_dim if latents == "mean" else 1)
    return kl_factor / reconstruction_factor


class PublishedLoss(NamedTuple):
    """A loss as one finds it in code, and what `effective_beta` is told of it."""

    as_written: Callable[[Any, Any, Any], Any]  # of x, x̂ (batch, m) and k, the KL (batch, latent)
    options: dict[str, Any]


class Batch(NamedTuple):
    """Images, what a VAE makes of one draw of z, and the KL of each latent dimension."""

    x: np.ndarray  # (batch, m)
    x_hat: np.ndarray  # (batch, m)
    kl: np.ndarray  # (batch, latent)


def _sse(x, y):
    return np.sum((x - y) ** 2, axis=-1)


_mse, _bce = keras.losses.mean_squared_error, keras.losses.binary_crossentropy  # means over pixels
_MSE: dict[str, Any] = {"reconstruction": "squared", "pixels": "mean"}
_BCE: dict[str, Any] = {"reconstruction": "cross_entropy", "pixels": "mean"}
PUBLISHED_LOSSES = {
    "½ SSE + KL (this course)": PublishedLoss(lambda x, y, k: 0.5 * _sse(x, y) + k.sum(-1), {}),
    "SSE / (2 · 0.5²) + KL": PublishedLoss(
        lambda x, y, k: _sse(x, y) / (2 * 0.5**2) + k.sum(-1), {"reconstruction_weight": 4}
    ),
    "SSE + KL": PublishedLoss(
        lambda x, y, k: _sse(x, y) + k.sum(-1), {"reconstruction": "squared"}
    ),
    "½ SSE + KL without its ½": PublishedLoss(
        lambda x, y, k: 0.5 * _sse(x, y) + 2 * k.sum(-1), {"half_kl": False}
    ),
    "MSE + KL": PublishedLoss(lambda x, y, k: _mse(x, y) + k.sum(-1), _MSE),
    "MSE + mean of KL": PublishedLoss(
        lambda x, y, k: _mse(x, y) + k.mean(-1), {**_MSE, "latents": "mean"}
    ),
    "1000 · MSE + KL": PublishedLoss(
        lambda x, y, k: 1000 * _mse(x, y) + k.sum(-1), {**_MSE, "reconstruction_weight": 1000}
    ),
    "MSE + 0.00025 · KL": PublishedLoss(
        lambda x, y, k: _mse(x, y) + 0.00025 * k.sum(-1), {**_MSE, "kl_weight": 0.00025}
    ),
    "BCE + KL": PublishedLoss(lambda x, y, k: _bce(x, y) + k.sum(-1), _BCE),
    "784 · BCE + mean of KL": PublishedLoss(
        lambda x, y, k: 784 * _bce(x, y) + k.mean(-1),
        {"reconstruction": "cross_entropy", "latents": "mean"},
    ),
    "BCE + 0.1 · mean of KL": PublishedLoss(
        lambda x, y, k: _bce(x, y) + 0.1 * k.mean(-1),
        {**_BCE, "latents": "mean", "kl_weight": 0.1},
    ),
}


def batches_of(
    vaes: Iterable[VAE], x: np.ndarray, size: int = 100, each: int = 3, seed: int = 0
) -> list[Batch]:
    """Random batches with what several VAEs make of them, for `varies`.

    Args:
        vaes: models in which reconstruction and KL stand in different proportions.
        x: images `(n, height, width, channels)`.
        size: images in a batch.
        each: batches of each VAE.
        seed: of images and noise.
    """
    rng, batches = np.random.default_rng(seed), []
    for vae in vaes:
        for _ in range(each):
            images = x[rng.choice(len(x), size, replace=False)]
            mean, log_var = vae.encode(images)
            z = mean + np.exp(0.5 * log_var) * rng.standard_normal(mean.shape)
            x_hat = np.clip(vae.decode(z), 1e-6, 1 - 1e-6)
            kl = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var)
            batches.append(Batch(images.reshape(size, -1), x_hat.reshape(size, -1), kl))
    return batches


def varies(loss: PublishedLoss, beta: float, batches: Iterable[Batch]) -> float:
    """How far loss / (reconstruction + beta · KL) varies from batch to batch: 0 if beta is right.

    If a loss is (a constant) · (reconstruction + beta · KL), the quotient is that constant.
    """
    cross_entropy = loss.options.get("reconstruction") == "cross_entropy"
    quotients = []
    for x, x_hat, kl in batches:
        logits = np.log(x_hat / (1 - x_hat))
        ours = bernoulli_loss(x, logits) if cross_entropy else reconstruction_loss(x, x_hat)
        ours = np.mean(ours) + beta * np.mean(np.sum(kl, axis=-1))
        quotients.append(np.mean(loss.as_written(x, x_hat, kl)) / ours)
    return float(max(quotients) / min(quotients) - 1)
