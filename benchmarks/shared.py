"""What the benchmarks share: the machine in one line, tables, and a VAE in plain Keras style to compare with."""

import vae_keras  # noqa: F401, I001  first: it keeps TensorFlow's start-up lines quiet

import importlib.metadata
import math
import os
import pathlib
import platform
import time

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from vae_keras import load_data

IMAGE_SHAPE = (28, 28, 1)
ADAM = 1e-3  # keras.io's learning rate


def machine_line() -> str:
    """CPU, cores that this process may use, versions, and the GPU if there is one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parts = [f"{_cpu_model()}, {cores} cores used", f"Python {platform.python_version()}"]
    for package in ("tensorflow", "keras", "torch"):
        try:
            parts.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            parts.append(f"no {package}")
    gpus = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    return ", ".join([*parts, *(gpu.get("device_name", "a GPU") for gpu in gpus)] if gpus else [*parts, "no GPU"])


def _cpu_model():
    file = pathlib.Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def markdown(header: list[str], rows: list[list]) -> str:
    """A table in Markdown; numbers are given as the text that they shall be."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def images(name: str, quick: bool) -> tuple[np.ndarray, np.ndarray]:
    """Training and held-out images `(n, 28, 28, 1)` in [0, 1]; for a quick look, 512 and 200 offline digits."""
    (x_train, _), (x_test, _) = load_data("digits" if quick else name)
    return (x_train[:512], x_test[:200]) if quick else (x_train, x_test)


class Epochs(keras.callbacks.Callback):
    """Seconds of each epoch, and the end of a training after `stop_after` of them."""

    def __init__(self, stop_after: int | None = None):
        super().__init__()
        self.seconds: list[float] = []
        self.stop_after = stop_after

    def on_epoch_begin(self, epoch, logs=None):
        self.begin = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.begin)
        if self.stop_after and len(self.seconds) >= self.stop_after:
            self.model.stop_training = True


def make_networks(network: str, activation: str | None = None) -> tuple[keras.Model, keras.Model]:
    """Encoder and decoder of a 2-d VAE, with ReLU; activation: of the decoder's last layer.

    network: "dense", 784-512-256-2, or "conv", that of keras.io's VAE example: convolutions of 32 and 64 filters with
    stride 2, 16 units, and transposed convolutions of 64, 32 and 1 filters.
    """
    x = image = keras.Input(IMAGE_SHAPE)
    z = h = keras.Input((2,))
    if network == "dense":
        x = layers.Flatten()(x)
        for units in (512, 256):
            x = layers.Dense(units, activation="relu")(x)
        for units in (256, 512):
            h = layers.Dense(units, activation="relu")(h)
        h = layers.Reshape(IMAGE_SHAPE)(layers.Dense(math.prod(IMAGE_SHAPE), activation=activation)(h))
    else:
        for filters in (32, 64):
            x = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
        x = layers.Dense(16, activation="relu")(layers.Flatten()(x))
        h = layers.Reshape((7, 7, 64))(layers.Dense(7 * 7 * 64, activation="relu")(h))
        for filters in (64, 32):
            h = layers.Conv2DTranspose(filters, 3, strides=2, padding="same", activation="relu")(h)
        h = layers.Conv2DTranspose(1, 3, padding="same", activation=activation)(h)
    return keras.Model(image, [layers.Dense(2)(x), layers.Dense(2)(x)]), keras.Model(z, h)


class PlainVAE(keras.Model):
    """A VAE as Keras' documentation writes one: own `train_step`, probabilities, NumPy arrays into `fit`.

    The decoder ends in a sigmoid. Source of the settings: keras.io, generative/vae; the code is our own.
    """

    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.noise = keras.random.SeedGenerator()
        self.trackers = [keras.metrics.Mean(name) for name in ("loss", "reconstruction_loss", "kl_loss")]

    @property
    def metrics(self):
        return self.trackers

    def train_step(self, x):
        with tf.GradientTape() as tape:
            mean, log_var = self.encoder(x)
            z = mean + ops.exp(log_var / 2) * keras.random.normal(ops.shape(mean), seed=self.noise)
            per_pixel = keras.losses.binary_crossentropy(x, self.decoder(z))  # (batch, 28, 28)
            reconstruction = ops.mean(ops.sum(per_pixel, axis=(1, 2)))
            kl = ops.mean(ops.sum((mean**2 + ops.exp(log_var) - 1 - log_var) / 2, axis=1))
            loss = reconstruction + kl
        self.optimizer.apply_gradients(
            zip(tape.gradient(loss, self.trainable_weights), self.trainable_weights, strict=True)
        )
        for tracker, value in zip(self.trackers, (loss, reconstruction, kl), strict=True):
            tracker.update_state(value)
        return {tracker.name: tracker.result() for tracker in self.trackers}


def plain_vae(network: str) -> PlainVAE:
    """keras.io's way to train a network: a compiled `PlainVAE`."""
    vae = PlainVAE(*make_networks(network, activation="sigmoid"))
    vae.compile(keras.optimizers.Adam(ADAM))
    return vae
