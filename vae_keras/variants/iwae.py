"""The importance-weighted autoencoder: a VAE trained on a tighter bound."""

import math
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from vae_keras.models import VAE
from vae_keras.support.checks import whole_number
from vae_keras.support.networks import in_range, outputs
from vae_keras.support.tensors import exp


@keras.saving.register_keras_serializable(package="vae_keras")
class IWAE(VAE):
    """A VAE whose loss is minus the importance-weighted bound, −log 1/k Σᵢ p(x, zᵢ) / q(zᵢ|x).

    The bound of k draws grows with k towards log p(x). A step costs about k times a VAE's decoder.

    The terms are those of a VAE whose draw is picked from the k by its weight; wᵢ below, which sum
    to 1. They add up to the loss: `reconstruction_loss` is Σ wᵢ · reconstruction(zᵢ), `kl_loss` is
    Σ wᵢ · (log q(zᵢ|x) − log p(zᵢ) + log k wᵢ). The latter is an estimate: its mean, with k = 1, is
    a VAE's KL, and on one image it can be below 0. beta and reconstruction_weight weigh the terms;
    only where both are 1, their sum is minus the bound.

    Args:
        encoder, decoder: as for `VAE`.
        samples: k, the draws of z per image, at least 1.
        options: those of `VAE`.

    Raises:
        ValueError: as `VAE`, or samples is not a whole number above 0.

    Source: Burda et al. 2016, equation 8; the terms: Cremer et al. 2017, "Reinterpreting
    Importance-Weighted Autoencoders".
    """

    def __init__(
        self, encoder: keras.Model, decoder: keras.Model, samples: int = 5, **options: Any
    ) -> None:
        samples = whole_number(samples, "samples")
        super().__init__(encoder, decoder, **options)
        self.samples = samples

    @property
    def options(self) -> dict[str, Any]:
        return {**super().options, "samples": self.samples}

    def loss_terms(
        self, x: tf.Tensor, y: tf.Tensor | None = None, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Both terms of each image, `(batch,)` each, in nats, for k draws of z."""
        k = self.samples
        mean, log_var = (ops.repeat(head, k, axis=0) for head in outputs(self.encoder, x, training))
        epsilon = keras.random.normal(ops.shape(mean), seed=self.sampling.seed_generator)
        z = in_range(self.decoder, mean + exp(0.5 * log_var) * epsilon)  # (batch * k, latent)
        log_ratio = 0.5 * ops.sum(z**2 - epsilon**2 - log_var, axis=-1)  # log q(z|x) − log p(z)
        reconstruction = self.reconstruction(
            ops.repeat(x if y is None else y, k, axis=0), z, training
        )
        reconstruction, log_ratio = (ops.reshape(v, (-1, k)) for v in (reconstruction, log_ratio))
        log_share = ops.log_softmax(-reconstruction - log_ratio, axis=-1)  # log wᵢ
        kl = log_ratio + log_share + math.log(k)
        return ops.sum(ops.exp(log_share) * reconstruction, axis=-1), ops.sum(
            ops.exp(log_share) * kl, axis=-1
        )
