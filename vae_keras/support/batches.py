"""Batches of images in an order that a run can repeat: it follows from (seed, epoch) alone."""

import hashlib
import math
import random
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from vae_keras.support.checks import whole_number
from vae_keras.support.inputs import checked, checked_arrays, checked_validation


class Batches:
    """What `train` was given to train on, checked: an array, shuffled here, or a dataset as it is.

    Args:
        x: images, or a `tf.data.Dataset` of batches.
        y: what is to be drawn, or None.
        validation_data: as `fit` takes it.
        batch_size: of an array.
        seed: of the order; None draws one.
        shape: of an image.
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        validation_data: Any,
        batch_size: int,
        seed: int | None,
        shape: tuple[int, int, int],
    ) -> None:
        self.seed = random.randrange(2**31) if seed is None else whole_number(seed, "seed", least=0)
        self.given_seed, self.batch_size = seed, whole_number(batch_size, "batch_size")
        self.is_dataset = isinstance(x, tf.data.Dataset)
        found: list[Exception] = []
        self.x: Any = x
        self.y: Any = None
        if not self.is_dataset:
            self.x, self.y = checked_arrays(x, y, shape=shape)
        else:
            checked(x, shape=shape, found=found)  # each batch, `fit` checks
            if y is not None:
                raise ValueError(
                    "y stands in the dataset: give batches (x, y). Received: a dataset and y"
                )
        checked_validation(validation_data, shape, found)
        self.validation_data = validation_data
        self.steps = _steps(x) if self.is_dataset else math.ceil(len(self.x) / self.batch_size)
        self.first_step = tf.Variable(0, dtype="int64")  # of the epoch
        self.order = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, _: self.first_step.assign(epoch * self.steps)
        )

    def shuffled(self) -> tf.data.Dataset:
        """The batches, for one epoch after another."""
        if self.is_dataset:
            return self.x
        drawn = self.y if np.ndim(self.y) == 4 else None
        return shuffled_batches(self.x, self.batch_size, self.seed, self.first_step, drawn)

    def identity(self) -> dict[str, Any]:
        """What tells these images, in this order, from others."""
        arrays = [array for array in (self.x, self.y) if isinstance(array, np.ndarray)]
        images = str(self.x.element_spec) + f" {self.steps}" if self.is_dataset else digest(*arrays)
        return {"images": images, "batch_size": self.batch_size, "seed": self.given_seed}


def shuffled(count: int, seed: int, step: tf.Tensor) -> tf.Tensor:
    """The numbers of `count` images, `(count,)`, in an order derived from the seed and the step."""
    seeds = tf.stack([np.int64(seed), tf.cast(step, tf.int64)])
    return tf.random.experimental.stateless_shuffle(tf.range(count), seed=seeds)


def shuffled_batches(
    x: np.ndarray, batch_size: int, seed: int, step: tf.Variable, y: np.ndarray | None = None
) -> tf.data.Dataset:
    """Batches of x, or of (x, y), in an order derived from the seed and the epoch's first step."""
    count = len(x)
    with tf.device("CPU"):
        arrays = tuple(tf.constant(array) for array in (x, y) if array is not None)

    def batch(indices):
        parts = tuple(tf.gather(array, indices) for array in arrays)
        return parts if len(parts) > 1 else parts[0]

    batches = (
        tf.data.Dataset.range(1)
        .flat_map(lambda _: tf.data.Dataset.from_tensor_slices(shuffled(count, seed, step)))
        .batch(batch_size)
        .map(batch)
        .apply(tf.data.experimental.assert_cardinality(math.ceil(count / batch_size)))
        .prefetch(64)
    )
    batches.is_checked = True  # which saves `fit` to look at every batch again
    return batches


def digest(*arrays: np.ndarray) -> str:
    """What tells arrays of images from others."""
    summed = hashlib.blake2b(digest_size=16)
    for array in arrays:
        summed.update(np.ascontiguousarray(array).data)
    return summed.hexdigest()


def _steps(dataset):
    """How many batches a dataset has; where it does not say, they are counted once."""
    steps = int(dataset.cardinality())
    if steps == tf.data.INFINITE_CARDINALITY:
        raise ValueError("x must end: use take(steps) on the dataset. Received: an endless dataset")
    return steps if steps >= 0 else int(dataset.reduce(np.int64(0), lambda n, _: n + 1))
