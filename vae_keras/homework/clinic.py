"""The bug clinic: a healthy VAE and eight sick ones, each with a mistake that published VAE code has made.

A student writes a test for each illness: a function of `patient`, which gives a fresh model
whenever it is called. The test has to pass on every healthy model and to fail, by an `assert`, on
the sick one.
"""

import dataclasses
import functools
import math
import time
import types
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from vae_keras.homework import Task
from vae_keras.losses import bernoulli_loss, kl_divergence
from vae_keras.models import VAE
from vae_keras.support.checks import one_of
from vae_keras.support.inputs import unpack_x_y_sample_weight
from vae_keras.support.noise import fresh_noise, repeated_noise
from vae_keras.support.tensors import exp

IMAGE_SHAPE = (28, 28, 1)
SECONDS = 10  # a test may take on one model
SIZES = [
    (0, 2, 8),
    (1, 3, 6),
    (2, 5, 4),
]  # seed, latent dimension and hidden units of the models of `score`


class Patient(VAE):
    """A VAE in parts that can be tested one by one. Means and variances are those of q(z|x); losses are in nats."""

    def draw(self, mean, log_var):
        """Draw z ~ N(mean, exp(log_var)), `(batch, latent)`."""
        return self.sampling((mean, log_var))

    def cross_entropy(self, x, logits):
        """Between images and the decoder's logits, summed over pixels, `(batch,)`."""
        return bernoulli_loss(x, logits)

    def kl(self, mean, log_var):
        """From N(mean, exp(log_var)) to N(0, I), summed over the latent dimensions, `(batch,)`."""
        return kl_divergence(mean, log_var)

    def loss_terms(self, x, y=None, training=False):
        """Reconstruction loss and KL of each image, `(batch,)` each, for one draw of z."""
        mean, log_var = self.encoder(x)
        z = self.draw(mean, log_var)
        return self.cross_entropy(x, self.decoder(z)), self.kl(mean, log_var)

    def total(self, reconstruction, kl):
        """What training minimises, `(batch,)`."""
        return reconstruction + kl

    @fresh_noise
    def train_step(self, data):
        x, *_ = unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            reconstruction, kl = self.loss_terms(x)
            loss = self.total(reconstruction, kl)
            objective = ops.mean(loss)
        gradients = tape.gradient(objective, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return self.count(loss, reconstruction, kl)

    @repeated_noise
    def test_step(self, data):
        x, *_ = unpack_x_y_sample_weight(data)
        reconstruction, kl = self.loss_terms(x)
        return self.count(self.total(reconstruction, kl), reconstruction, kl)

    def count(self, loss, reconstruction, kl):
        """Add a batch's images to the means that fit and evaluate report."""
        self.loss_tracker.update_state(loss)
        self.reconstruction_tracker.update_state(reconstruction)
        self.kl_tracker.update_state(kl)
        return self.get_metrics_result()

    def code(self, mean, log_var):
        """The one z that stands for an image where nothing is drawn: in reconstruct, interpolate and predict."""
        return mean

    def call(self, x, training=None):
        return ops.sigmoid(self.decoder(self.code(*self.encoder(x))))

    def _codes(self, x):
        return np.asarray(self.code(*self.encode(x)))


def _float32(*values):
    return (ops.cast(value, "float32") for value in values)


METHODS = ("draw", "cross_entropy", "kl", "total", "count", "code")

# The illnesses. Each function takes the place of one method of `Patient`.


def _pixels_averaged(self, x, logits):
    return bernoulli_loss(x, logits) / math.prod(np.shape(x)[1:])


def _latents_averaged(self, mean, log_var):
    mean, log_var = _float32(mean, log_var)
    return 0.5 * ops.mean(ops.square(mean) + exp(log_var) - 1.0 - log_var, axis=-1)


def _kl_subtracted(self, reconstruction, kl):
    return reconstruction - kl


def _variance_for_sigma(self, mean, log_var):
    mean, log_var = _float32(mean, log_var)
    epsilon = self.sampling((ops.zeros_like(mean), ops.zeros_like(mean)))
    return mean + exp(log_var) * epsilon


def _noise_unused(self, mean, log_var):
    mean, log_var = _float32(mean, log_var)
    return mean + exp(0.5 * log_var)


def _drawn_without_gradient(self, mean, log_var):
    return ops.stop_gradient(self.sampling((mean, log_var)))


def _clipped_probabilities(self, x, logits):
    x, logits = _float32(x, logits)
    p = ops.clip(ops.sigmoid(logits), 1e-7, 1.0 - 1e-7)
    return -ops.sum(
        x * ops.log(p) + (1.0 - x) * ops.log(1.0 - p), axis=tuple(range(1, len(x.shape)))
    )


def _means_of_batches(self, loss, reconstruction, kl):
    self.loss_tracker.update_state(ops.mean(loss))
    self.reconstruction_tracker.update_state(ops.mean(reconstruction))
    self.kl_tracker.update_state(ops.mean(kl))
    return self.get_metrics_result()


def _mean_plus_sigma(self, mean, log_var):
    return mean + exp(0.5 * log_var)


@dataclasses.dataclass(frozen=True)
class Illness:
    """A mistake that can be switched on.

    Args:
        method: the method of `Patient` that is replaced, `by` a function.
        hint: where to look; it does not say what is wrong.
        seen: what a reader of the code sees.
        published: where such code was published: repository and file, issue or pull request, or
            book.
    """

    method: str
    by: Callable
    hint: str
    seen: str
    published: str


# number 0 is the notebook's example
ILLNESSES = (
    Illness(
        "cross_entropy",
        _pixels_averaged,
        "the cross-entropy of an image of m equal pixels is m times that of one pixel",
        "The cross-entropy is averaged over the pixels, the KL is summed: the balance is off by a factor of 784.",
        "Keras' own example variational_autoencoder.py of summer 2016 (keras-team/keras, issue 3373; corrected by "
        "pull request 3383).",
    ),
    Illness(
        "kl",
        _latents_averaged,
        "give vae.kl codes of your own: what must happen to KL if a latent dimension is added that is like the others?",
        "KL is averaged over the latent dimensions, not summed: beta is 1 / latent_dim, and nobody says so.",
        "keras.io's VAE example of 2020 (keras-team/keras-io, issue 270; it sums now), and in the notebook to chapter "
        "17 of F. Chollet's Deep Learning with Python (fchollet/deep-learning-with-python-notebooks).",
    ),
    Illness(
        "total",
        _kl_subtracted,
        "evaluate reports three numbers, and the loss is made of the other two",
        "KL is subtracted from the reconstruction loss. Minimising that makes KL as large as it can be.",
        "GumbelVAE.ipynb, a VAE whose codes are discrete (EderSantana/gumbel, issue 3).",
    ),
    Illness(
        "draw",
        _variance_for_sigma,
        "draw many z for one mean and one log_var that is not 0, and measure how far they scatter; sigma is not sigma²",
        "The noise is multiplied by exp(log_var), the variance, in place of exp(log_var / 2), the standard deviation.",
        "src/models/common.py of a VAE with an Indian buffet process prior (rachtsingh/ibp_vae, issue 3).",
    ),
    Illness(
        "draw",
        _noise_unused,
        "what must be different if the same mean and log_var are drawn from twice?",
        "The noise is drawn and then not used: sigma is multiplied by a constant that is 1. The VAE is an autoencoder.",
        "lstm_vae/vae.py, a VAE of time series (twairball/keras_lstm_vae, issue 1).",
    ),
    Illness(
        "draw",
        _drawn_without_gradient,
        "a tf.GradientTape shows what the reconstruction loss tells the encoder; where no path leads, the gradient is "
        "None, and an assert has to say so",
        "z is drawn by a function through which no gradient passes, so that only KL trains the encoder.",
        "the variational bottleneck of Unity's ML-Agents, gail_reward_provider.py (Unity-Technologies/ml-agents; "
        "corrected by pull request 5546).",
    ),
    Illness(
        "cross_entropy",
        _clipped_probabilities,
        "logits between −10 and 10 are harmless; what should a white pixel cost, and pull, whose logit is −30?",
        "The sigmoid comes first, clipped away from 0 and 1: where the decoder is surely wrong, its gradient is 0.",
        "vae.py (hwalsuklee/tensorflow-mnist-VAE, issue 4). Keras' binary_crossentropy does it too, unless it is given "
        "logits (keras-team/keras, issue 9247).",
    ),
    Illness(
        "count",
        _means_of_batches,
        "KL needs no noise: what evaluate reports of it must be the mean over the images, whatever the batch_size",
        "The metrics are updated with the mean of each batch: the images of a short last batch count for more.",
        "keras.io's VAE example (keras-team/keras-io, examples/generative/vae.py), and in Keras 3 itself until 2024 "
        "(keras-team/keras, corrected by pull request 19363).",
    ),
    Illness(
        "code",
        _mean_plus_sigma,
        "a reconstruction goes through the mean of q(z|x): you can decode that yourself",
        "Where no noise is wanted, only the noise is left out: mean + sigma is decoded, not the mean.",
        "VarAutoEncoder and VarFullyConnectedNet of MONAI, for medical images (Project-MONAI/MONAI, issue 8413; "
        "corrected by pull request 8933).",
    ),
)


def patient(illness=None, seed=0, latent_dim=2, units=8):
    """A small VAE, not trained, ready for `evaluate` and `fit`: "bernoulli", one hidden layer, 784 pixels.

    Args:
        illness: None for a healthy one, or the number of an illness, 0 to 8.
        seed: of the weights and of the noise.
        latent_dim, units: size of the code and of the hidden layers.

    Raises:
        ValueError: there is no such illness.
    """
    return _built(_kind(illness), seed, latent_dim, units)


def _kind(illness):
    """The class of models with an illness; its name and its methods' names tell nothing of it."""
    methods = {name: getattr(Patient, name) for name in METHODS}
    if illness is not None:
        one_of(str(illness), [str(number) for number in range(len(ILLNESSES))], "illness")
        methods[ILLNESSES[int(illness)].method] = ILLNESSES[int(illness)].by
    return type("Patient", (Patient,), {name: _renamed(by, name) for name, by in methods.items()})


def _renamed(function, name):
    whole = f"Patient.{name}"
    code = function.__code__.replace(co_name=name, co_qualname=whole, co_firstlineno=1)
    copy = types.FunctionType(code, function.__globals__, name, function.__defaults__)
    copy.__qualname__ = whole
    return copy


def _built(kind, seed, latent_dim, units):
    def dense(size, number, scale=1.0):
        return layers.Dense(
            size,
            kernel_initializer=keras.initializers.VarianceScaling(scale, seed=9 * seed + number),
        )

    image, z = keras.Input(IMAGE_SHAPE), keras.Input((latent_dim,))
    x = ops.tanh(dense(units, 0)(layers.Flatten()(image)))
    encoder = keras.Model(
        image, [dense(latent_dim, 1, scale=8.0)(x), dense(latent_dim, 2, scale=8.0)(x)]
    )
    decoder = keras.Model(
        z, layers.Reshape(IMAGE_SHAPE)(dense(784, 4)(ops.tanh(dense(units, 3)(z))))
    )
    vae = kind(encoder, decoder, likelihood="bernoulli", seed=seed)
    # a test takes few steps: compiling would last longer
    vae.compile(keras.optimizers.Adam(0.01), run_eagerly=True)
    return vae


def images(n=5, seed=0):
    """Images of noise, from dark to bright, float32 `(n, 28, 28, 1)` in [0, 1]."""
    brightness = np.linspace(0.1, 1.0, n).reshape(-1, 1, 1, 1)
    return (brightness * np.random.default_rng(seed).random((n, *IMAGE_SHAPE))).astype("float32")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a test did on one model: `word` is "pass", "fail" (an AssertionError), "error" or "slow"; `why` explains."""

    word: str
    why: str = ""

    def __str__(self):
        return self.word + f": {self.why}" * bool(self.why)


def outcome(test, illness=None, **options):
    """Run a test on a healthy model, or on one with an illness.

    Args:
        test: a function of `patient`.
        illness, options: those of `patient`.

    Raises:
        NotImplementedError: the test is not yet written.
    """
    if not callable(test):
        raise TypeError(
            f"a test must be a function of one argument, patient. Received: a {type(test).__name__}"
        )
    return _outcome(test, lambda: patient(illness, **options))


def _outcome(test, fresh_patient):
    start = time.monotonic()
    try:
        test(fresh_patient)
    except AssertionError as error:
        return Outcome("fail", _first_line(error) or "assert")
    except NotImplementedError:
        raise
    except Exception as error:
        return Outcome("error", f"{type(error).__name__}: {_first_line(error)}")
    taken = time.monotonic() - start
    return (
        Outcome("slow", f"it took {taken:.0f} s, more than {SECONDS}")
        if taken > SECONDS
        else Outcome("pass")
    )


def score(tests):
    """Try the tests of the illnesses 1 to 8, each on three healthy models and on the sick one; print a table.

    Returns:
        The number of illnesses killed: the test passes on every healthy model and fails, by an
        assert, on the sick one.
    """
    results = [_result(number, test) for number, test in enumerate(tests, start=1)]
    print(f"{'test':8} {'healthy':8} result")
    for number, (marks, result) in enumerate(results, start=1):
        print(f"test_{number:<3} {marks:8} {result}")
    killed = [number for number, (_, result) in enumerate(results, start=1) if result == "killed"]
    print(f"\nscore: {len(killed)} of {len(ILLNESSES) - 1}")
    for number in killed:
        print(
            f"\n{number}. {ILLNESSES[number].seen}\n   Published in {ILLNESSES[number].published}"
        )
    return len(killed)


def _result(number, test):
    """A mark for each healthy model, and what came of the test."""
    try:
        healthy = [outcome(test, seed=seed, latent_dim=n, units=units) for seed, n, units in SIZES]
        sick = outcome(test, number)
    except NotImplementedError:
        return "", "not written yet"
    marks = " ".join("✓" if on.word == "pass" else "✗" for on in healthy)
    alarms = [on.why for on in healthy if on.word != "pass"]
    if alarms:
        return marks, f"false alarm: {alarms[0]}"
    if sick.word == "pass":
        return marks, "survived: the test passes on the sick model, too"
    return (
        marks,
        "killed" if sick.word == "fail" else f"not killed, for want of an assert: {sick.why}",
    )


def _first_line(error):
    return f"{error}".strip().partition("\n")[0]


# The tasks: two numbers for each example, 1 and 1 if the test passes on a healthy model and fails
# on the sick one.

HEALTHY = {"pass": 1, "fail": 0, "error": -1, "slow": -2}
SICK = {"fail": 1, "pass": 0, "error": -1, "slow": -2}


def _probe(number, test, *model):
    if isinstance(model[0], list):
        return _in_a_row(test, *model)
    size = dict(zip(("seed", "latent_dim", "units"), model, strict=True))
    return HEALTHY[outcome(test, None, **size).word], SICK[outcome(test, number, **size).word]


def _in_a_row(test, models):
    """What a test says of models, `[illness or None, seed, latent_dim, units]` each: 1 where it passes, 0 where it
    fails. Which is which is forgotten before the first.
    """
    patients = [
        functools.partial(_built, _kind(illness), seed, latent_dim, units)
        for illness, seed, latent_dim, units in models
    ]
    models.clear()
    return [HEALTHY[_outcome(test, fresh_patient).word] for fresh_patient in patients]


TASKS = {
    # seed, latent dimension, hidden units
    f"test_{number}": Task([(3, 2, 8), (4, 4, 5)], functools.partial(_probe, number))
    for number in range(1, len(ILLNESSES))
}
