"""Assignment 2, the variational autoencoder: right answers, the usual mistakes, and the examples that students see."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from vae_keras.homework import Task, call
from vae_keras.layers import Sampling
from vae_keras.losses import bernoulli_loss, kl_divergence, reconstruction_loss
from vae_keras.models import VAE

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
        Over all dimensions: how far two draws lie apart; correlation of neighbouring dimensions;
        derivative of z by mean; derivative by log_var, divided by z − mean.
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
    # two steps: tracing takes longer
    vae.compile(keras.optimizers.SGD(LEARNING_RATE), run_eagerly=True)
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
    return 0.5 * ops.sum(
        ops.square(mean) + ops.exp(log_var) - 1 - log_of_variance(log_var), axis=-1
    )


IMAGES = array([[[0.0], [1.0]], [[0.5], [0.2]]], [[[1.0], [0.3]], [[0.0], [0.8]]])  # (2, 2, 2, 1)
PICTURES = array([[[0.1], [0.7]], [[0.5], [0.4]]], [[[0.6], [0.3]], [[0.2], [0.1]]])
LOGITS = array([[[-2.0], [1.5]], [[0.3], [-0.7]]], [[[2.5], [-1.0]], [[0.9], [0.6]]])
FAR_LOGITS = array([[[-17.0], [17.0]], [[30.0], [-30.0]]])

TASKS = {
    "sample_z": Task(
        right=lambda mean, log_var, epsilon: mean + ops.exp(0.5 * log_var) * epsilon,
        examples=[
            (array([1, -2], [0.5, 3]), array([0.5, -1], [1, 2]), array([0.3, -1.2], [2, -0.5])),
            (array([0, 4]), array([100, -100]), array([1, 1])),
        ],
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
    ),
    "SamplingLayer": Task(
        right=Sampling,
        examples=[(array(1, -2), array(0.5, -1), 50_000, 0)],
        probe=statistics,
        atol=0.05,
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
                lambda mean, log_var, seed: ops.stop_gradient(
                    mean + ops.exp(0.5 * log_var) * noise(mean, seed)
                )
            ),
        },
    ),
    "squared_error": Task(
        right=reconstruction_loss,
        examples=[(IMAGES, PICTURES, 0.4), (IMAGES, PICTURES, 3.0)],
        probe=one_array,
        mistakes={
            "a mean over pixels: ‖x − x̂‖² is a sum": (
                lambda x, x_hat, sigma: (
                    ops.mean(ops.square(x - x_hat), axis=(1, 2, 3)) / (2 * sigma**2)
                )
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
    ),
    "cross_entropy": Task(
        right=bernoulli_loss,
        examples=[(IMAGES, LOGITS), (array([[[1.0], [0.0]], [[0.0], [1.0]]]), FAR_LOGITS)],
        probe=with_gradient,
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
    ),
    "kl": Task(
        right=kl_of,
        examples=[
            (array([0.5, 2, -1], [0, 1, -0.3]), array([1, -2, -0.4], [0.1, 0.8, 0.3])),
            (array([1, -2]), array([0.5, -1])),
            (array([0, 0]), array([0, 0])),
            (array([0.5, 1]), array([-100, 2])),
        ],
        probe=one_array,
        mistakes={
            "the sign: a divergence is never negative (row L21's erratum)": lambda *pair: (
                -kl_of(*pair)
            ),
            "a mean over the latent dimensions: KL is a sum over them": (
                lambda mean, log_var: kl_of(mean, log_var) / mean.shape[1]
            ),
            "the formula has σ² and log σ². You put in σ and log σ": lambda mean, log_var: kl_of(
                mean, 0.5 * log_var
            ),
            "you took log_var for σ, but it is log σ²": lambda mean, log_var: kl_of(
                mean, ops.log(ops.square(log_var))
            ),
            "one factor is missing: look at what stands in front of the sum": lambda *pair: (
                2 * kl_of(*pair)
            ),
            "one number for the whole batch: each image has a KL of its own": lambda *pair: (
                ops.mean(kl_of(*pair))
            ),
            "at log σ² = −100 you take the logarithm of 0. You already have this logarithm": (
                lambda mean, log_var: kl_of(mean, log_var, lambda v: ops.log(ops.exp(v)))
            ),
        },
    ),
    "MyVAE": Task(
        right=vae_of(),
        examples=[(5, 2, 3, 2.0, 0)],
        probe=two_steps,
        rtol=1e-5,  # of a loss of 570 nats: a batch mean in place of a mean over images changes it by 0.1
        atol=1e-3,
        mistakes={
            "the weights are right, the numbers of the epoch are not: its last batch is shorter than the others. "
            "What do you give to update_state?": vae_of(tracked=ops.mean),
            "the objective is a mean over the images of the batch: you have a sum": vae_of(
                over_batch=ops.sum
            ),
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
    ),
}
