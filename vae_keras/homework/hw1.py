"""Homework 1: the empirical loss, an undercomplete autoencoder, PCA, and bytes (rows L01 to L07).

Images are float32 `(N, 28, 28, 1)` in [0, 1]. An image has m = 784 pixels, its code has n numbers.
"""

import math

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from vae_keras.homework import Task
from vae_keras.losses import reconstruction_loss

IMAGE_SHAPE = (28, 28, 1)
PIXELS = 28 * 28


def images(count, seed):
    """Images of noise, `(count, 28, 28, 1)`. Their pixels are multiples of 1/16, so that they are short to write."""
    return np.random.default_rng(seed).integers(0, 17, (count, *IMAGE_SHAPE)).astype("float32") / 16


def rows(count, m, seed):
    """Vectors `(count, m)` around a mean that is not 0, float32; in each direction they vary by another amount."""
    rng = np.random.default_rng(seed)
    directions = np.linalg.qr(rng.normal(size=(m, m)))[0]
    draws = rng.normal(size=(count, m)) * 0.6 ** np.arange(m)
    return (draws @ directions + rng.normal(size=m)).round(3).astype("float32")


def fix_weights(network, seed):
    """Give a network weights that derive from the seed and their shapes alone, in whatever order it holds them."""
    for weight in network.weights:
        draws = np.random.default_rng([seed, *weight.shape]).normal(size=weight.shape)
        weight.assign(draws / math.sqrt(weight.shape[0]))


# Right answers, by the names that students write.


def squared_distance(x, x_prime):
    return reconstruction_loss(x, x_prime, sigma=math.sqrt(0.5))  # 2σ² = 1


def empirical_loss(x, encoder, decoder, batch_size):
    return ops.mean(squared_distance(x, decoder(encoder(x))))


def make_networks(n, hidden, between="relu", code=None, pixels="sigmoid"):
    encoder = keras.Sequential(
        [layers.Flatten(), layers.Dense(hidden, between), layers.Dense(n, code)]
    )
    decoder = keras.Sequential(
        [layers.Dense(hidden, between), layers.Dense(PIXELS, pixels), layers.Reshape(IMAGE_SHAPE)]
    )
    return encoder, decoder


def gradient_step(
    x, encoder, decoder, learning_rate, distance=squared_distance, mean=ops.mean, moved=None
):
    weights = [
        weight for network in moved or (encoder, decoder) for weight in network.trainable_weights
    ]
    with tf.GradientTape() as tape:
        loss = mean(distance(x, decoder(encoder(x))))
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        weight.assign_sub(learning_rate * gradient)
    return loss


def fit_pca(x_train, n):
    mean = x_train.mean(axis=0)
    return mean, np.linalg.svd(x_train - mean, full_matrices=False)[2][:n]


def pca_reconstruct(x, mean, components):
    return (x - mean) @ components.T @ components + mean


def compression_ratio(images, n, bytes_per_number, decoder_weights):
    return images * PIXELS / (images * n * bytes_per_number + 4 * decoder_weights)


# How answers are tried, where calling them is not enough.


def with_networks(answer, count, n, hidden, batch_size, seed):
    """Call `empirical_loss` on two small networks."""
    return answer(images(count, seed), *_networks(n, hidden, seed), batch_size)


def built(answer, n, hidden, seed):
    """Call `make_networks`: the numbers of weights; then, with fixed weights, codes of images and images of codes."""
    encoder, decoder = answer(n, hidden)
    x, z = images(3, seed), np.random.default_rng(seed).normal(size=(3, n)).astype("float32")
    for network, inputs in ((encoder, x), (decoder, z)):
        network(inputs)  # builds it
        fix_weights(network, seed)
    return [encoder.count_params(), decoder.count_params()], encoder(x), decoder(z)


def two_steps(answer, count, n, hidden, learning_rate, seed):
    """Call `gradient_step` twice: the loss before each step, and by how much both moved each network's weights."""
    x, networks = images(count, seed), _networks(n, hidden, seed)
    before = [_flat(network) for network in networks]
    losses = [answer(x, *networks, learning_rate) for _ in range(2)]
    return losses, *(_flat(network) - was for network, was in zip(networks, before, strict=True))


def with_arrays(answer, *arguments):
    """Call a function that is to be written in NumPy."""
    return answer(*arguments)


def up_to_sign(answer, x_train, n):
    """Call `fit_pca`: a component may point either way, so each is turned to make its largest number positive."""
    mean, components = answer(x_train, n)
    components = np.asarray(components)
    largest = np.take_along_axis(components, np.abs(components).argmax(axis=-1)[..., None], axis=-1)
    return mean, components * np.sign(largest)


def _networks(n, hidden, seed):
    networks = make_networks(n, hidden)
    for network, shape in zip(networks, (IMAGE_SHAPE, (n,)), strict=True):
        network.build((None, *shape))
        fix_weights(network, seed)
    return networks


def _flat(network):
    return np.concatenate([ops.convert_to_numpy(weight).ravel() for weight in network.weights])


# Mistakes.


def _pixels_averaged(x, x_prime):
    return squared_distance(x, x_prime) / PIXELS


def _images_added(x, x_prime):
    return ops.sum(squared_distance(x, x_prime))


def _not_squared(x, x_prime):
    return ops.sqrt(squared_distance(x, x_prime))


def _absolute(x, x_prime):
    return ops.sum(ops.abs(x - x_prime), axis=(1, 2, 3))


def _loss_pixels_averaged(*given):
    return empirical_loss(*given) / PIXELS


def _loss_images_added(x, *given):
    return empirical_loss(x, *given) * len(x)


def _batches_averaged(x, encoder, decoder, batch_size):
    starts = range(0, len(x), batch_size)
    return np.mean(
        [empirical_loss(x[i : i + batch_size], encoder, decoder, batch_size) for i in starts]
    )


def _codes_not_negative(n, hidden):
    return make_networks(n, hidden, code="relu")


def _pixels_unbounded(n, hidden):
    return make_networks(n, hidden, pixels=None)


def _hidden_linear(n, hidden):
    return make_networks(n, hidden, between=None)


def _uphill(x, encoder, decoder, learning_rate):
    return gradient_step(x, encoder, decoder, -learning_rate)


def _decoder_alone(x, encoder, decoder, learning_rate):
    return gradient_step(x, encoder, decoder, learning_rate, moved=[decoder])


def _encoder_alone(x, encoder, decoder, learning_rate):
    return gradient_step(x, encoder, decoder, learning_rate, moved=[encoder])


def _step_pixels_averaged(*given):
    return gradient_step(*given, distance=_pixels_averaged)


def _step_images_added(*given):
    return gradient_step(*given, mean=ops.sum)


def _not_centred(x_train, n):
    return x_train.mean(axis=0), np.linalg.svd(x_train, full_matrices=False)[2][:n]


def _one_number_as_mean(x_train, n):
    mean = x_train.mean()
    return mean, np.linalg.svd(x_train - mean, full_matrices=False)[2][:n]


def _columns(x_train, n):
    mean = x_train.mean(axis=0)
    return mean, np.linalg.svd(x_train - mean, full_matrices=False)[2][:, :n]


def _mean_of_these_images(x, mean, components):
    return pca_reconstruct(x, x.mean(axis=0), components)


def _mean_not_added(x, mean, components):
    return pca_reconstruct(x, mean, components) - mean


def _mean_not_taken_away(x, mean, components):
    return x @ components.T @ components + mean


def _numbers_compared(images, n, bytes_per_number, decoder_weights):
    return images * PIXELS / (images * n + decoder_weights)


def _pixels_of_four_bytes(*given):
    return 4 * compression_ratio(*given)


def _upside_down(*given):
    return 1 / compression_ratio(*given)


def _decoder_forgotten(images, n, bytes_per_number, decoder_weights):
    return compression_ratio(images, n, bytes_per_number, 0)


def _decoder_for_each_image(images, *given):
    return compression_ratio(1, *given)


OVER_PIXELS = "is ‖x − x'‖² a sum or a mean over the pixels?"
OVER_IMAGES = "this grows with the number of images: what stands before the Σ?"

TASKS = {
    "squared_distance": Task(
        squared_distance,
        examples=[(images(3, seed=1), images(3, seed=2))],
        mistakes={
            OVER_PIXELS: _pixels_averaged,
            "the images are added up as well: d(x, x') is one number for each image": _images_added,
            "this is the distance: what does the upper 2 in ‖x − x'‖₂² say?": _not_squared,
            "you add up |x − x'|: what does the lower 2 in ‖x − x'‖₂² say?": _absolute,
        },
    ),
    "empirical_loss": Task(
        empirical_loss,
        examples=[(7, 2, 5, 3, 1), (4, 3, 6, 2, 2)],  # batches of 3, 3 and 1 images; of 2 and 2
        probe=with_networks,
        mistakes={
            "the last batch is shorter: has each of its images the weight 1/N?": _batches_averaged,
            OVER_PIXELS: _loss_pixels_averaged,
            OVER_IMAGES: _loss_images_added,
        },
    ),
    "make_networks": Task(
        make_networks,
        examples=[(2, 16, 1)],
        probe=built,
        mistakes={
            "no code is below 0, but Z = R^n is the whole space: look at the encoder's last layer": _codes_not_negative,
            "pixels leave [0, 1]: look at the decoder's last dense layer": _pixels_unbounded,
            "two linear layers in a row are one linear layer: look at the hidden layers": _hidden_linear,
        },
    ),
    "gradient_step": Task(
        gradient_step,
        examples=[(4, 2, 8, 0.02, 2)],
        probe=two_steps,
        rtol=1e-3,
        atol=1e-6,
        mistakes={
            "the loss goes up: which way does the gradient point?": _uphill,
            "the encoder does not move: L(θ, φ) has two sets of weights": _decoder_alone,
            "the decoder does not move: L(θ, φ) has two sets of weights": _encoder_alone,
            OVER_PIXELS: _step_pixels_averaged,
            OVER_IMAGES: _step_images_added,
        },
    ),
    "fit_pca": Task(
        fit_pca,
        examples=[(rows(12, 5, seed=1), 2)],
        probe=up_to_sign,
        rtol=1e-3,
        atol=1e-3,
        mistakes={
            "the components start at the origin, not at the mean image: what comes before the SVD?": _not_centred,
            "the mean image has one number for each pixel: over which axis is your mean?": _one_number_as_mean,
            "np.linalg.svd returns Vᵀ, not V: are the components its rows or its columns?": _columns,
        },
    ),
    "pca_reconstruct": Task(
        pca_reconstruct,
        examples=[(rows(3, 5, seed=2), *fit_pca(rows(12, 5, seed=1), 2))],
        probe=with_arrays,
        mistakes={
            "whose mean is that? One held-out image alone would be its own mean": _mean_of_these_images,
            "without a code there would still be the mean image: what does your decoder add?": _mean_not_added,
            "components start at the mean image: what comes before the encoding?": _mean_not_taken_away,
        },
    ),
    "compression_ratio": Task(
        compression_ratio,
        examples=[(100, 32, 2, 0), (1000, 8, 1, 102_288)],
        mistakes={
            "you have compared numbers: how many bytes has each?": _numbers_compared,
            "in the data set a pixel is one byte; float32 is only what we compute with": _pixels_of_four_bytes,
            "upside down: which is better, a ratio of 2 or of 1/2?": _upside_down,
            "nobody can read the codes alone: what else is stored?": _decoder_forgotten,
            "is the decoder stored once, or once for each image?": _decoder_for_each_image,
        },
    ),
}
