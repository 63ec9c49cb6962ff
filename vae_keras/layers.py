"""Sampling from the encoder's Gaussian so that gradients pass (slide rows L14 and L39)."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from vae_keras.support.checks import whole_number
from vae_keras.losses import as_float32, safe_exp


@keras.saving.register_keras_serializable(package="vae_keras")
class Sampling(keras.layers.Layer):
    """Draws z = mu + sigma · epsilon with epsilon ~ N(0, I): the reparameterization trick.

    Called on `(mean, log_var)`, both of shape `(batch, latent)`; returns z of the same shape. log_var is
    log sigma², so that any real number is a valid output of the encoder.

    Args:
        seed: integer for a repeatable sequence of draws; None for a fresh one that follows
            `keras.utils.set_random_seed`.

    Example:
        >>> z = Sampling(seed=1)((mean, log_var))

    Source: slide "Sampling and Reconstruction in VAE"; Kingma and Welling 2014, section 2.4.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed if seed is None else whole_number(seed, "seed", least=0)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def call(self, inputs, noise_seed=None):
        """Draw z. `noise_seed`, two integers, makes the draw a function of them alone; else each call draws anew."""
        if not isinstance(inputs, (tuple, list)) or len(inputs) != 2:
            raise TypeError(f"Sampling is called on a pair (mean, log_var). Received: a {type(inputs).__name__}")
        mean, log_var = as_float32(mean=inputs[0], log_var=inputs[1])  # in float16, sigma overflows at log_var 22
        if noise_seed is None:
            epsilon = keras.random.normal(ops.shape(mean), dtype="float32", seed=self.seed_generator)
        else:
            noise_seed = tf.convert_to_tensor(noise_seed)
            if noise_seed.shape != (2,) or not noise_seed.dtype.is_integer:
                raise ValueError(f"noise_seed must be two integers. Received: {noise_seed}")
            epsilon = tf.random.stateless_normal(ops.shape(mean), noise_seed, alg="philox")
        z = mean + safe_exp(0.5 * log_var) * epsilon
        if self.compute_dtype == "float16":  # it ends at 65,504, which a decoder's sums over z must not pass
            z = ops.clip(z, -1000.0, 1000.0)
        return ops.cast(z, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape[0]  # of the mean

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}
