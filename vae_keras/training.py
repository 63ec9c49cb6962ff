"""Training with good defaults: what a notebook should not have to say."""

import functools
import hashlib
import json
import math
import os
import random
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.optimizers.schedules import CosineDecay, LearningRateSchedule

from vae_keras.support.backup import Backup, ProgressLine, TerminateOnNaN
from vae_keras.support.checks import above_zero, one_of, whole_number
from vae_keras.data import check_images
from vae_keras.support.files import check_place
from vae_keras.support.inputs import check_validation
from vae_keras.models import VAE, LatentModel

XLA_PAYS_FROM = 2000  # steps; below, compiling takes longer than it saves


def train(
    model: LatentModel,
    x: np.ndarray,
    epochs: int = 10,
    validation_data: Any = None,
    batch_size: int = 125,
    learning_rate: float | LearningRateSchedule = 3e-3,
    seed: int | None = None,
    verbose: bool | str = True,
    backup_dir: str | os.PathLike | None = None,
    save_as: str | os.PathLike | None = None,
    callbacks: keras.callbacks.Callback | Sequence[keras.callbacks.Callback] | None = None,
) -> keras.callbacks.History:
    """Compile a model with Adam on a cosine schedule, fit it, and show its progress.

    It is `compile` and `fit` with what makes a run fast and repeatable: XLA for dense networks, several steps per
    call, and an order of the images that derives from (seed, step).

    Args:
        model: an `Autoencoder` or a `VAE`.
        x: images `(n, 28, 28, 1)` in [0, 1].
        epochs: passes over x.
        validation_data: held-out images, evaluated after each epoch.
        batch_size: 125 divides 60,000 and 1,500, so that no batch is short and XLA compiles once.
        learning_rate: Adam's, at the start; it falls to 0 along half a cosine. Or a schedule of Keras, used as it is.
        seed: of the order of the images; None draws one, which `keras.utils.set_random_seed` makes repeatable.
        verbose: True shows one line, with the loss and its terms after each epoch; "auto" shows Keras' own progress
            bars, one for each epoch, with the same terms; False shows nothing.
        backup_dir: a folder of this training's own, in which its state is saved after each epoch. If the training is
            killed, the same call made again goes on from there, to the same weights bit for bit on the same machine.
            Once complete, and saved where `save_as` says so, it removes its backup.
        save_as: a .keras file in which the trained model is saved; an older one is replaced.
        callbacks: one more callback, or a list of them, such as `TensorBoard`.

    Returns:
        The Keras `History`.

    Raises:
        TypeError: not an `Autoencoder` or a `VAE`, or not images.
        ValueError: images or a number out of its range, a backup_dir with the backup of another training, or a save_as
            without its ending.
        FileNotFoundError, IsADirectoryError: save_as names a place where no file can be.
        FloatingPointError: a loss became NaN or infinite.
    """
    if not isinstance(model, LatentModel):
        raise TypeError(f"train needs an Autoencoder or a VAE, then images. Received: {type(model).__name__}")
    x = check_images(x)
    check_validation(validation_data)
    epochs, batch_size = whole_number(epochs, "epochs"), whole_number(batch_size, "batch_size")
    check_learning_rate(learning_rate)
    if isinstance(verbose, str):
        one_of(verbose, ("auto",), "verbose")
    if save_as is not None:
        check_save_as(save_as)
    order_seed = random.randrange(2**31) if seed is None else whole_number(seed, "seed", least=0)
    steps = math.ceil(len(x) / batch_size)
    schedule = make_schedule(learning_rate, steps * epochs)
    strategy = model.distribute_strategy
    alone = strategy.num_replicas_in_sync == 1  # several replicas can neither use XLA here nor take steps at once
    with strategy.scope():  # else each replica would count the steps of all
        model.compile(
            optimizer=make_adam(schedule, model.dtype_policy),
            jit_compile=_xla_works() if alone and is_dense(model) and steps * epochs >= XLA_PAYS_FROM else "auto",
            steps_per_execution=min(32, steps) if alone else 1,
        )
        model.optimizer.build(model.trainable_variables)  # else TensorFlow traces the first step twice
    step = tf.Variable(0, dtype="int64")  # at the epoch's begin: later, the optimizer may count before a batch is drawn
    count = keras.callbacks.LambdaCallback(on_epoch_begin=lambda *_: step.assign(model.optimizer.iterations.numpy()))
    done, own_callbacks = 0, [TerminateOnNaN(), count]
    if backup_dir is not None:
        settings = {"epochs": epochs, "batch_size": batch_size, "learning_rate": plain(learning_rate), "seed": seed}
        backup = Backup(backup_dir, {**settings, **identity(model), "images": digest(x)}, steps)
        done, seeds = backup.restore(model, {"order": order_seed, "noise": getattr(model, "seed", None)})
        order_seed = seeds["order"]
        if isinstance(model, VAE):
            model.seed = seeds["noise"]
        own_callbacks.append(backup)
    if verbose and verbose != "auto":
        own_callbacks.append(ProgressLine(model.name, epochs, done))
    history = model.fit(
        shuffled_batches(x, batch_size, order_seed, step),
        epochs=epochs,
        initial_epoch=done,
        validation_data=validation_data,
        validation_batch_size=1000,
        callbacks=[*own_callbacks, *keras.tree.flatten(callbacks or ())],
        verbose=verbose if verbose == "auto" else 0,
    )
    if save_as is not None:
        model.save(save_as)
    if backup_dir is not None:
        history.history, history.epoch = backup.history(), list(range(epochs))
        backup.remove()
    return history


def check_save_as(file: Any) -> None:
    """Raise the error that `train` documents where no model can be saved."""
    if not isinstance(file, (str, os.PathLike)) or not os.fspath(file).endswith(".keras"):
        raise ValueError(f"save_as must name a file that ends in .keras. Received: save_as={file!r}")
    check_place(file)


def check_learning_rate(learning_rate: Any) -> None:
    """Raise the error that `train` documents where it is neither a number above 0 nor a schedule."""
    if not isinstance(learning_rate, LearningRateSchedule):
        above_zero(learning_rate, "learning_rate")


def make_schedule(learning_rate: float | LearningRateSchedule, steps: int) -> LearningRateSchedule:
    """Half a cosine from a number to 0 within `steps`; a schedule stays as it is."""
    if isinstance(learning_rate, LearningRateSchedule):
        return learning_rate
    return CosineDecay(learning_rate, decay_steps=steps)


def plain(learning_rate: float | LearningRateSchedule) -> Any:
    """A number, or a schedule as JSON holds it: what tells one training from another."""
    if isinstance(learning_rate, LearningRateSchedule):
        return json.loads(json.dumps(keras.saving.serialize_keras_object(learning_rate)))
    return learning_rate


def make_adam(schedule: LearningRateSchedule, policy: keras.DTypePolicy) -> keras.optimizers.Optimizer:
    """Adam. In float16 it scales the loss, not by Keras' 2**15: sums over 784 pixels overflow, for 3 to 9 steps."""
    adam = keras.optimizers.Adam(schedule)
    return keras.optimizers.LossScaleOptimizer(adam, initial_scale=64) if policy.name == "mixed_float16" else adam


def shuffled(count: int, seed: int, step: tf.Tensor) -> tf.Tensor:
    """The numbers of `count` images, `(count,)`, in an order that derives from the seed and the step."""
    seeds = tf.stack([np.int64(seed), tf.cast(step, tf.int64)])
    return tf.random.experimental.stateless_shuffle(tf.range(count), seed=seeds)


def shuffled_batches(x: np.ndarray, batch_size: int, seed: int, step: tf.Variable) -> tf.data.Dataset:
    """Batches of x in an order that derives from the seed and the step at which the epoch begins."""
    with tf.device("CPU"):
        images, count = tf.constant(x), len(x)

    batches = (
        tf.data.Dataset.range(1)
        .flat_map(lambda _: tf.data.Dataset.from_tensor_slices(shuffled(count, seed, step)))
        .batch(batch_size)
        .map(lambda indices: tf.gather(images, indices))
        .apply(tf.data.experimental.assert_cardinality(math.ceil(count / batch_size)))
        .prefetch(64)
    )
    batches.is_checked = True  # by `train`, which saves `fit` to look at every batch again
    return batches


def identity(model: LatentModel) -> dict[str, Any]:
    """What tells one model's training from another's; its name and its layers' names do not."""
    return {
        "model": type(model).__name__,
        **(model.options if isinstance(model, VAE) else {}),
        "dtype": model.dtype_policy.name,
        "weights": [list(weight.shape) for weight in model.trainable_variables],
    }


def digest(x: np.ndarray) -> str:
    """What tells one array of images from another."""
    return hashlib.blake2b(np.ascontiguousarray(x).data, digest_size=16).hexdigest()


def is_dense(model: LatentModel) -> bool:
    """Whether neither network has a convolution."""
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
