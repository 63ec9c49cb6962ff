"""Small networks for tests: they are built in milliseconds and take the same steps as large ones."""

import keras
from keras import layers

from vae_keras import VAE, Autoencoder

IMAGE_SHAPE = (28, 28, 1)
VAE_HEADS = ("mean", "log_var")


def small_encoder(heads=VAE_HEADS, latent_dim=2, network="dense", **layer_options):
    x = images = keras.Input(IMAGE_SHAPE)
    if network == "conv":
        x = layers.Conv2D(4, 7, strides=7, activation="gelu", **layer_options)(x)
    x = layers.Flatten()(x)
    if network == "dense":
        x = layers.Dense(16, activation="gelu", **layer_options)(x)
    outputs = [layers.Dense(latent_dim, name=head)(x) for head in heads]
    return keras.Model(images, outputs if len(heads) > 1 else outputs[0], name="encoder")


def small_decoder(latent_dim=2, network="dense", activation=None):
    x = z = keras.Input((latent_dim,))
    if network == "conv":
        x = layers.Dense(4 * 4 * 4, activation="gelu")(x)
        x = layers.Reshape((4, 4, 4))(x)
        x = layers.Conv2DTranspose(1, 7, strides=7, activation=activation)(x)
    else:
        x = layers.Dense(16, activation="gelu")(x)
        x = layers.Dense(784, activation=activation)(x)
        x = layers.Reshape(IMAGE_SHAPE)(x)
    return keras.Model(z, x, name="decoder")


def small_vae(latent_dim=2, network="dense", **options):
    encoder = small_encoder(latent_dim=latent_dim, network=network)
    return VAE(encoder, small_decoder(latent_dim, network), **options)


def small_autoencoder(latent_dim=2, network="dense"):
    encoder = small_encoder(("code",), latent_dim, network)
    return Autoencoder(encoder, small_decoder(latent_dim, network, activation="sigmoid"))


def constant(value):
    """Options of a layer whose output is `value`, whatever its input."""
    return {"kernel_initializer": "zeros", "bias_initializer": keras.initializers.Constant(value)}


def constant_encoder(mean=0.0, log_var=0.0, latent_dim=2):
    """An encoder that gives every image the same q(z|x)."""
    images = keras.Input(IMAGE_SHAPE)
    x = layers.Flatten()(images)
    heads = [layers.Dense(latent_dim, **constant(value))(x) for value in (mean, log_var)]
    return keras.Model(images, heads)


def constant_decoder(logit=0.0, latent_dim=2):
    """A decoder that gives every code the same image."""
    z = keras.Input((latent_dim,))
    return keras.Model(z, layers.Reshape(IMAGE_SHAPE)(layers.Dense(784, **constant(logit))(z)))


def noiseless_vae(**options):
    """A VAE whose q(z|x) is so narrow that its loss is the same for every draw."""
    images = keras.Input(IMAGE_SHAPE)
    x = layers.Flatten()(images)
    mean, log_var = layers.Dense(2)(x), layers.Dense(2, **constant(-80.0))(x)
    return VAE(keras.Model(images, (mean, log_var)), small_decoder(), **options)


def drawn(layer, pair, step=4):
    """What a `Sampling` layer draws in the step of this number."""
    with layer.seed_generator.at(step):
        return layer(pair)


def terms(model, x, step=4):
    """Both terms of a VAE's loss, with the noise of the step of this number."""
    with model.sampling.seed_generator.at(step):
        return model.loss_terms(x)
