"""The terms of the objective, in nats: sums over pixels and latents, one value per image."""

import tensorflow as tf
from keras import ops

from vae_keras.support.tensors import exp, of_one_shape, sum_over_pixels  # exp that never overflows


@of_one_shape
def kl_divergence(mean: tf.Tensor, log_var: tf.Tensor) -> tf.Tensor:
    """KL divergence from N(mean, exp(log_var)) to the prior N(0, I): ½ Σ (μ² + σ² − 1 − log σ²).

    The slide prints ½ Σ (1 + log σ² − μ² − σ²), which is the negative of it (row L21).

    Args:
        mean: `(batch, latent)`.
        log_var: `(batch, latent)`, log σ². Above 10, σ² goes on as its tangent, so that nothing
            overflows.

    Returns:
        `(batch,)` in nats, at least 0 up to rounding.

    Raises:
        ValueError: mean and log_var differ in shape.

    Source: slide "KL Divergence: Mathematical Formulation"; Kingma and Welling 2014, appendix B.
    """
    return 0.5 * ops.sum(ops.square(mean) + exp(log_var) - 1.0 - log_var, axis=-1)


@of_one_shape
def reconstruction_loss(x: tf.Tensor, x_hat: tf.Tensor, sigma: float = 1.0) -> tf.Tensor:
    """The lecture's reconstruction loss, ‖x − x̂‖² / (2σ²).

    It is −log N(x; x̂, σ²I) without the term ½ m log(2πσ²).

    Args:
        x, x_hat: images `(batch, ...)` of the same shape.
        sigma: standard deviation of a pixel, above 0.

    Returns:
        `(batch,)` in nats, summed over pixels.

    Raises:
        ValueError: x and x_hat differ in shape, or sigma is not above 0 and finite.

    Source: slide "Reconstruction Loss in VAE" (row L18).
    """
    return sum_over_pixels(ops.square(x - x_hat)) / (2.0 * sigma**2)


@of_one_shape
def bernoulli_loss(x: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Cross-entropy −Σ x log p + (1 − x) log(1 − p), p = sigmoid(logits), computed from the logits.

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
    return sum_over_pixels(ops.softplus(logits) - x * logits)
