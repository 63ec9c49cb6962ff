"""Models of the course's networks, in one line."""

from collections.abc import Sequence
from typing import Any

from vae_keras.models import VAE, Autoencoder
from vae_keras.networks import make_decoder, make_encoder


def make_autoencoder(
    latent_dim: int = 2,
    network: str | Sequence[int] = "dense",
    image_shape: tuple[int, int, int] = (28, 28, 1),
    name: str = "autoencoder",
) -> Autoencoder:
    """An autoencoder, not yet compiled. network: as for `make_encoder`; name: shown in training."""
    encoder = make_encoder(latent_dim, network, image_shape)
    return Autoencoder(
        encoder, make_decoder(latent_dim, network, image_shape, "sigmoid"), name=name
    )


def make_vae(
    latent_dim: int = 2,
    network: str | Sequence[int] = "dense",
    image_shape: tuple[int, int, int] = (28, 28, 1),
    **vae_options: Any,
) -> VAE:
    """A VAE, not yet compiled. network: as for `make_encoder`; the options are those of `VAE`."""
    encoder = make_encoder(latent_dim, network, image_shape, heads=("mean", "log_var"))
    return VAE(
        encoder, make_decoder(latent_dim, network, image_shape), **{"name": "vae", **vae_options}
    )
