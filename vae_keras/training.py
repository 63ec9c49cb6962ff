"""Training with good defaults: what a notebook should not have to say."""

import functools
import math
import random
import sys

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from vae_keras.checks import above_zero, whole_number
from vae_keras.data import check_images
from vae_keras.models import LatentModel

XLA_PAYS_FROM = 2000  # steps; below, compiling takes longer than it saves


def train(model, x, epochs=10, validation_data=None, batch_size=125, learning_rate=3e-3, seed=None, verbose=True):
    """Compile a model with Adam on a cosine schedule, fit it, and show one line of progress.

    It is `compile` and `fit` with what makes a run fast and repeatable: XLA for dense networks, several steps per
    call, and an order of the images that derives from (seed, step).

    Args:
        model: an `Autoencoder` or a `VAE`.
        x: images `(n, 28, 28, 1)` in [0, 1].
        epochs: passes over x; the learning rate falls to 0 along half a cosine.
        validation_data: held-out images, evaluated after each epoch.
        batch_size: 125 divides 60,000 and 1,500, so that no batch is short and XLA compiles once.
        learning_rate: Adam's, at the start.
        seed: of the order of the images; None draws one, which `keras.utils.set_random_seed` makes repeatable.
        verbose: whether to show the line of progress.

    Returns:
        The Keras `History`.

    Raises:
        TypeError: not an `Autoencoder` or a `VAE`, or not images.
        ValueError: images or a number out of its range.
    """
    if not isinstance(model, LatentModel):
        raise TypeError(f"train needs an Autoencoder or a VAE, then images. Received: {type(model).__name__}")
    x = check_images(x)
    epochs, batch_size = whole_number(epochs, "epochs"), whole_number(batch_size, "batch_size")
    above_zero(learning_rate, "learning_rate")
    seed = random.randrange(2**31) if seed is None else whole_number(seed, "seed", least=0)
    steps = math.ceil(len(x) / batch_size)
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, decay_steps=steps * epochs)
    model.compile(
        optimizer=keras.optimizers.Adam(schedule),
        jit_compile=_xla_works() if _is_dense(model) and steps * epochs >= XLA_PAYS_FROM else "auto",
        steps_per_execution=min(32, steps),
    )
    model.optimizer.build(model.trainable_variables)  # else TensorFlow traces the first step twice
    return model.fit(
        _shuffled_batches(x, batch_size, seed, model.optimizer.iterations),
        epochs=epochs,
        validation_data=validation_data,
        validation_batch_size=1000,
        callbacks=[_ProgressLine(model.name, epochs)] if verbose else None,
        verbose=0,
    )


def _shuffled_batches(x, batch_size, seed, step):
    """Batches of x in an order that derives from the seed and the step at which the epoch begins."""
    with tf.device("CPU"):
        images, count = tf.constant(x), len(x)

    def order(_):
        counter = tf.cast(step, tf.int64)
        return tf.random.experimental.stateless_shuffle(tf.range(count), seed=tf.stack([np.int64(seed), counter]))

    return (
        tf.data.Dataset.range(1)
        .flat_map(lambda _: tf.data.Dataset.from_tensor_slices(order(_)))
        .batch(batch_size)
        .map(lambda indices: tf.gather(images, indices))
        .apply(tf.data.experimental.assert_cardinality(math.ceil(count / batch_size)))
        .prefetch(64)
    )


def _is_dense(model):
    layers = [*model.encoder.layers, *model.decoder.layers]
    return not any(isinstance(layer, keras.layers.Conv2D | keras.layers.Conv2DTranspose) for layer in layers)


@functools.cache
def _xla_works():
    """XLA makes dense networks faster and convolutions slower on a CPU; not every build of TensorFlow has it."""
    try:
        tf.function(lambda v: v + 1, jit_compile=True)(1.0)
    except tf.errors.OpError:
        return False
    return True


class _ProgressLine(keras.callbacks.Callback):
    """One line per training instead of one per epoch."""

    def __init__(self, name, epochs):
        super().__init__()
        self.bar = tqdm(
            total=epochs, desc=name, unit="epoch", file=_NotebookLine() if _in_notebook() else sys.stdout, ncols=100
        )

    def on_epoch_end(self, epoch, logs=None):
        shown = {name: value for name, value in logs.items() if name in ("loss", "val_loss")}
        self.bar.set_postfix(shown, refresh=False)
        self.bar.update()

    def on_train_end(self, logs=None):
        self.bar.close()


def _in_notebook():
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return hasattr(shell, "kernel")  # ipykernel may be imported where no kernel runs


class _NotebookLine:
    """A file for tqdm whose text a notebook replaces in place: pages made from the notebook keep only the last."""

    encoding = "utf-8"  # lets tqdm draw a smooth bar

    def __init__(self):
        from IPython.display import display  # there is one in a notebook, and only there

        self.handle = display({"text/plain": ""}, raw=True, display_id=True)

    def write(self, text):
        if text := text.strip():
            self.handle.update({"text/plain": text}, raw=True)

    def flush(self):
        pass
