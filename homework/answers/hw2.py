"""Assignment 2: right answers, the usual mistakes, and the examples on which answers are graded."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from answers import Answer
from vae_keras.homework.hw2 import array
from vae_keras.layers import Sampling
from vae_keras.losses import bernoulli_loss, kl_divergence, reconstruction_loss
from vae_keras.models import VAE

rng = np.random.default_rng(22)


def normal(*shape):
    return rng.normal(size=shape).astype("float32")


def images(*shape):
    return rng.random(shape).astype("float32")


def layer_of(draw):
    """A sampling layer from `draw(mean, log_var, seed)`."""

    class OneLayer(keras.layers.Layer):
        def __init__(self, seed=None):
            super().__init__()
            self.seed_generator = keras.random.SeedGenerator(seed)

        def call(self, inputs):
            return draw(*inputs, self.seed_generator)

    return OneLayer


def noise(like, seed):
    return keras.random.normal(ops.shape(like), seed=seed)


def vae_of(
    loss=lambda reconstruction, kl, beta: reconstruction + beta * kl,  # (batch,) each
    code=lambda mean, log_var: (mean, log_var),
    over_batch=ops.mean,
    tracked=lambda values: values,
):
    """A VAE whose `train_step` is the right one; the options plant mistakes."""

    class OneVAE(VAE):
        def train_step(self, data):
            with tf.GradientTape() as tape:
                mean, log_var = self.encoder(data, training=True)
                logits = self.decoder(self.sampling(code(mean, log_var)), training=True)
                reconstruction, kl = bernoulli_loss(data, logits), kl_divergence(mean, log_var)
                total = loss(reconstruction, kl, self.beta)
                objective = over_batch(total)
            gradients = tape.gradient(objective, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
            self.loss_tracker.update_state(tracked(total))
            self.reconstruction_tracker.update_state(tracked(reconstruction))
            self.kl_tracker.update_state(tracked(kl))
            return self.get_metrics_result()

    return OneVAE


def sum_over_pixels(values):
    return ops.sum(values, axis=(1, 2, 3))


def cross_entropy_of_probabilities(x, p):
    p = ops.clip(p, 1e-7, 1 - 1e-7)
    return -sum_over_pixels(x * ops.log(p) + (1 - x) * ops.log(1 - p))


def kl_of(mean, log_var, log_of_variance=lambda log_var: log_var):
    """`kl_divergence` grows linearly where log_var is above 10; this one is exact."""
    return 0.5 * ops.sum(ops.square(mean) + ops.exp(log_var) - 1 - log_of_variance(log_var), axis=-1)


FAR = array([[[-17.0], [-200.0], [200.0]]], [[[200.0], [17.0], [-200.0]]])  # (2, 1, 3, 1)


ANSWERS = {
    "sample_z": Answer(
        right=lambda mean, log_var, epsilon: mean + ops.exp(0.5 * log_var) * epsilon,
        mistakes={
            "σ = exp(50) still fits into float32. Which number on your way to it does not?": (
                lambda mean, log_var, epsilon: mean + ops.sqrt(ops.exp(log_var)) * epsilon
            ),
            "ε is to be multiplied by σ. What is exp(log σ²)?": (
                lambda mean, log_var, epsilon: mean + ops.exp(log_var) * epsilon
            ),
            "log_var is neither σ nor σ²: what has to happen to it first?": (
                lambda mean, log_var, epsilon: mean + log_var * epsilon
            ),
            "where is μ? Without it all codes lie around the origin": (
                lambda mean, log_var, epsilon: ops.exp(0.5 * log_var) * epsilon
            ),
        },
        hidden=[
            (normal(1, 5), normal(1, 5), normal(1, 5)),
            (normal(7, 1), normal(7, 1), normal(7, 1)),
            (array([3, 0, -1]), array([-100, 100, 60]), array([-0.4, 0.7, -2.5])),
        ],
        same=("Sampling.call",),
    ),
    "SamplingLayer": Answer(
        right=Sampling,
        mistakes={
            "the variance of your z is not σ². By which number do you multiply ε?": layer_of(
                lambda mean, log_var, seed: mean + ops.exp(log_var) * noise(mean, seed)
            ),
            "all dimensions of z get the same ε: which shape has your noise?": layer_of(
                lambda mean, log_var, seed: mean + ops.exp(0.5 * log_var) * noise(mean[:, :1], seed)
            ),
            "two calls give the same z: where does the noise's seed come from?": layer_of(
                lambda mean, log_var, seed: mean + ops.exp(0.5 * log_var) * noise(mean, 7)
            ),
            "no gradient reaches μ and log σ²: they must be used in operations that can be differentiated": layer_of(
                lambda mean, log_var, seed: ops.stop_gradient(mean + ops.exp(0.5 * log_var) * noise(mean, seed))
            ),
        },
        hidden=[
            (array(0.4, 3, -1), array(2, -3, 0.2), 50_000, 1),
            (array(0, 0.1), array(-6, 5), 50_000, 2),
        ],
        stand_ins={"sample_z": "lambda mean, log_var, epsilon: mean + keras.ops.exp(0.5 * log_var) * epsilon"},
        same=("Sampling.call",),
    ),
    "squared_error": Answer(
        right=reconstruction_loss,
        mistakes={
            "a mean over pixels: ‖x − x̂‖² is a sum": (
                lambda x, x_hat, sigma: ops.mean(ops.square(x - x_hat), axis=(1, 2, 3)) / (2 * sigma**2)
            ),
            "halving sigma must multiply the loss by 4": (
                lambda x, x_hat, sigma: sum_over_pixels(ops.square(x - x_hat)) / (2 * sigma)
            ),
            "the factor in front: look at row L18 again": (
                lambda x, x_hat, sigma: sum_over_pixels(ops.square(x - x_hat)) / sigma**2
            ),
            "one number for the whole batch: each image has a loss of its own": (
                lambda x, x_hat, sigma: ops.mean(reconstruction_loss(x, x_hat, sigma))
            ),
        },
        hidden=[
            (images(1, 3, 5, 1), images(1, 3, 5, 1), 0.1),
            (images(4, 28, 28, 1), images(4, 28, 28, 1), 1.0),
            (images(2, 6, 1, 1), images(2, 6, 1, 1), 25.0),
        ],
        same=("reconstruction_loss",),
    ),
    "cross_entropy": Answer(
        right=bernoulli_loss,
        mistakes={
            "a mean over pixels: the loss of an image is a sum": (
                lambda x, logits: bernoulli_loss(x, logits) / (x.shape[1] * x.shape[2])
            ),
            "the sign: where p is the pixel itself, the loss must be at its lowest": (
                lambda x, logits: -bernoulli_loss(x, logits)
            ),
            "a pixel can be as wrong as it likes, your loss stops growing and the gradient is 0. "
            "Don't compute a probability on the way": (
                lambda x, logits: cross_entropy_of_probabilities(x, ops.sigmoid(logits))
            ),
            "logits are not probabilities: p is their sigmoid": cross_entropy_of_probabilities,
        },
        hidden=[
            (images(1, 5, 3, 1), 4 * normal(1, 5, 3, 1)),
            (images(3, 28, 28, 1), normal(3, 28, 28, 1)),
            (array([[[1], [1], [0]]], [[[1], [0], [0]]]), FAR),
            (array([[[0.5], [0.25], [1]]], [[[0], [1], [0.75]]]), -FAR),
        ],
        same=("bernoulli_loss",),
    ),
    "kl": Answer(
        right=kl_of,
        mistakes={
            "the sign: a divergence is never negative (row L21's erratum)": lambda *pair: -kl_of(*pair),
            "a mean over the latent dimensions: KL is a sum over them": (
                lambda mean, log_var: kl_of(mean, log_var) / mean.shape[1]
            ),
            "the formula has σ² and log σ². You put in σ and log σ": lambda mean, log_var: kl_of(mean, 0.5 * log_var),
            "you took log_var for σ, but it is log σ²": lambda mean, log_var: kl_of(mean, ops.log(ops.square(log_var))),
            "one factor is missing: look at what stands in front of the sum": lambda *pair: 2 * kl_of(*pair),
            "one number for the whole batch: each image has a KL of its own": lambda *pair: ops.mean(kl_of(*pair)),
            "at log σ² = −100 you take the logarithm of 0. You already have this logarithm": (
                lambda mean, log_var: kl_of(mean, log_var, lambda v: ops.log(ops.exp(v)))
            ),
        },
        hidden=[
            (normal(1, 5), normal(1, 5)),
            (normal(6, 1), 3 * normal(6, 1)),
            (array([0, 2, -3], [0, 0, 1]), array([-100, 80, 0], [-100, -100, 5])),
        ],
        same=("kl_divergence",),
    ),
    "MyVAE": Answer(
        right=vae_of(),
        mistakes={
            "the weights are right, the numbers of the epoch are not: its last batch is shorter than the others. "
            "What do you give to update_state?": vae_of(tracked=ops.mean),
            "the objective is a mean over the images of the batch: you have a sum": vae_of(over_batch=ops.sum),
            "the weights do not feel KL: does it enter what you differentiate?": vae_of(
                lambda reconstruction, kl, beta: reconstruction
            ),
            "the sign of KL: both terms are to be small": vae_of(
                lambda reconstruction, kl, beta: reconstruction - beta * kl
            ),
            "where is self.beta?": vae_of(lambda reconstruction, kl, beta: reconstruction + kl),
            "self.sampling takes log σ², and not σ or σ²": vae_of(
                code=lambda mean, log_var: (mean, ops.exp(0.5 * log_var))
            ),
        },
        hidden=[
            (7, 3, 4, 0.5, 1),
            (3, 1, 2, 4.0, 2),
        ],
        stand_ins={"kl": "vae_keras.kl_divergence", "cross_entropy": "vae_keras.bernoulli_loss"},
        same=("VAE.train_step",),
    ),
}
