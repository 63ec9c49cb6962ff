"""What `fit`, `evaluate` and `predict` are given, checked before a step is taken: arrays, datasets, batches of images.

Arrays alone are checked by `check_images` in data.py.
"""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from vae_keras.support.checks import whole_number
from vae_keras.data import IMAGE_SHAPE, check_images

IN_RANGE = "must lie in [0, 1]. Received:"


def images_of(data: Any) -> tf.Tensor:
    x, _, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    no_weights(sample_weight)
    return x


def no_weights(sample_weight: Any) -> None:
    if sample_weight is not None:
        raise ValueError("sample_weight is not supported: every image counts once. Received: sample_weight")


def checked(x: Any, name: str = "x", batch_size: int | None = None) -> Any:
    """Check what can be checked before training: arrays wholly, a `PyDataset` by its first batch, and a dataset by
    its shape; its values are checked batch by batch, before a step is taken on them.
    """
    if batch_size is not None:
        whole_number(batch_size, "batch_size")
    if isinstance(x, keras.utils.PyDataset):
        if len(x) == 0:
            raise ValueError(f"{name} must hold at least one batch. Received: a {type(x).__name__} of length 0")
        first = x[0]
        check_images(first[0] if isinstance(first, (tuple, list)) else first, f"{name}[0]")
        return x
    if not isinstance(x, tf.data.Dataset):
        return check_images(x, name)
    if getattr(x, "is_checked", False):  # `train` made it, from images that it has checked
        return x
    spec = x.element_spec
    no_weights(spec[2] if isinstance(spec, tuple) and len(spec) > 2 else None)
    spec = spec[0] if isinstance(spec, tuple) else spec
    is_tensor = isinstance(spec, tf.TensorSpec) and spec.shape.rank == 4  # and not a dictionary, or unknown
    if not (is_tensor and spec.dtype.is_floating and spec.shape.is_compatible_with((None, *IMAGE_SHAPE))):
        raise ValueError(f"{name} must give batches of floats in [0, 1], (batch, 28, 28, 1). Received: {spec}")
    if x.cardinality() == 0:
        raise ValueError(f"{name} must hold at least one batch. Received: an empty dataset")
    return x.map(_in_range(name))


def check_validation(data: Any) -> Any:
    """Return held-out images as `fit` takes them, or say what is wrong with them before anything is trained."""
    if isinstance(data, (tuple, list)) and len(data) > 0:
        no_weights(data[2] if len(data) > 2 else None)
        return (checked(data[0], "validation_data"), *data[1:])
    return None if data is None else checked(data, "validation_data")


def _in_range(name):
    """A check of a dataset's batches. What it finds, `named_errors` makes readable."""

    def received(images):
        nan = tf.math.is_nan(images)
        low, high = tf.reduce_min(tf.where(nan, 1.0, images)), tf.reduce_max(tf.where(nan, 0.0, images))
        seen = (low, high, tf.math.count_nonzero(nan))
        return tf.strings.format(f"{name} {IN_RANGE} a batch with values from {{}} to {{}}, {{}} NaN", seen)

    @tf.autograph.experimental.do_not_convert
    def check(images, *more):
        inside = tf.reduce_all((images >= 0) & (images <= 1))
        found = tf.cond(inside, lambda: "", lambda: received(tf.cast(images, "float32")))
        with tf.control_dependencies([tf.debugging.Assert(inside, [found])]):
            return (tf.identity(images), *more) if more else tf.identity(images)

    return check


def one_image(x: ArrayLike, name: str) -> np.ndarray:
    x = np.asarray(x)
    x = x[None] if x.shape == IMAGE_SHAPE else x
    if x.shape != (1, *IMAGE_SHAPE):
        raise ValueError(f"{name} must be one image, (28, 28, 1). Received: shape={x.shape}")
    return x


@contextlib.contextmanager
def named_errors() -> Iterator[None]:
    """Raise what `_in_range` finds without the trace that TensorFlow puts around it."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        found = re.search(rf"\w+ {re.escape(IN_RANGE)}[^\]]*", error.message)
        if not found:
            raise
        raise ValueError(found[0]) from None
