"""Assignment 1: right answers, the usual mistakes, and the examples on which answers are graded."""

import math

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from answers import Answer
from vae_keras.homework.hw1 import IMAGE_SHAPE, basis, images, rows
from vae_keras.losses import reconstruction_loss

PIXELS = 28 * 28


# Right answers, by the names that students write.


def squared_distance(x, x_prime):
    return reconstruction_loss(x, x_prime, sigma=math.sqrt(0.5))  # 2σ² = 1


def empirical_loss(x, encoder, decoder, batch_size):
    return ops.mean(squared_distance(x, decoder(encoder(x))))


def make_networks(n, hidden, between="relu", code=None, pixels="sigmoid"):
    encoder = keras.Sequential([layers.Flatten(), layers.Dense(hidden, between), layers.Dense(n, code)])
    decoder = keras.Sequential(
        [layers.Dense(hidden, between), layers.Dense(PIXELS, pixels), layers.Reshape(IMAGE_SHAPE)]
    )
    return encoder, decoder


def gradient_step(x, encoder, decoder, learning_rate, distance=squared_distance, mean=ops.mean, moved=None):
    weights = [weight for network in moved or (encoder, decoder) for weight in network.trainable_weights]
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
    return np.mean([empirical_loss(x[i : i + batch_size], encoder, decoder, batch_size) for i in starts])


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

ANSWERS = {
    "squared_distance": Answer(
        right=squared_distance,
        mistakes={
            OVER_PIXELS: _pixels_averaged,
            "the images are added up as well: d(x, x') is one number for each image": _images_added,
            "this is the distance: what does the upper 2 in ‖x − x'‖₂² say?": _not_squared,
            "you add up |x − x'|: what does the lower 2 in ‖x − x'‖₂² say?": _absolute,
        },
        hidden=[
            [images(1, seed=11), images(1, seed=12)],  # one image still gives (1,)
            [images(5, seed=13), np.zeros((5, 28, 28, 1), "float32")],
            [images(4, seed=14), images(4, seed=14)],  # perfect: 0
            [np.zeros((2, 28, 28, 1), "float32"), np.ones((2, 28, 28, 1), "float32")],  # as bad as can be: 784
        ],
        same=("reconstruction_loss",),
    ),
    "empirical_loss": Answer(
        right=empirical_loss,
        mistakes={
            "the last batch is shorter: has each of its images the weight 1/N?": _batches_averaged,
            OVER_PIXELS: _loss_pixels_averaged,
            OVER_IMAGES: _loss_images_added,
        },
        hidden=[  # images, n, hidden units, batch_size, seed
            [5, 3, 4, 2, 11],
            [6, 1, 7, 4, 12],
            [3, 2, 5, 100, 13],  # a batch larger than the data set
            [1, 2, 5, 1, 14],
        ],
        stand_ins={"squared_distance": "lambda x, x_prime: vae_keras.reconstruction_loss(x, x_prime, 0.5**0.5)"},
        same=("reconstruction_loss",),
    ),
    "make_networks": Answer(
        right=make_networks,
        mistakes={
            "no code is below 0, but Z = R^n is the whole space: look at the encoder's last layer": _codes_not_negative,
            "pixels leave [0, 1]: look at the decoder's last dense layer": _pixels_unbounded,
            "two linear layers in a row are one linear layer: look at the hidden layers": _hidden_linear,
        },
        hidden=[[1, 5, 11], [7, 16, 12], [9, 4, 13]],
    ),
    "gradient_step": Answer(
        right=gradient_step,
        mistakes={
            "the loss goes up: which way does the gradient point?": _uphill,
            "the encoder does not move: L(θ, φ) has two sets of weights": _decoder_alone,
            "the decoder does not move: L(θ, φ) has two sets of weights": _encoder_alone,
            OVER_PIXELS: _step_pixels_averaged,
            OVER_IMAGES: _step_images_added,
        },
        hidden=[  # images, n, hidden units, learning rate, seed
            [1, 3, 6, 0.05, 11],
            [6, 1, 4, 0.003, 12],
            [3, 5, 12, 0.1, 13],
        ],
        stand_ins={"squared_distance": "lambda x, x_prime: vae_keras.reconstruction_loss(x, x_prime, 0.5**0.5)"},
        same=("reconstruction_loss",),
    ),
    "fit_pca": Answer(
        right=fit_pca,
        mistakes={
            "the components start at the origin, not at the mean image: what comes before the SVD?": _not_centred,
            "the mean image has one number for each pixel: over which axis is your mean?": _one_number_as_mean,
            "np.linalg.svd returns Vᵀ, not V: are the components its rows or its columns?": _columns,
        },
        hidden=[
            [rows(20, 6, seed=11), 1],
            [rows(7, 9, seed=12), 3],  # fewer images than pixels
            [rows(15, 5, seed=13), 5],  # all of them
        ],
    ),
    "pca_reconstruct": Answer(
        right=pca_reconstruct,
        mistakes={
            "whose mean is that? One held-out image alone would be its own mean": _mean_of_these_images,
            "without a code there would still be the mean image: what does your decoder add?": _mean_not_added,
            "components start at the mean image: what comes before the encoding?": _mean_not_taken_away,
        },
        hidden=[
            [rows(1, 6, seed=14), *basis(1, 6, seed=11)],  # one image is its own mean
            [rows(4, 9, seed=15), *basis(3, 9, seed=12)],
            [rows(5, 5, seed=16), *basis(5, 5, seed=13)],  # all components: perfect
            [np.zeros((2, 6), "float32"), *basis(4, 6, seed=11)],
        ],
    ),
    "compression_ratio": Answer(
        right=compression_ratio,
        mistakes={
            "you have compared numbers: how many bytes has each?": _numbers_compared,
            "in the data set a pixel is one byte; float32 is only what we compute with": _pixels_of_four_bytes,
            "upside down: which is better, a ratio of 2 or of 1/2?": _upside_down,
            "nobody can read the codes alone: what else is stored?": _decoder_forgotten,
            "is the decoder stored once, or once for each image?": _decoder_for_each_image,
        },
        hidden=[  # images, n, bytes for each number, weights of the decoder
            [1, 784, 1, 0],
            [1, 2, 4, 500_000],
            [60_000, 3, 1, 101_777],
            [10, 900, 4, 7],
        ],
    ),
}
