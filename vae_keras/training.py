"""Training with good defaults: what a notebook should not have to say."""

import functools
import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.callbacks import Callback, LearningRateScheduler, ReduceLROnPlateau
from keras.optimizers.schedules import CosineDecay, LearningRateSchedule

from vae_keras.latent_model import LatentModel
from vae_keras.models import VAE
from vae_keras.support.backup import Backup
from vae_keras.support.batches import Batches
from vae_keras.support.checks import a_model, above_zero, one_of, whole_number
from vae_keras.support.files import check_save_as
from vae_keras.support.finite import TerminateOnNaN
from vae_keras.support.progress import ProgressLine

XLA_PAYS_FROM = 2000  # steps; below, compiling takes longer than it saves


def train(
    model: LatentModel,
    x: np.ndarray | tf.data.Dataset,
    epochs: int = 10,
    validation_data: Any = None,
    batch_size: int = 125,
    learning_rate: float | LearningRateSchedule = 3e-3,
    seed: int | None = None,
    verbose: bool | str = True,
    backup_dir: str | os.PathLike | None = None,
    save_as: str | os.PathLike | None = None,
    callbacks: Callback | Sequence[Callback] | None = None,
    y: np.ndarray | None = None,
    optimizer: keras.optimizers.Optimizer | None = None,
) -> keras.callbacks.History:
    """Compile a model with Adam on a cosine schedule, fit it, and show its progress.

    It is `compile` and `fit` with what makes a run fast and repeatable: XLA for dense networks,
    several steps per call, and an order of the images that derives from (seed, step).

    Args:
        model: an `Autoencoder` or a `VAE`.
        x: images `(n, height, width, channels)` in [0, 1]; or a `tf.data.Dataset` of batches of
            them (or of pairs with targets), which is taken in its own order.
        epochs: passes over x.
        validation_data: held-out images, evaluated after each epoch; as for `fit`.
        batch_size: 125 divides 60,000 and 1,500, so that no batch is short and XLA compiles once.
        learning_rate: Adam's, at the start; it falls to 0 along half a cosine. With a callback that
            sets the rate (`ReduceLROnPlateau`, `LearningRateScheduler`) it stays as it is. Or a
            schedule of Keras, used as it is.
        seed: of the order of the images; None draws one, which `keras.utils.set_random_seed` makes
            repeatable.
        verbose: True shows one line, with the loss and its terms after each epoch; "auto" shows
            Keras' own progress bars, one for each epoch, with the same terms; False shows nothing.
        backup_dir: a folder of this training's own, in which its state is saved after each epoch.
            If the training is killed, the same call made again goes on from there, to the same
            weights bit for bit on the same machine. Once complete, and saved where `save_as` says
            so, it removes its backup.
        save_as: a .keras file in which the trained model is saved; an older one is replaced.
        callbacks: one more callback, or a list of them, such as `TensorBoard`.
        y: what is to be drawn for x, of its shape (denoising); class numbers are ignored.
        optimizer: a Keras optimizer, used as it is in place of Adam and learning_rate.

    Returns:
        The Keras `History`.

    Raises:
        TypeError: not an `Autoencoder` or a `VAE`, or not images.
        ValueError: images or a number out of its range, a backup_dir with the backup of another
            training, or a save_as without its ending.
        OSError: save_as or backup_dir names a place where no file can be, or there is no space
            left.
        FloatingPointError: a loss became NaN or infinite.
    """
    check_options(model, epochs, learning_rate, optimizer, verbose)
    check_save_as(save_as, model)
    batches = Batches(x, y, validation_data, batch_size, seed, model.image_shape)
    callbacks = keras.tree.flatten(callbacks or ())
    compile_for(model, optimizer, learning_rate, batches.steps, epochs, callbacks)
    backup, done = None, 0
    if backup_dir is not None:
        settings = {"epochs": epochs, **identity(model, batches, learning_rate, optimizer)}
        backup = Backup(backup_dir, settings, callbacks)
        done = backup.restore(model, batches)
    line = ProgressLine(model.name, epochs, done) if verbose and verbose != "auto" else None
    history = model.fit(
        batches.shuffled(),
        epochs=epochs,
        initial_epoch=done,
        shuffle=False,  # the batches are
        validation_data=batches.validation_data,
        validation_batch_size=1000,
        callbacks=[c for c in (TerminateOnNaN(), batches.order, line, *callbacks, backup) if c],
        verbose=verbose if verbose == "auto" else 0,
    )
    if save_as is not None:
        model.save(save_as)
    if backup is not None:
        backup.complete(history)
    return history


def compile_for(
    model: LatentModel,
    optimizer: keras.optimizers.Optimizer | None,
    rate: float | LearningRateSchedule,
    steps: int,
    epochs: int,
    callbacks: Sequence[Callback] = (),
) -> None:
    """Compile a model so that it trains fast: several steps to a call, and XLA where it pays."""
    strategy = model.distribute_strategy
    # several neither use XLA here nor take steps at once
    alone = strategy.num_replicas_in_sync == 1
    xla = alone and is_dense(model) and steps * epochs >= XLA_PAYS_FROM and _xla_works()
    at_once = min(32, steps) if alone else 1
    with strategy.scope():  # else each replica would count the steps of all
        optimizer = optimizer or make_adam(
            rate_for(rate, steps * epochs, callbacks), model.dtype_policy
        )
        model.compile(optimizer=optimizer, jit_compile=xla or "auto", steps_per_execution=at_once)
        if all(layer.built for layer in model._flatten_layers()):
            # else TensorFlow traces the first step twice
            optimizer.build(model.trainable_variables)


def rate_for(
    rate: float | LearningRateSchedule, steps: int, callbacks: Sequence[Callback] = ()
) -> Any:
    """Half a cosine from a number to 0 in `steps`; a schedule, or what a callback sets, stays."""
    setters = (ReduceLROnPlateau, LearningRateScheduler)
    if isinstance(rate, LearningRateSchedule) or any(
        isinstance(callback, setters) for callback in callbacks
    ):
        return rate
    return CosineDecay(rate, decay_steps=steps)


def make_adam(
    rate: float | LearningRateSchedule, policy: keras.DTypePolicy
) -> keras.optimizers.Optimizer:
    """Adam. In float16 it scales the loss, not by Keras' 2**15: sums over 784 pixels overflow, for
    3 to 9 steps.
    """
    adam = keras.optimizers.Adam(rate)
    return (
        keras.optimizers.LossScaleOptimizer(adam, initial_scale=64)
        if policy.name == "mixed_float16"
        else adam
    )


def check_options(
    model: Any, epochs: Any, learning_rate: Any, optimizer: Any = None, verbose: Any = True
) -> None:
    """Raise the errors that `train` documents for these."""
    a_model(model, LatentModel, "train needs an Autoencoder or a VAE, then images")
    whole_number(epochs, "epochs")
    if not isinstance(learning_rate, LearningRateSchedule):
        above_zero(learning_rate, "learning_rate")
    if optimizer is not None:
        wanted = "optimizer must be a Keras optimizer, such as keras.optimizers.SGD(0.1)"
        a_model(optimizer, keras.optimizers.Optimizer, wanted)
    if isinstance(verbose, str):
        one_of(verbose, ("auto",), "verbose")


def identity(
    model: LatentModel,
    batches: Batches,
    learning_rate: float | LearningRateSchedule,
    optimizer: keras.optimizers.Optimizer | None = None,
) -> dict[str, Any]:
    """What tells one training from another; the names of the model and its layers do not."""
    schedule = isinstance(learning_rate, LearningRateSchedule)
    return {
        "model": type(model).__name__,
        **(model.options if isinstance(model, VAE) else {}),
        "dtype": model.dtype_policy.name,
        "weights": [list(weight.shape) for weight in model.trainable_variables],
        "learning_rate": keras.saving.serialize_keras_object(learning_rate)
        if schedule
        else learning_rate,
        "optimizer": None
        if optimizer is None
        else unnamed(keras.saving.serialize_keras_object(optimizer)),
        **batches.identity(),
    }


def unnamed(config: Any) -> Any:
    """A Keras config without the names, which count what was made before."""
    if isinstance(config, dict):
        return {key: unnamed(value) for key, value in config.items() if key != "name"}
    return [unnamed(value) for value in config] if isinstance(config, list | tuple) else config


def is_dense(model: LatentModel) -> bool:
    """Whether neither network has a convolution."""
    layers = [
        layer for network in (model.encoder, model.decoder) for layer in network._flatten_layers()
    ]
    return not any("Conv" in type(layer).__name__ for layer in layers)


@functools.cache
def _xla_works():
    """XLA on a CPU speeds up dense networks, slows convolutions; not every TensorFlow has it."""
    try:
        tf.function(lambda v: v + 1, jit_compile=True)(1.0)
    except tf.errors.OpError:
        return False
    return True
