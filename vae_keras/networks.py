"""Encoders E_phi and decoders D_theta (slide row L01), as plain Keras models."""

import math
from collections.abc import Sequence

import keras
from keras import layers

from vae_keras.support.checks import one_of, whole_number
from vae_keras.data import IMAGE_SHAPE

NETWORKS = ("dense", "conv")
HIDDEN_UNITS = (512, 256, 64)  # of the dense encoder; the decoder mirrors them
ACTIVATION = "gelu"  # after 5 epochs, one seed: the 2-d VAE is 3 nats better than with ReLU
FILTERS = (32, 64)  # of the conv encoder, each halving the width


def make_encoder(latent_dim: int = 2, network: str = "dense", heads: Sequence[str] = ("code",)) -> keras.Model:
    """E_phi: images `(batch, 28, 28, 1)` → one `(batch, latent_dim)` per head.

    Args:
        latent_dim: n, the dimension of the latent space, at least 1.
        network: "dense" (512-256-64) or "conv" (two strided convolutions, then 64 units).
        heads: names of the outputs: one for an autoencoder; "mean" and "log_var" for a VAE.

    Raises:
        ValueError: latent_dim is not a whole number above 0, or an unknown network.
    """
    latent_dim = _check(latent_dim, network)
    x = images = keras.Input(IMAGE_SHAPE, name="image")
    if network == "conv":
        for filters in FILTERS:
            x = layers.Conv2D(filters, 3, strides=2, padding="same", activation=ACTIVATION)(x)
        x = layers.Flatten()(x)  # (batch, 7 * 7 * 64)
        x = layers.Dense(64, activation=ACTIVATION)(x)
    else:
        x = layers.Flatten()(x)  # (batch, 784)
        for units in HIDDEN_UNITS:
            x = layers.Dense(units, activation=ACTIVATION)(x)
    outputs = [layers.Dense(latent_dim, name=head)(x) for head in heads]
    return keras.Model(images, outputs if len(heads) > 1 else outputs[0], name="encoder")


def make_decoder(latent_dim: int = 2, network: str = "dense", activation: str | None = None) -> keras.Model:
    """D_theta: codes `(batch, latent_dim)` → images `(batch, 28, 28, 1)`.

    Args:
        latent_dim, network: as for `make_encoder`, which it mirrors.
        activation: of the last layer: "sigmoid" gives pixels in [0, 1], None gives their logits.

    Raises:
        ValueError: latent_dim is not a whole number above 0, or an unknown network.
    """
    latent_dim = _check(latent_dim, network)
    z = keras.Input((latent_dim,), name="z")
    if network == "conv":
        x = layers.Dense(64, activation=ACTIVATION)(z)
        x = layers.Dense(7 * 7 * FILTERS[-1], activation=ACTIVATION)(x)
        x = layers.Reshape((7, 7, FILTERS[-1]))(x)
        for filters in reversed(FILTERS):
            x = layers.Conv2DTranspose(filters, 3, strides=2, padding="same", activation=ACTIVATION)(x)
        x = layers.Conv2D(1, 3, padding="same", activation=activation, name="pixels")(x)
    else:
        x = z
        for units in reversed(HIDDEN_UNITS):
            x = layers.Dense(units, activation=ACTIVATION)(x)
        x = layers.Dense(math.prod(IMAGE_SHAPE), activation=activation, name="pixels")(x)
        x = layers.Reshape(IMAGE_SHAPE)(x)
    return keras.Model(z, x, name="decoder")


def make_classifier() -> keras.Model:
    """A small digit classifier, not yet compiled; its last hidden layer, "features", measures likeness.

    Images `(batch, 28, 28, 1)` → logits `(batch, 10)`.
    """
    return keras.Sequential(
        [
            keras.Input(IMAGE_SHAPE),
            layers.Flatten(),
            layers.Dense(256, activation=ACTIVATION),
            layers.Dense(64, activation=ACTIVATION, name="features"),
            layers.Dense(10, name="logits"),
        ],
        name="classifier",
    )


def _check(latent_dim, network):
    one_of(network, NETWORKS, "network")
    return whole_number(latent_dim, "latent_dim")
