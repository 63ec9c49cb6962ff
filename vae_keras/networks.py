"""Encoders E_phi and decoders D_theta (slide row L01), as plain Keras models."""

import math
from collections.abc import Sequence

import keras
from keras import layers

from vae_keras.support.checks import whole_number
from vae_keras.support.images import check_image_shape

NETWORKS = ("dense", "conv")
HIDDEN_UNITS = (512, 256, 64)  # of the encoder "dense"; the decoder mirrors them
ACTIVATION = "gelu"  # after 5 epochs, one seed: the 2-d VAE is 3 nats better than with ReLU
FILTERS = (32, 64)  # of the conv encoder, each halving the width
SMALLEST = 8  # pixels, height and width, of an image for "conv"
LAST = {"data_format": "channels_last"}  # whatever ~/.keras/keras.json says


def make_encoder(
    latent_dim: int = 2,
    network: str | Sequence[int] = "dense",
    image_shape: tuple[int, int, int] = (28, 28, 1),
    heads: Sequence[str] = ("code",),
) -> keras.Model:
    """E_phi: images `(batch, height, width, channels)` → one `(batch, latent_dim)` per head.

    Args:
        latent_dim: n, the dimension of the latent space, at least 1.
        network: "dense", or the units of its layers, such as (128, 64) in place of (512, 256, 64);
            or "conv" (two strided convolutions, then 64 units).
        image_shape: (height, width, channels); at least 8 × 8 for "conv".
        heads: names of the outputs: one for an autoencoder; "mean" and "log_var" for a VAE.

    Raises:
        ValueError: latent_dim is not a whole number above 0, an unknown network, or a shape that is
            none or too small.
    """
    latent_dim, units, image_shape = _checked(latent_dim, network, image_shape)
    x = images = keras.Input(image_shape, name="image")
    if network == "conv":
        for filters in FILTERS:
            x = layers.Conv2D(filters, 3, strides=2, padding="same", activation=ACTIVATION, **LAST)(
                x
            )
        x = layers.Flatten(**LAST)(x)  # (batch, height/4 * width/4 * 64), for the digits 7 * 7 * 64
        x = layers.Dense(64, activation=ACTIVATION)(x)
    else:
        x = layers.Flatten(**LAST)(x)  # (batch, m), for the digits 784
        for n in units:
            x = layers.Dense(n, activation=ACTIVATION)(x)
    outputs = [layers.Dense(latent_dim, dtype="float32", name=head)(x) for head in heads]
    return keras.Model(images, outputs if len(heads) > 1 else outputs[0], name="encoder")


def make_decoder(
    latent_dim: int = 2,
    network: str | Sequence[int] = "dense",
    image_shape: tuple[int, int, int] = (28, 28, 1),
    activation: str | None = None,
) -> keras.Model:
    """D_theta: codes `(batch, latent_dim)` → images `(batch, height, width, channels)`.

    Args:
        latent_dim, network, image_shape: as for `make_encoder`, which it mirrors.
        activation: of the last layer: "sigmoid" gives pixels in [0, 1], None gives their logits.

    Raises:
        ValueError: as `make_encoder`.
    """
    latent_dim, units, image_shape = _checked(latent_dim, network, image_shape)
    z = keras.Input((latent_dim,), name="z")
    if network == "conv":
        height, width, channels = image_shape
        # for the digits (7, 7, 64)
        small = math.ceil(height / 4), math.ceil(width / 4), FILTERS[-1]
        x = layers.Dense(64, activation=ACTIVATION)(z)
        x = layers.Dense(math.prod(small), activation=ACTIVATION)(x)
        x = layers.Reshape(small)(x)
        for filters in reversed(FILTERS):
            x = layers.Conv2DTranspose(
                filters, 3, strides=2, padding="same", activation=ACTIVATION, **LAST
            )(x)
        if (spare := (4 * small[0] - height, 4 * small[1] - width)) != (0, 0):
            x = layers.Cropping2D(((0, spare[0]), (0, spare[1])), **LAST)(x)
        x = layers.Conv2D(
            channels, 3, padding="same", activation=activation, name="pixels", **LAST
        )(x)
    else:
        x = z
        for n in reversed(units):
            x = layers.Dense(n, activation=ACTIVATION)(x)
        x = layers.Dense(math.prod(image_shape), activation=activation, name="pixels")(x)
        x = layers.Reshape(image_shape)(x)
    return keras.Model(z, x, name="decoder")


def make_classifier(
    image_shape: tuple[int, int, int] = (28, 28, 1), classes: int = 10
) -> keras.Model:
    """A small classifier, not yet compiled; its last hidden layer, "features", measures likeness.

    Images `(batch, height, width, channels)` → logits `(batch, classes)`.
    """
    return keras.Sequential(
        [
            keras.Input(check_image_shape(image_shape)),
            layers.Flatten(**LAST),
            layers.Dense(256, activation=ACTIVATION),
            layers.Dense(64, activation=ACTIVATION, name="features"),
            layers.Dense(whole_number(classes, "classes"), name="logits"),
        ],
        name="classifier",
    )


def _checked(latent_dim, network, image_shape):
    if isinstance(network, list | tuple):
        units = tuple(whole_number(n, "network's units") for n in network)
    elif isinstance(network, str) and network in NETWORKS:
        units = HIDDEN_UNITS
    else:
        raise ValueError(
            "network must be 'dense', 'conv', or the units of dense layers, such as (128, 64). "
            f"Received: network={network!r}"
        )
    shape = check_image_shape(image_shape)
    if network == "conv" and min(shape[:2]) < SMALLEST:
        raise ValueError(
            f"image_shape must be at least {SMALLEST} × {SMALLEST} for network='conv'; 'dense' "
            f"takes smaller ones. Received: image_shape={shape}"
        )
    return whole_number(latent_dim, "latent_dim"), units, shape
