"""Answers to assignment 2 as students write them: right ones in different styles, and wrong ones."""

import keras
import numpy as np
import tensorflow as tf
from answers.hw2 import ANSWERS
from keras import ops

from vae_keras import VAE, bernoulli_loss, kl_divergence


def planted(task):
    """The mistakes that have a hint."""
    return {f"hint: {hint}": mistaken for hint, mistaken in ANSWERS[task].mistakes.items()}


# sample_z


def z_by_numpy(mean, log_var, epsilon):
    standard_deviation = np.exp(np.asarray(log_var) / 2)
    return np.asarray(mean) + standard_deviation * np.asarray(epsilon)


def z_by_tf(mean, log_var, epsilon):
    return tf.add(tf.multiply(tf.math.exp(tf.divide(log_var, 2.0)), epsilon), mean)


def z_by_powers(m, lv, e):
    return e * ops.power(np.e, lv / 4) ** 2 + m


def z_in_a_loop(mean, log_var, epsilon):
    rows = []
    for mu, v, eps in zip(mean, log_var, epsilon, strict=True):
        rows.append(mu + ops.exp(v * 0.5) * eps)
    return ops.stack(rows)


Z_MUTANTS = {
    "minus sigma epsilon": lambda m, v, e: m - ops.exp(0.5 * v) * e,
    "minus mu": lambda m, v, e: -m + ops.exp(0.5 * v) * e,
    "exp(-log_var / 2)": lambda m, v, e: m + ops.exp(-0.5 * v) * e,
    "2 instead of a half": lambda m, v, e: m + ops.exp(2 * v) * e,
    "sigma added": lambda m, v, e: m + ops.exp(0.5 * v) + e,
    "mu multiplied": lambda m, v, e: m * ops.exp(0.5 * v) * e,
    "epsilon squared": lambda m, v, e: m + ops.exp(0.5 * v) * e**2,
    "sigma of the batch": lambda m, v, e: m + ops.exp(0.5 * ops.mean(v, axis=0)) * e,
    "log_var clipped": lambda m, v, e: m + ops.exp(0.5 * ops.clip(v, -20, 20)) * e,
    "noise of its own": lambda m, v, e: m + ops.exp(0.5 * v) * keras.random.normal(m.shape),
    "root of log_var": lambda m, v, e: m + ops.sqrt(ops.abs(v)) * e,
    "the mean alone": lambda m, v, e: m,
    "first image alone": lambda m, v, e: (m + ops.exp(0.5 * v) * e)[:1],
    "sum over the latents": lambda m, v, e: ops.sum(m + ops.exp(0.5 * v) * e, axis=-1),
    "flat": lambda m, v, e: ops.reshape(m + ops.exp(0.5 * v) * e, (-1,)),
    "the visible values": lambda m, v, e: np.array([[1.385208, -2.727837], [3.797443, 1.640859]]),
    "None": lambda m, v, e: None,
}

# SamplingLayer


class SamplingByTF(keras.layers.Layer):
    def __init__(self, seed=None):
        super().__init__()

    def call(self, inputs):
        mu, log_variance = tf.unstack(inputs)
        return mu + tf.sqrt(tf.exp(log_variance)) * tf.random.normal(tf.shape(mu))


class SamplingBySpread(keras.layers.Layer):
    """Keras itself multiplies and adds: gradients pass."""

    def __init__(self, seed=None):
        super().__init__()
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs):
        mean, log_var = inputs
        return keras.random.normal(ops.shape(mean), mean, ops.exp(log_var / 2), seed=self.seed_generator)


class SamplingByColumns(keras.layers.Layer):
    def __init__(self, seed=None):
        super().__init__()
        self.generator = tf.random.Generator.from_seed(seed or 1)

    def call(self, inputs):
        mean, log_var = inputs
        columns = [
            mean[:, j] + ops.exp(log_var[:, j] / 2) * self.generator.normal([tf.shape(mean)[0]])
            for j in range(mean.shape[1])
        ]
        return ops.stack(columns, axis=1)


def layer(draw):
    """A layer with noise as the task asks for it: `draw(mean, log_var, epsilon)`."""

    class Layer(keras.layers.Layer):
        def __init__(self, seed=None):
            super().__init__()
            self.seed_generator = keras.random.SeedGenerator(seed)

        def call(self, inputs):
            mean, log_var = inputs
            return draw(mean, log_var, keras.random.normal(ops.shape(mean), seed=self.seed_generator))

    return Layer


class NoiseOnce(keras.layers.Layer):
    def __init__(self, seed=None):
        super().__init__()
        self.epsilon = None

    def call(self, inputs):
        mean, log_var = inputs
        if self.epsilon is None:
            self.epsilon = keras.random.normal(ops.shape(mean))
        return mean + ops.exp(0.5 * log_var) * self.epsilon


def numpy_draw(mean, log_var, epsilon):
    return tf.constant(np.random.normal(mean, np.exp(0.5 * np.asarray(log_var))), "float32")  # noqa: NPY002


def logit(u):
    return ops.log(u) - ops.log(1 - u)


LAYER_MUTANTS = {
    name: layer(draw)
    for name, draw in {
        "log_var as sigma": lambda m, v, e: m + v * e,
        "the mean alone": lambda m, v, e: m,
        "the noise alone": lambda m, v, e: e,
        "without mu": lambda m, v, e: ops.exp(0.5 * v) * e,
        "minus mu": lambda m, v, e: -m + ops.exp(0.5 * v) * e,
        "minus log_var": lambda m, v, e: m + ops.exp(-0.5 * v) * e,
        "one epsilon for the batch": lambda m, v, e: m + ops.exp(0.5 * v) * e[:1],
        "one epsilon for the latents": lambda m, v, e: m + ops.exp(0.5 * v) * e[:, :1],
        "absolute noise": lambda m, v, e: m + ops.exp(0.5 * v) * ops.abs(e),
        "uniform noise": lambda m, v, e: m + ops.exp(0.5 * v) * keras.random.uniform(ops.shape(m)),
        "symmetric uniform noise": lambda m, v, e: m + ops.exp(0.5 * v) * keras.random.uniform(ops.shape(m), -1, 1),
        "uniform noise of variance 1": lambda m, v, e: (
            m + ops.exp(0.5 * v) * keras.random.uniform(ops.shape(m), -(3**0.5), 3**0.5)
        ),
        "two points of variance 1": lambda m, v, e: m + ops.exp(0.5 * v) * ops.sign(e),
        "logistic noise of variance 1": lambda m, v, e: (
            m + ops.exp(0.5 * v) * 3**0.5 / np.pi * logit(keras.random.uniform(ops.shape(m), 1e-6, 1 - 1e-6))
        ),
        "half of the noise": lambda m, v, e: m + 0.5 * ops.exp(0.5 * v) * e,
        "sigma without gradient": lambda m, v, e: m + ops.stop_gradient(ops.exp(0.5 * v)) * e,
        "mu without gradient": lambda m, v, e: ops.stop_gradient(m) + ops.exp(0.5 * v) * e,
        "drawn by NumPy": numpy_draw,
        "a NumPy array": lambda m, v, e: m.numpy() + np.exp(0.5 * v.numpy()) * e.numpy(),
        "the visible sigma": lambda m, v, e: m + [np.exp(0.25), np.exp(-0.5)] * e,
        "flat": lambda m, v, e: ops.reshape(m + ops.exp(0.5 * v) * e, (-1,)),
        "first image alone": lambda m, v, e: (m + ops.exp(0.5 * v) * e)[:1],
        "None": lambda m, v, e: None,
        "a pair": lambda m, v, e: (m + ops.exp(0.5 * v) * e, e),
    }.items()
}

# squared_error


def squared_error_by_numpy(x, x_hat, sigma):
    x, x_hat = np.asarray(x, "float64"), np.asarray(x_hat, "float64")
    return np.linalg.norm((x - x_hat).reshape(len(x), -1), axis=1) ** 2 / (2 * sigma * sigma)


def squared_error_by_tf(image, reconstruction, s):
    difference = tf.reshape(image - reconstruction, [tf.shape(image)[0], -1]) / s
    return 0.5 * tf.einsum("ij,ij->i", difference, difference)


def squared_error_in_a_loop(x, x_hat, sigma):
    return [sum((float(a) - float(b)) ** 2 for a, b in zip(np.ravel(p), np.ravel(q), strict=True)) / (2 * sigma**2)
            for p, q in zip(x, x_hat, strict=True)]  # fmt: skip


def squared_error_by_mean(x, x_hat, sigma):
    pixels = x.shape[1] * x.shape[2]
    return pixels * ops.mean((x_hat - x) ** 2, axis=[1, 2, 3]) / sigma**2 / 2


def squares(x, y):
    return ops.sum(ops.square(x - y), axis=(1, 2, 3))


SQUARED_ERROR_MUTANTS = {
    "no sigma": lambda x, y, s: squares(x, y) / 2,
    "times sigma²": lambda x, y, s: squares(x, y) * s**2 / 2,
    "(2 sigma)²": lambda x, y, s: squares(x, y) / (2 * s) ** 2,
    "times 2": lambda x, y, s: squares(x, y) * 2 / s**2,
    "minus": lambda x, y, s: -squares(x, y) / (2 * s**2),
    "x + x_hat": lambda x, y, s: ops.sum(ops.square(x + y), axis=(1, 2, 3)) / (2 * s**2),
    "the norm, not squared": lambda x, y, s: ops.sqrt(squares(x, y)) / (2 * s**2),
    "absolute": lambda x, y, s: ops.sum(ops.abs(x - y), axis=(1, 2, 3)) / (2 * s**2),
    "square of the sum": lambda x, y, s: ops.sum(x - y, axis=(1, 2, 3)) ** 2 / (2 * s**2),
    "sum over height and width": lambda x, y, s: ops.sum(ops.square(x - y), axis=(1, 2)) / (2 * s**2),
    "sum over height": lambda x, y, s: ops.sum(ops.square(x - y), axis=1) / (2 * s**2),
    "sum over the batch too": lambda x, y, s: ops.sum(ops.square(x - y)) / (2 * s**2),
    "sum over the wrong axes": lambda x, y, s: ops.sum(ops.square(x - y), axis=(0, 1, 3)) / (2 * s**2),
    "divided by the batch": lambda x, y, s: squares(x, y) / (2 * s**2) / x.shape[0],
    "no sum": lambda x, y, s: ops.square(x - y) / (2 * s**2),
    "mean of squares by Keras": lambda x, y, s: keras.losses.mean_squared_error(x, y) / (2 * s**2),
    "four pixels": lambda x, y, s: 4 * ops.mean(ops.square(x - y), axis=(1, 2, 3)) / (2 * s**2),
    "with the constant": lambda x, y, s: squares(x, y) / (2 * s**2) + np.log(s),
    "a column": lambda x, y, s: squares(x, y)[:, None] / (2 * s**2),
    "sigma always 0.4": lambda x, y, s: 3.125 * squares(x, y),
    "the visible values": lambda x, y, s: np.array([0.07, 0.345]) / s**2,  # right for every sigma
    "None": lambda x, y, s: None,
}

# cross_entropy


def cross_entropy_by_tf(x, logits):
    return tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(x, logits), axis=[1, 2, 3])


def cross_entropy_by_maximum(x, a):
    pixels = ops.maximum(a, 0.0) - a * x + ops.log(1 + ops.exp(-ops.abs(a)))
    return ops.sum(ops.reshape(pixels, (ops.shape(x)[0], -1)), axis=1)


def cross_entropy_by_log_sigmoid(x, logits):
    log_p, log_q = ops.log_sigmoid(logits), ops.log_sigmoid(-logits)
    return ops.sum(-x * log_p - (1 - x) * log_q, axis=(-3, -2, -1))


def cross_entropy_by_keras(x, logits):
    n = x.shape[1] * x.shape[2]
    flat = [ops.reshape(v, (-1, n)) for v in (x, logits)]
    return keras.losses.binary_crossentropy(*flat, from_logits=True) * n


def cross_entropy_image_by_image(x, logits):
    return [tf.reduce_sum(tf.math.softplus(a) - b * a) for a, b in zip(logits, x, strict=True)]


def over_pixels(values):
    return ops.sum(values, axis=(1, 2, 3))


def cross_entropy_of(p_of):
    def cross_entropy(x, logits):
        p = p_of(logits)
        return -over_pixels(x * ops.log(p) + (1 - x) * ops.log(1 - p))

    return cross_entropy


CROSS_ENTROPY_MUTANTS = {
    "sigmoid, then the logarithm": cross_entropy_of(ops.sigmoid),
    "sigmoid, and 1e-7 in the logarithm": lambda x, a: (
        -over_pixels(x * ops.log(ops.sigmoid(a) + 1e-7) + (1 - x) * ops.log(1 - ops.sigmoid(a) + 1e-7))
    ),
    "sigmoid, then Keras": lambda x, a: over_pixels(ops.binary_crossentropy(x, tf.sigmoid(a))),
    "log(1 + exp(a))": lambda x, a: over_pixels(ops.log(1 + ops.exp(a)) - x * a),
    "logits clipped": lambda x, a: bernoulli_loss(x, ops.clip(a, -50, 50)),
    "logits clipped at 100": lambda x, a: bernoulli_loss(x, ops.clip(a, -100, 100)),
    "plus x a": lambda x, a: over_pixels(ops.softplus(a) + x * a),
    "softplus(-a)": lambda x, a: over_pixels(ops.softplus(-a) - x * a),
    "without softplus": lambda x, a: over_pixels(-x * a),
    "ink alone": lambda x, a: over_pixels(x * ops.softplus(-a)),
    "paper alone": lambda x, a: over_pixels((1 - x) * ops.softplus(a)),
    "ink and paper swapped": lambda x, a: bernoulli_loss(1 - x, a),
    "arguments swapped": lambda x, a: bernoulli_loss(a, x),
    "twice": lambda x, a: 2 * bernoulli_loss(x, a),
    "binarized": lambda x, a: bernoulli_loss(ops.round(x), a),
    "sum over the batch": lambda x, a: ops.sum(ops.softplus(a) - x * a),
    "mean over the batch": lambda x, a: ops.mean(bernoulli_loss(x, a)),
    "sum over height and width": lambda x, a: ops.sum(ops.softplus(a) - x * a, axis=(1, 2)),
    "no sum": lambda x, a: ops.softplus(a) - x * a,
    "mean over width": lambda x, a: ops.sum(ops.mean(ops.softplus(a) - x * a, axis=2), axis=(1, 2)),
    "no gradient": lambda x, a: ops.stop_gradient(bernoulli_loss(x, a)),
    "by NumPy": lambda x, a: np.logaddexp(0, a.numpy()).sum(axis=(1, 2, 3)) - (x.numpy() * a.numpy()).sum((1, 2, 3)),
    "squared error of sigmoid": lambda x, a: over_pixels(ops.square(x - ops.sigmoid(a))),
    "the visible values": lambda x, a: tf.constant([1.57588, 2.49079]) + 0 * ops.sum(a),
    "None": lambda x, a: None,
}

# kl


def kl_by_numpy(mean, log_var):
    m, v = np.array(mean, "float64"), np.exp(np.array(log_var, "float64"))
    return np.sum(m**2 + v - 1 - np.array(log_var), axis=1) / 2


def kl_by_tf(mu, log_variance):
    return -0.5 * tf.reduce_sum(1.0 + log_variance - mu * mu - tf.exp(log_variance), axis=[1])


def kl_in_a_loop(mean, log_var):
    values = []
    for i in range(mean.shape[0]):
        divergence = 0.0
        for j in range(mean.shape[1]):
            divergence += 0.5 * (mean[i, j] ** 2 + ops.exp(log_var[i, j]) - 1.0 - log_var[i, j])
        values.append(divergence)
    return values


def kl_by_expm1(mean, log_var):
    return ops.sum(ops.expm1(log_var) - log_var, axis=1) / 2 + ops.sum(mean * mean, axis=1) / 2


def kl_by_sigma(mean, log_var):
    sigma = tf.exp(log_var / 2)
    return tf.reduce_sum((mean**2 + sigma**2) / 2 - 0.5 - tf.math.log(sigma), axis=-1)


def kl_with(square=1.0, variance=1.0, one=-1.0, log=-1.0, factor=0.5):
    return lambda m, v: factor * ops.sum(square * m**2 + variance * ops.exp(v) + one + log * v, axis=-1)


KL_MUTANTS = {
    "as the slide prints it": kl_with(-1, -1, 1, 1),
    "minus mu²": kl_with(square=-1),
    "minus sigma²": kl_with(variance=-1),
    "plus 1": kl_with(one=1),
    "without 1": kl_with(one=0),
    "plus log sigma²": kl_with(log=1),
    "log sigma": kl_with(log=-0.5),
    "2 log sigma²": kl_with(log=-2),
    "without mu²": kl_with(square=0),
    "without sigma²": kl_with(variance=0),
    "without the logarithm": kl_with(log=0),
    "a quarter": kl_with(factor=0.25),
    "|mu|": lambda m, v: 0.5 * ops.sum(ops.abs(m) + ops.exp(v) - 1 - v, axis=-1),
    "mu": lambda m, v: 0.5 * ops.sum(m + ops.exp(v) - 1 - v, axis=-1),
    "sigma for sigma²": lambda m, v: 0.5 * ops.sum(m**2 + ops.exp(0.5 * v) - 1 - v, axis=-1),
    "log_var as sigma": lambda m, v: 0.5 * ops.sum(m**2 + v**2 - 1 - ops.log(v**2), axis=-1),
    "log_var as sigma²": lambda m, v: 0.5 * ops.sum(m**2 + v - 1 - ops.log(ops.abs(v)), axis=-1),
    "from the prior": lambda m, v: 0.5 * ops.sum((1 + m**2) / ops.exp(v) - 1 + v, axis=-1),
    "sum over the batch": lambda m, v: 0.5 * ops.sum(m**2 + ops.exp(v) - 1 - v, axis=0),
    "sum over both": lambda m, v: 0.5 * ops.sum(m**2 + ops.exp(v) - 1 - v),
    "no sum": lambda m, v: 0.5 * (m**2 + ops.exp(v) - 1 - v),
    "two dimensions": lambda m, v: 2 * ops.mean(0.5 * (m**2 + ops.exp(v) - 1 - v), axis=-1),
    "clipped": lambda m, v: 0.5 * ops.sum(m**2 + ops.exp(ops.clip(v, -20, 20)) - 1 - ops.clip(v, -20, 20), axis=-1),
    "clipped below": lambda m, v: 0.5 * ops.sum(m**2 + ops.exp(v) - 1 - ops.maximum(v, -50), axis=-1),
    "not below 0": lambda m, v: 0.5 * ops.sum(ops.relu(m**2 + ops.exp(v) - 2 - v), axis=-1),
    "log(exp + 1e-6)": lambda m, v: 0.5 * ops.sum(m**2 + ops.exp(v) - 1 - ops.log(ops.exp(v) + 1e-6), axis=-1),
    "a column": lambda m, v: 0.5 * ops.sum(m**2 + ops.exp(v) - 1 - v, axis=-1, keepdims=True),
    "the package's, linear above 10": kl_divergence,
    "the visible values": lambda m, v: np.resize([4.019167, 0.699167], len(m)),
    "None": lambda m, v: None,
}

# MyVAE


class WithDictionary(VAE):
    """All in TensorFlow; the formulas stand in the step; the results as a dictionary."""

    def train_step(self, data):
        with tf.GradientTape() as tape:
            mu, lv = self.encoder(data)
            a = self.decoder(self.sampling([mu, lv]))
            ce = tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(labels=data, logits=a), axis=(1, 2, 3))
            d = -0.5 * tf.reduce_sum(1 + lv - mu**2 - tf.exp(lv), axis=1)
            objective = tf.reduce_mean(ce + self.beta * d)
        variables = self.trainable_weights
        self.optimizer.apply(tape.gradient(objective, variables), variables)
        for tracker, values in zip(self.metrics, (ce + self.beta * d, ce, d), strict=True):
            tracker.update_state(values)
        return {m.name: m.result() for m in self.metrics}


class WithRepeats(VAE):
    """Batch means, each counted as many times as the batch has images."""

    def train_step(self, x):
        n = tf.shape(x)[0]
        with tf.GradientTape() as tape:
            mean, log_var = self.encoder(x, training=True)
            z = self.sampling((mean, log_var))
            reconstruction = tf.reduce_mean(self.reconstruction(x, z, training=True))
            kl = tf.reduce_mean(kl_divergence(mean, log_var))
            loss = reconstruction + self.beta * kl
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(list(zip(gradients, self.trainable_variables, strict=True)))
        self.loss_tracker.update_state(tf.fill([n], loss))
        self.reconstruction_tracker.update_state(tf.fill([n], reconstruction))
        self.kl_tracker.update_state(tf.repeat(kl, n))
        return self.get_metrics_result()


class WithHelper(VAE):
    """A helper, sums divided by the number of images, and a gradient for each network."""

    def terms(self, x):
        mean, log_var = self.encoder(x)
        logits = self.decoder(self.sampling((mean, log_var)))
        return bernoulli_loss(x, logits), kl_divergence(mean, log_var)

    def train_step(self, x):
        with tf.GradientTape(persistent=True) as tape:
            ce, kl = self.terms(x)
            total = (tf.reduce_sum(ce) + self.beta * tf.reduce_sum(kl)) / tf.cast(tf.shape(x)[0], ce.dtype)
        pairs = []
        for network in (self.encoder, self.decoder):
            pairs += zip(tape.gradient(total, network.trainable_variables), network.trainable_variables, strict=True)
        self.optimizer.apply_gradients(pairs)
        self.kl_tracker.update_state(kl)
        self.reconstruction_tracker.update_state(ce)
        self.loss_tracker.update_state(self.beta * kl + ce)
        return self.get_metrics_result()


def step(
    code=lambda mean, log_var: (mean, log_var),
    draw=lambda self, pair: self.sampling(pair),
    reconstruction=bernoulli_loss,
    kl=kl_divergence,
    objective=lambda ce, kl, beta: ops.mean(ce + beta * kl),
    variables=lambda self: self.trainable_variables,
    factor=1.0,
    tracked=lambda ce, kl, beta: (ce + beta * kl, ce, kl),
    answer=lambda self, tracked: self.get_metrics_result(),
):
    """A VAE whose step is right but for what is given."""

    class Step(VAE):
        def train_step(self, x):
            with tf.GradientTape() as tape:
                mean, log_var = self.encoder(x)
                z = draw(self, code(mean, log_var))
                ce, divergence = reconstruction(x, self.decoder(z)), kl(mean, log_var)
                loss = factor * objective(ce, divergence, self.beta)
            weights = variables(self)
            gradients = tape.gradient(loss, weights)
            self.optimizer.apply_gradients(zip(gradients, weights, strict=True))
            values = tracked(ce, divergence, self.beta)
            for tracker, value in zip(self.metrics, values, strict=True):
                tracker.update_state(value)
            return answer(self, values)

    return Step


class NoUpdate(VAE):
    def train_step(self, x):
        mean, log_var = self.encoder(x)
        ce, kl = bernoulli_loss(x, self.decoder(self.sampling((mean, log_var)))), kl_divergence(mean, log_var)
        return self.track(1.0, loss=ce + self.beta * kl, reconstruction_loss=ce, kl_loss=kl)


class NoTracking(VAE):
    def train_step(self, x):
        with tf.GradientTape() as tape:
            mean, log_var = self.encoder(x)
            ce, kl = bernoulli_loss(x, self.decoder(self.sampling((mean, log_var)))), kl_divergence(mean, log_var)
            loss = ops.mean(ce + self.beta * kl)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return {"loss": loss, "reconstruction_loss": ops.mean(ce), "kl_loss": ops.mean(kl)}


class TheCoursesOwn(VAE):
    def train_step(self, x):
        return super().train_step(x)


class TheVisibleValues(VAE):
    def train_step(self, x):
        values = (ops.convert_to_tensor([value]) for value in (570.811, 569.225, 0.792623))
        return self.track(1.0, **dict(zip(("loss", "reconstruction_loss", "kl_loss"), values, strict=True)))


class ReturnsNone(WithRepeats):
    def train_step(self, x):
        super().train_step(x)


class ForgetsTheOthers(WithRepeats):
    def train_step(self, x):
        return {"loss": super().train_step(x)["loss"]}


class OneByOne(WithRepeats):
    def train_step(self, x):
        assert x.numpy().min() >= 0  # works step by step alone, and not in `train`
        return super().train_step(x)


VAE_MUTANTS = {
    "with .numpy()": OneByOne,
    "no update": NoUpdate,
    "no tracking, the batch's dictionary": NoTracking,
    "the course's own step": TheCoursesOwn,
    "the visible values": TheVisibleValues,
    "None": ReturnsNone,
    "the loss alone is reported": ForgetsTheOthers,
    "log_var for sigma, variance drawn": step(code=lambda mean, log_var: (mean, 2 * log_var)),
    "sampling gets sigma²": step(code=lambda mean, log_var: (mean, ops.exp(log_var))),
    "decodes the mean": step(draw=lambda self, pair: pair[0]),
    "noise of its own": step(draw=lambda self, pair: pair[0] + ops.exp(0.5 * pair[1]) * keras.random.normal((1, 1))),
    "no gradient through z": step(draw=lambda self, pair: ops.stop_gradient(self.sampling(pair))),
    "heads swapped": step(code=lambda mean, log_var: (log_var, mean)),
    "KL without its half": step(kl=lambda mean, log_var: 2 * kl_divergence(mean, log_var)),
    "KL as a mean over latents": step(kl=lambda mean, log_var: kl_divergence(mean, log_var) / mean.shape[1]),
    "KL of sigma": step(kl=lambda mean, log_var: kl_divergence(mean, 0.5 * log_var)),
    "KL with the slide's sign": step(kl=lambda mean, log_var: -kl_divergence(mean, log_var)),
    "KL without gradient": step(kl=lambda mean, log_var: ops.stop_gradient(kl_divergence(mean, log_var))),
    "mean over pixels": step(reconstruction=lambda x, a: bernoulli_loss(x, a) / 784),
    "a second sigmoid": step(reconstruction=lambda x, a: bernoulli_loss(x, ops.sigmoid(a))),
    "squared error": step(reconstruction=lambda x, a: over_pixels(ops.square(x - ops.sigmoid(a))) / 2),
    "no reconstruction": step(objective=lambda ce, kl, beta: ops.mean(beta * kl)),
    "KL as a sum over the batch": step(objective=lambda ce, kl, beta: ops.mean(ce) + beta * ops.sum(kl)),
    "batch of three": step(objective=lambda ce, kl, beta: ops.sum(ce + beta * kl) / 3),
    "beta on both": step(objective=lambda ce, kl, beta: ops.mean(beta * (ce + kl))),
    "beta squared": step(objective=lambda ce, kl, beta: ops.mean(ce + beta**2 * kl)),
    "uphill": step(factor=-1.0),
    "the encoder alone learns": step(variables=lambda self: self.encoder.trainable_variables),
    "the decoder alone learns": step(variables=lambda self: self.decoder.trainable_variables),
    "loss reported without beta": step(tracked=lambda ce, kl, beta: (ce + kl, ce, kl)),
    "KL reported with beta": step(tracked=lambda ce, kl, beta: (ce + beta * kl, ce, beta * kl)),
    "trackers swapped": step(tracked=lambda ce, kl, beta: (ce + beta * kl, kl, ce)),
    "KL is tracked as a batch mean": step(tracked=lambda ce, kl, beta: (ce + beta * kl, ce, ops.mean(kl))),
    "the loss is tracked as a batch mean": step(tracked=lambda ce, kl, beta: (ops.mean(ce + beta * kl), ce, kl)),
    "reconstruction as a batch mean": step(tracked=lambda ce, kl, beta: (ce + beta * kl, ops.mean(ce), kl)),
    "trackers get sums": step(tracked=lambda ce, kl, beta: (ops.sum(ce + beta * kl), ops.sum(ce), ops.sum(kl))),
    "own names": step(answer=lambda self, values: {"total": ops.mean(values[0]), "kl": ops.mean(values[2])}),
}

RIGHT = {
    "hw2.sample_z": [z_by_numpy, z_by_tf, z_by_powers, z_in_a_loop],
    "hw2.SamplingLayer": [SamplingByTF, SamplingBySpread, SamplingByColumns],
    "hw2.squared_error": [
        squared_error_by_numpy,
        squared_error_by_tf,
        squared_error_in_a_loop,
        squared_error_by_mean,
    ],
    "hw2.cross_entropy": [
        cross_entropy_by_tf,
        cross_entropy_by_maximum,
        cross_entropy_by_log_sigmoid,
        cross_entropy_by_keras,
        cross_entropy_image_by_image,
    ],
    "hw2.kl": [kl_by_numpy, kl_by_tf, kl_in_a_loop, kl_by_expm1, kl_by_sigma],
    "hw2.MyVAE": [WithDictionary, WithRepeats, WithHelper],
}

WRONG = {
    "hw2.sample_z": planted("sample_z") | Z_MUTANTS,
    "hw2.SamplingLayer": planted("SamplingLayer") | LAYER_MUTANTS | {"noise drawn once": NoiseOnce},
    "hw2.squared_error": planted("squared_error") | SQUARED_ERROR_MUTANTS,
    "hw2.cross_entropy": planted("cross_entropy") | CROSS_ENTROPY_MUTANTS,
    "hw2.kl": planted("kl") | KL_MUTANTS,
    "hw2.MyVAE": planted("MyVAE") | VAE_MUTANTS,
}
