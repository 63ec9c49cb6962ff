"""Homework 1: the empirical loss, an undercomplete autoencoder, PCA, and bytes (rows L01 to L07).

Images are float32 `(N, 28, 28, 1)` in [0, 1]. An image has m = 784 pixels, its code has n numbers.
"""

import math

import numpy as np
from keras import ops

from vae_keras.homework import Task
from vae_keras.networks import make_decoder, make_encoder

IMAGE_SHAPE = (28, 28, 1)


def images(count, seed):
    """Images of noise, `(count, 28, 28, 1)`. Their pixels are multiples of 1/16, so that they are short to write."""
    return np.random.default_rng(seed).integers(0, 17, (count, *IMAGE_SHAPE)).astype("float32") / 16


def rows(count, m, seed):
    """Vectors `(count, m)` around a mean that is not 0, float32; in each direction they vary by another amount."""
    rng = np.random.default_rng(seed)
    directions = np.linalg.qr(rng.normal(size=(m, m)))[0]
    draws = rng.normal(size=(count, m)) * 0.6 ** np.arange(m)
    return (draws @ directions + rng.normal(size=m)).round(3).astype("float32")


def basis(n, m, seed):
    """A mean `(m,)` and `n` directions `(n, m)` of length 1 at right angles: as PCA gives them, of no data."""
    rng = np.random.default_rng(seed)
    directions = np.linalg.qr(rng.normal(size=(m, n)))[0].T
    return rng.normal(size=m).astype("float32"), directions.astype("float32")


def fix_weights(network, seed):
    """Give a network weights that derive from the seed and their shapes alone, in whatever order it holds them."""
    for weight in network.weights:
        draws = np.random.default_rng([seed, *weight.shape]).normal(size=weight.shape)
        weight.assign(draws / math.sqrt(weight.shape[0]))


# How answers are tried, where calling them is not enough.


def with_networks(answer, count, n, hidden, batch_size, seed):
    """Call `empirical_loss` on two small networks."""
    return answer(images(count, seed), *_networks(n, hidden, seed), batch_size)


def built(answer, n, hidden, seed):
    """Call `make_networks`: the numbers of weights that learn; then, with fixed weights, codes of images and images
    of codes, as in training.
    """
    networks = answer(n, hidden)
    x, z = images(3, seed), np.random.default_rng(seed).normal(size=(3, n)).astype("float32")
    for network, inputs in zip(networks, (x, z), strict=True):
        network(inputs)  # builds it
        fix_weights(network, seed)
    learn = [sum(math.prod(w.shape) for w in network.trainable_weights) for network in networks]
    return learn, *(network(i, training=True) for network, i in zip(networks, (x, z), strict=True))


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
    networks = make_encoder(n, (hidden,)), make_decoder(n, (hidden,), activation="sigmoid")
    for network in networks:
        fix_weights(network, seed)
    return networks


def _flat(network):
    return np.concatenate([ops.convert_to_numpy(weight).ravel() for weight in network.weights])


TASKS = {
    "squared_distance": Task([(images(3, seed=1), images(3, seed=2))]),
    # batches of 3, 3 and 1 images; of 2 and 2
    "empirical_loss": Task([(7, 2, 5, 3, 1), (4, 3, 6, 2, 2)], with_networks),
    "make_networks": Task([(2, 16, 1)], built),
    "gradient_step": Task([(4, 2, 8, 0.02, 2)], two_steps, rtol=1e-3, atol=1e-6),
    "fit_pca": Task([(rows(12, 5, seed=1), 2)], up_to_sign, rtol=1e-3, atol=1e-3),
    "pca_reconstruct": Task([(rows(3, 5, seed=2), *basis(2, 5, seed=1))], with_arrays),
    "compression_ratio": Task([(100, 32, 2, 0), (1000, 8, 1, 102_288)]),
}
