"""What the course measures: bounds on the likelihood, the latent space, how real an image is."""

import math

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from vae_keras.latent_model import LatentModel
from vae_keras.losses import kl_divergence
from vae_keras.models import VAE
from vae_keras.support.checks import above_zero, not_negative, one_of, whole_number
from vae_keras.support.images import check_images
from vae_keras.support.networks import check_codes

DECODED_AT_ONCE = 5000  # images; bounds the memory of a sum over many draws of z


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
    x, mean, log_var = _encoded(vae, x)
    log_likelihoods = [log_p for log_p, _ in _draws(vae, x, mean, log_var, samples, seed)]
    return float(np.mean(np.concatenate(log_likelihoods)) - np.mean(kl_divergence(mean, log_var)))


def log_likelihood(vae: VAE, x: np.ndarray, samples: int = 500, seed: int | None = None) -> float:
    """Importance-weighted lower bound on log p(x), a mean over images; tighter with more samples.

    Args, returns: as `elbo`; with samples = 1 both have the same expectation.

    Source: Burda et al. 2016, equation 8.
    """
    x, mean, log_var = _encoded(vae, x)
    draws = _draws(vae, x, mean, log_var, samples, seed)
    log_weights = np.concatenate([log_p + log_ratio for log_p, log_ratio in draws])  # (samples, n)
    log_weights = log_weights.astype("float64")
    return float(np.mean(np.logaddexp.reduce(log_weights, axis=0) - math.log(samples)))


def active_units(vae: VAE, x: np.ndarray, threshold: float = 0.01) -> int:
    """Number of latent dimensions whose mean mu_j(x) has a variance over x above the threshold.

    Raises:
        ValueError: fewer than two images, or a threshold below 0.

    Source: Burda et al. 2016, section 5.2.
    """
    not_negative(threshold, "threshold")
    _, mean, _ = _encoded(vae, x)
    if len(mean) < 2:
        raise ValueError(
            f"active_units needs at least two images: one has no variance. Received: {len(mean)}"
        )
    return int(np.sum(np.var(mean, axis=0) > threshold))


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


def marginal_kl(mean: np.ndarray, log_var: np.ndarray, samples: int = 2000, seed: int = 0) -> float:
    """KL divergence from the aggregate posterior, the images' average q(z|x), to the prior N(0, I).

    0 where the codes of all images together fill the prior exactly. Estimated by drawing z from the
    average.

    Args:
        mean, log_var: `(n, latent)` of q(z|x).
        samples: draws of z.
        seed: of the draws.

    Returns:
        Nats; a Monte Carlo estimate, so it can lie a little below 0.

    Raises:
        ValueError: mean and log_var differ in shape or are not finite, or samples is not at least
            1.

    Source: Hoffman and Johnson 2016, "ELBO surgery".
    """
    mean, log_var = np.asarray(mean, "float64"), np.asarray(log_var, "float64")
    if mean.ndim != 2 or mean.shape != log_var.shape or len(mean) == 0:
        raise ValueError(
            "mean and log_var must have the same shape (n, latent), n at least 1. "
            f"Received: mean.shape={mean.shape}, log_var.shape={log_var.shape}"
        )
    if not (np.isfinite(mean).all() and np.isfinite(log_var).all()):
        raise ValueError("mean and log_var must be finite. Received: NaN or infinity")
    samples = whole_number(samples, "samples")
    rng = np.random.default_rng(seed)
    chosen = rng.integers(len(mean), size=samples)
    z = mean[chosen] + np.exp(0.5 * log_var[chosen]) * rng.standard_normal((samples, mean.shape[1]))
    log_ratios = []
    for piece in np.array_split(z, max(1, samples // 100)):  # (piece, n, latent) at once
        log_q = _log_normal(piece[:, None, :], mean, log_var)  # (piece, n)
        log_ratios.append(
            np.logaddexp.reduce(log_q, axis=1) - math.log(len(mean)) - _log_normal(piece)
        )
    return float(np.mean(np.concatenate(log_ratios)))


def nearest_distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Euclidean distance from each flattened row of a to the nearest one of b: `(len(a),)`.

    Raises:
        ValueError: a or b is empty, or their rows differ in size.
    """
    a, b = np.asarray(a, "float32"), np.asarray(b, "float32")
    if min(a.size, b.size) == 0 or a.shape[1:] != b.shape[1:]:
        raise ValueError(
            f"a and b must hold rows of one shape. Received: a.shape={a.shape}, b.shape={b.shape}"
        )
    a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    squares = np.sum(b**2, axis=1)
    nearest = [
        np.min(squares - 2 * piece @ b.T, axis=1) for piece in np.array_split(a, len(a) // 1000 + 1)
    ]
    return np.sqrt(np.maximum(np.concatenate(nearest) + np.sum(a**2, axis=1), 0))


def digit_features(classifier: keras.Model, x: np.ndarray) -> np.ndarray:
    """What a trained `make_classifier` sees in images: its last hidden layer, `(n, 64)`.

    Distances in pixels reward blur; distances in these features ask whether the strokes are a
    digit's.
    """
    x = check_images(x, "x", classifier.input_shape[1:])
    features = keras.Model(classifier.inputs[0], classifier.get_layer("features").output)
    # called, not predict: that would compile anew each time
    pieces = np.array_split(x, len(x) // 1000 + 1)
    return np.concatenate([ops.convert_to_numpy(features(piece)) for piece in pieces])


def step_lengths(images: np.ndarray) -> np.ndarray:
    """Euclidean distance in pixels from image to image of a path: `(steps, ...)` → `(steps − 1,)`.

    Raises:
        ValueError: fewer than two images.
    """
    if len(images) < 2:
        raise ValueError(f"step_lengths needs at least two images. Received: {len(images)}")
    flat = np.reshape(images, (len(images), -1))
    return np.linalg.norm(np.diff(flat, axis=0), axis=1)


def local_stretch(model: LatentModel, z: np.ndarray) -> np.ndarray:
    """How far the decoded image moves, at most, per unit of movement at z (row L38).

    It is the largest singular value of the decoder's Jacobian at each z.

    Args:
        model: an `Autoencoder` or a `VAE`.
        z: `(n, latent)`.

    Returns:
        `(n,)` in pixel distance per unit of z.

    Raises:
        ValueError: z has another shape, or holds NaN or infinity.
    """
    z = tf.convert_to_tensor(check_codes(z, model.latent_dim))
    columns = []
    for direction in np.eye(z.shape[1], dtype="float32"):
        with tf.autodiff.ForwardAccumulator(z, tf.broadcast_to(direction, z.shape)) as forward:
            images = model.images_from(z)
        columns.append(np.reshape(forward.jvp(images), (len(z), -1)))
    jacobian = np.stack(columns, axis=1)  # (n, latent, m)
    return np.sqrt(np.linalg.eigvalsh(jacobian @ jacobian.transpose(0, 2, 1))[:, -1])


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
        log_p = np.stack([-_reconstruction(vae, x, z_of_draw) - constant for z_of_draw in z])
        # at z: exact however narrow q is
        log_q = _log_normal(epsilon) - 0.5 * np.sum(log_var, axis=-1)
        yield log_p, _log_normal(z) - log_q


def _reconstruction(vae, x, z):
    pieces = range(0, len(x), DECODED_AT_ONCE)
    losses = [
        vae.reconstruction(x[i : i + DECODED_AT_ONCE], z[i : i + DECODED_AT_ONCE]) for i in pieces
    ]
    return np.concatenate([ops.convert_to_numpy(loss) for loss in losses])


def _log_normal(z, mean=0.0, log_var=0.0):
    """Log density of N(mean, exp(log_var)) at z, summed over the latent dimensions."""
    log_var = log_var + np.zeros_like(z)
    return -0.5 * np.sum(
        math.log(2 * math.pi) + log_var + (z - mean) ** 2 * np.exp(-log_var), axis=-1
    )


def _encoded(vae, x):
    """Images, checked, and the mean and log_var of q(z|x)."""
    if not isinstance(vae, VAE):
        raise TypeError(
            f"this measure needs a VAE, whose encoder gives a distribution. Received: "
            f"{type(vae).__name__}"
        )
    x = check_images(x, "x", vae.image_shape)
    return x, *vae.encode(x)
