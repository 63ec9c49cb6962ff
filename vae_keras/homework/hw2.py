"""Homework 2, the variational autoencoder: the examples that students see, and how answers are tried on them."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from vae_keras.homework import Task, call

IMAGE_SHAPE = (28, 28, 1)
PIXELS = 28 * 28

LEARNING_RATE = 1e-3  # of the two steps that a student's model takes


def array(*values):
    return np.array(values, "float32")


def one_array(answer, *arguments):
    """The usual probe, for one value per image: a list of them is as good as an array."""
    return np.asarray(call(answer, *arguments))


def with_gradient(answer, x, logits):
    """The loss of each image, and its gradient with respect to the logits."""
    x, logits = tf.convert_to_tensor(x), tf.convert_to_tensor(logits)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = answer(x, logits)
        loss = tf.stack(loss) if isinstance(loss, (tuple, list)) else loss
    return loss, *gradients(tape, loss, [logits])


def statistics(answer, mean, log_var, draws, seed):
    """What many draws of a sampling layer tell, for one Gaussian: mean and log_var are `(latent,)`, latent above 1.

    Returns:
        in units of sigma, `(latent,)` each: how far the draws' mean is off; their variance.
        Over all dimensions: five times the share of draws within one sigma (3.41 of a Gaussian); how far
        two draws lie apart; correlation of neighbouring dimensions; derivative of z by mean;
        derivative by log_var, divided by z − mean.
    """
    layer, sigma = answer(seed), np.exp(0.5 * log_var.astype("float64"))
    means, log_vars = (tf.tile(v[None], (draws, 1)) for v in (mean, log_var))  # (draws, latent)
    with tf.GradientTape() as tape:
        tape.watch([means, log_vars])
        z = layer((means, log_vars))
    by_mean, by_log_var = gradients(tape, z, [means, log_vars])
    draws = (
        np.broadcast_to(np.asarray(draw, "float64"), means.shape)
        for draw in (z, layer((means, log_vars)))
    )
    epsilon, again = ((draw - mean) / sigma for draw in draws)
    return (
        epsilon.mean(axis=0),
        epsilon.var(axis=0),
        5 * np.mean(np.abs(epsilon) < 1),
        np.abs(epsilon - again).mean(),
        (epsilon * np.roll(epsilon, 1, axis=1)).mean(),
        by_mean.mean(),
        (by_log_var / sigma * epsilon).mean(),
    )


def gradients(tape, result, sources):
    """Gradients as float64 arrays; 0 where none arrives, as when the result was computed by NumPy."""
    if not tf.is_tensor(result):
        return [np.zeros(source.shape) for source in sources]
    return [
        np.asarray(g, "float64")
        for g in tape.gradient(result, sources, unconnected_gradients="zero")
    ]


def two_steps(answer, images, latent_dim, batch_size, beta, seed):
    """Train a student's VAE for one epoch of a few images, by SGD and with fixed noise.

    Returns:
        loss, reconstruction loss and KL as `fit` reports them; the change of all weights, divided
        by −learning rate: the biases of the encoder's heads first.
    """
    rng = np.random.default_rng(seed)
    x = (rng.random((images, *IMAGE_SHAPE)) * (rng.random((images, *IMAGE_SHAPE)) < 0.1)).astype(
        "float32"
    )
    epsilon = tf.constant(rng.normal(size=(images, latent_dim)), "float32")
    vae = answer(*small_networks(latent_dim), likelihood="bernoulli", beta=beta)
    weights = sorted(vae.weights, key=lambda weight: len(weight.shape))
    before = [0.15 * rng.normal(size=weight.shape) for weight in weights]
    for weight, value in zip(weights, before, strict=True):
        weight.assign(value)
    before = [weight.numpy() for weight in weights]
    vae.sampling = lambda pair, training=None: (
        pair[0] + ops.exp(0.5 * pair[1]) * epsilon[: ops.shape(pair[0])[0]]
    )
    vae.compile(keras.optimizers.SGD(LEARNING_RATE), jit_compile=False)  # a graph, as `train` needs
    history = vae.fit(x, batch_size=batch_size, shuffle=False, verbose=0).history
    changes = [
        (value - weight.numpy()).ravel() for value, weight in zip(before, weights, strict=True)
    ]
    reported = [
        history.get(name, [np.nan])[0] for name in ("loss", "reconstruction_loss", "kl_loss")
    ]
    return np.array(reported), np.concatenate(changes) / LEARNING_RATE


def small_networks(latent_dim):
    image, z = keras.Input(IMAGE_SHAPE), keras.Input((latent_dim,))
    flat = keras.layers.Flatten()(image)
    heads = [keras.layers.Dense(latent_dim, name=name)(flat) for name in ("mean", "log_var")]
    pixels = keras.layers.Reshape(IMAGE_SHAPE)(keras.layers.Dense(PIXELS)(z))
    return keras.Model(image, heads), keras.Model(z, pixels)


IMAGES = array([[[0.0], [1.0]], [[0.5], [0.2]]], [[[1.0], [0.3]], [[0.0], [0.8]]])  # (2, 2, 2, 1)
PICTURES = array([[[0.1], [0.7]], [[0.5], [0.4]]], [[[0.6], [0.3]], [[0.2], [0.1]]])
LOGITS = array([[[-2.0], [1.5]], [[0.3], [-0.7]]], [[[2.5], [-1.0]], [[0.9], [0.6]]])
FAR_LOGITS = array([[[-17.0], [17.0]], [[30.0], [-30.0]]])

TASKS = {
    "sample_z": Task(
        [
            (array([1, -2], [0.5, 3]), array([0.5, -1], [1, 2]), array([0.3, -1.2], [2, -0.5])),
            (array([0, 4]), array([100, -100]), array([1, 1])),
        ]
    ),
    "SamplingLayer": Task([(array(1, -2), array(0.5, -1), 50_000, 0)], statistics, atol=0.05),
    "squared_error": Task([(IMAGES, PICTURES, 0.4), (IMAGES, PICTURES, 3.0)], one_array),
    "cross_entropy": Task(
        [(IMAGES, LOGITS), (array([[[1.0], [0.0]], [[0.0], [1.0]]]), FAR_LOGITS)], with_gradient
    ),
    "kl": Task(
        [
            (array([0.5, 2, -1], [0, 1, -0.3]), array([1, -2, -0.4], [0.1, 0.8, 0.3])),
            (array([1, -2]), array([0.5, -1])),
            (array([0, 0]), array([0, 0])),
            (array([0.5, 1]), array([-100, 2])),
        ],
        one_array,
    ),
    # of a loss of 570 nats: a batch mean in place of a mean over images changes it by 0.1
    "MyVAE": Task([(5, 2, 3, 2.0, 0)], two_steps, rtol=1e-5, atol=1e-3),
}
