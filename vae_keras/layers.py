"""Sampling from the encoder's Gaussian so that gradients pass (slide rows L14 and L39)."""

from typing import Any

import keras
from keras import ops

from vae_keras.support.checks import a_pair_of_shapes
from vae_keras.support.noise import NoiseSeed
from vae_keras.support.tensors import exp  # as ops.exp, but it never overflows


@keras.saving.register_keras_serializable(package="vae_keras")
class Sampling(keras.layers.Layer):
    """Draws z = mu + sigma · epsilon with epsilon ~ N(0, I): the reparameterization trick.

    Called on `(mean, log_var)`, both of shape `(batch, latent)`; returns z of the same shape.
    log_var is log sigma², so that any real number is a valid output of the encoder.

    Args:
        seed: integer for a repeatable sequence of draws; None for a fresh one that follows
            `keras.utils.set_random_seed`.

    Example:
        >>> z = Sampling(seed=1)((mean, log_var))

    Source: slide "Sampling and Reconstruction in VAE"; Kingma and Welling 2014, section 2.4.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})  # in float16, sigma overflows
        self.seed_generator = NoiseSeed(seed)

    def build(self, input_shape):
        a_pair_of_shapes(input_shape)

    def call(self, inputs):
        mean, log_var = inputs  # (batch, latent) each
        epsilon = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        return mean + exp(0.5 * log_var) * epsilon

    def compute_output_shape(self, input_shape):
        mean, _ = input_shape  # Keras asks, so that `summary` can show it
        return mean

    def get_config(self):
        return {**super().get_config(), "seed": self.seed_generator.seed}
