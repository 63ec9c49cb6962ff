"""What an autoencoder and a VAE share: two networks, and what one does with their codes."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from vae_keras.paths import PATHS
from vae_keras.support.checks import model_name, one_of
from vae_keras.support.finite import Mean
from vae_keras.support.image_model import ImageModel
from vae_keras.support.images import check_images, one_image
from vae_keras.support.networks import check_codes, in_batches, outputs, shapes_of


class LatentModel(ImageModel):
    """An encoder, a decoder, and what one does with both: the base of `Autoencoder` and `VAE`.

    `heads` says how many outputs the encoder has; `images_from` decodes.
    """

    heads: int

    def __init__(
        self,
        encoder: keras.Layer,
        decoder: keras.Layer,
        image_shape: tuple | None = None,
        **kwargs: Any,
    ) -> None:
        if kwargs.get("name") is not None:
            model_name(kwargs["name"])
        super().__init__(**kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.latent_dim, self.image_shape = shapes_of(encoder, decoder, self.heads, image_shape)
        self.loss_tracker = Mean(name="loss")
        self.built = True  # both networks are; else Keras loses the optimizer's state when it loads

    def encode(self, x: np.ndarray) -> Any:
        """Images `(n, height, width, channels)` → z `(n, latent)`, as a NumPy array; of a VAE
        `(mean, log_var)` of q(z|x), two such arrays.
        """
        x = check_images(x, "x", self.image_shape)
        codes = in_batches(lambda images: outputs(self.encoder, images), x)
        return codes[0] if self.heads == 1 else codes

    def reconstruct(self, x: np.ndarray) -> np.ndarray:
        """Images `(n, height, width, channels)` → x̂ in [0, 1]; a VAE's from the mean of q(z|x)."""
        return self.decode(self._codes(x))

    def decode(self, z: ArrayLike) -> np.ndarray:
        """Codes `(n, latent)` → images `(n, height, width, channels)` in [0, 1], as a NumPy array.

        Raises:
            ValueError: z has another shape, or holds NaN or infinity.
        """
        return in_batches(self.images_from, check_codes(z, self.latent_dim))

    def interpolate(
        self, x_a: np.ndarray, x_b: np.ndarray, steps: int = 9, path: str = "linear"
    ) -> np.ndarray:
        """Decode a path between the codes of two images.

        Args:
            x_a, x_b: one image each, `(height, width, channels)` or `(1, height, width, channels)`.
            steps: number of images, both ends included, at least 2.
            path: "linear" or "spherical".

        Returns:
            `(steps, height, width, channels)`; its ends are the reconstructions of x_a and x_b.

        Raises:
            ValueError: more than one image at an end, steps below 2, or an unknown path.
        """
        one_of(path, PATHS, "path")
        ends = {"x_a": x_a, "x_b": x_b}
        z_a, z_b = (
            self._codes(one_image(x, name, self.image_shape))[0] for name, x in ends.items()
        )
        return self.decode(PATHS[path](z_a, z_b, steps))

    def track(self, weight: Any, **terms: tf.Tensor) -> dict[str, tf.Tensor]:
        """Count each image once, so that a short last batch weighs what it should."""
        for metric in self.metrics:
            if metric.name in terms:  # a subclass may have others
                metric.update_state(weight * terms[metric.name])
        return self.get_metrics_result()

    def _codes(self, x):
        """The codes that images are decoded from: of a VAE the means."""
        codes = self.encode(x)
        return codes if self.heads == 1 else codes[0]

    @property
    def metrics(self):
        return [self.loss_tracker]

    def get_config(self):
        networks = {"dtype": self.dtype_policy, "encoder": self.encoder, "decoder": self.decoder}
        config = {
            key: keras.saving.serialize_keras_object(value) for key, value in networks.items()
        }
        return {
            "name": self.name,
            "trainable": self.trainable,
            "image_shape": self.image_shape,
            **config,
        }

    @classmethod
    def from_config(cls, config):
        networks = {key: config[key] for key in ("dtype", "encoder", "decoder")}
        made = {
            key: keras.saving.deserialize_keras_object(value) for key, value in networks.items()
        }
        return cls(**{**config, **made})
