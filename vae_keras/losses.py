"""The terms of the objective, in nats per image: sums over pixels and latents, one value per image."""

import tensorflow as tf
from keras import ops

from vae_keras.support.checks import above_zero


def kl_divergence(mean: tf.Tensor, log_var: tf.Tensor) -> tf.Tensor:
    """KL divergence from N(mean, exp(log_var)) to the prior N(0, I): ½ Σ (μ² + σ² − 1 − log σ²).

    The slide prints ½ Σ (1 + log σ² − μ² − σ²), which is the negative of it (row L21).

    Args:
        mean: `(batch, latent)`.
        log_var: `(batch, latent)`, log σ². Above 10 it counts linearly, so that nothing overflows (`safe_exp`).

    Returns:
        `(batch,)` in nats, at least 0 up to rounding.

    Raises:
        ValueError: mean and log_var differ in shape.

    Source: slide "KL Divergence: Mathematical Formulation"; Kingma and Welling 2014, appendix B.
    """
    mean, log_var = as_float32(mean=mean, log_var=log_var)
    return 0.5 * ops.sum(ops.square(mean) + safe_exp(log_var) - 1.0 - log_var, axis=-1)


def reconstruction_loss(x: tf.Tensor, x_hat: tf.Tensor, sigma: float = 1.0) -> tf.Tensor:
    """The lecture's reconstruction loss, ‖x − x̂‖² / (2σ²).

    It is −log N(x; x̂, σ²I) without the constant ½ m log(2πσ²).

    Args:
        x, x_hat: images `(batch, ...)` of the same shape.
        sigma: the fixed standard deviation of a pixel, above 0.

    Returns:
        `(batch,)` in nats, summed over pixels.

    Raises:
        ValueError: x and x_hat differ in shape, or sigma is not above 0 and finite.

    Source: slide "Reconstruction Loss in VAE" (row L18).
    """
    above_zero(sigma, "sigma")
    x, x_hat = as_float32(x=x, x_hat=x_hat)
    return _sum_over_pixels(ops.square(x - x_hat)) / (2.0 * sigma**2)


def bernoulli_loss(x: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Cross-entropy −Σ x log p + (1 − x) log(1 − p) with p = sigmoid(logits), computed from the logits.

    Computing p first would lose it: at logit −17 and x = 1 its gradient is exactly 0 in float32.

    Args:
        x: images `(batch, ...)` in [0, 1].
        logits: the same shape, any real numbers.

    Returns:
        `(batch,)` in nats, summed over pixels.

    Raises:
        ValueError: x and logits differ in shape.

    Source: Kingma and Welling 2014, appendix C.1.
    """
    x, logits = as_float32(x=x, logits=logits)
    return _sum_over_pixels(ops.softplus(logits) - x * logits)


def safe_exp(v: tf.Tensor) -> tf.Tensor:
    """exp(v) up to v = 10, from there on its tangent: exp overflows at 89 in float32, its gradient at 11 in float16."""
    return ops.exp(ops.minimum(v, 10.0)) * (1.0 + ops.relu(v - 10.0))


def _sum_over_pixels(values):
    return ops.sum(values, axis=tuple(range(1, len(values.shape))))


def as_float32(**pair: tf.Tensor) -> list[tf.Tensor]:
    """Two tensors of one shape as float32: sums over 784 pixels lose digits in half precision."""
    tensors = [_numbers(value, name) for name, value in pair.items()]
    shapes = [tuple(tensor.shape) for tensor in tensors]
    if shapes[0] != shapes[1]:
        received = ", ".join(f"{name}.shape={shape}" for name, shape in zip(pair, shapes, strict=True))
        raise ValueError(f"{' and '.join(pair)} must have the same shape. Received: {received}")
    if not shapes[0]:
        raise ValueError(f"{' and '.join(pair)} must have the shape (batch, ...). Received: single numbers")
    return tensors


def _numbers(value, name):
    try:
        return ops.cast(ops.convert_to_tensor(value), "float32")
    except (TypeError, ValueError, tf.errors.OpError):  # text, None, or rows of different length
        raise TypeError(f"{name} must be a tensor of numbers. Received: a {type(value).__name__}") from None
