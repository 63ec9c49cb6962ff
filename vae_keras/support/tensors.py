"""Numbers that neither lose digits nor overflow: sums in float32, an exponential without end."""

import functools
import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import keras
import tensorflow as tf
from keras import ops

from vae_keras.support.checks import above_zero

P = ParamSpec("P")
Result = TypeVar("Result")


def exp(v: tf.Tensor) -> tf.Tensor:
    """The exponential up to v = 10, from there on its tangent: e^v overflows at 89 in float32."""
    return ops.exp(ops.minimum(v, 10.0)) * (1.0 + ops.relu(v - 10.0))


def sum_over_pixels(values: tf.Tensor) -> tf.Tensor:
    """`(batch, ...)` → `(batch,)`."""
    return ops.sum(values, axis=tuple(range(1, len(values.shape))))


def wider(box: tf.Tensor, points: tf.Tensor, anew: tf.Tensor) -> tf.Tensor:
    """A box `(2, latent)`, lowest above highest, widened by points `(n, latent)`; or begun anew."""
    low, high = ops.min(points, axis=0), ops.max(points, axis=0)
    wide = ops.stack([ops.minimum(box[0], low), ops.maximum(box[1], high)])
    return ops.where(anew, ops.stack([low, high]), wide)


def of_one_shape(formula: Callable[P, Result]) -> Callable[P, Result]:
    """Decorate a loss: its first two arguments become float32 tensors of one shape, or an error
    says what they are.

    Of two shapes, TensorFlow would make one, and the loss of a mistake would be a number. In half
    precision, a sum over hundreds of pixels would lose its digits.
    """
    signature = inspect.signature(formula)
    pair = list(signature.parameters)[:2]

    @functools.wraps(formula)
    def checked(*args: P.args, **kwargs: P.kwargs) -> Result:
        given = signature.bind(*args, **kwargs)
        for name in pair:
            given.arguments[name] = _as_float32(given.arguments[name], name)
        shapes = {name: tuple(given.arguments[name].shape) for name in pair}
        if len(set(shapes.values())) > 1:
            received = ", ".join(f"{name}.shape={shape}" for name, shape in shapes.items())
            raise ValueError(f"{' and '.join(pair)} must have the same shape. Received: {received}")
        if () in shapes.values():
            raise ValueError(
                f"{' and '.join(pair)} must have the shape (batch, ...). Received: single numbers"
            )
        sigma = given.arguments.get("sigma", 1.0)
        if not isinstance(sigma, (tf.Tensor, tf.Variable, keras.Variable)):
            above_zero(sigma, "sigma")
        return formula(*given.args, **given.kwargs)

    return checked


def _as_float32(value, name):
    try:
        return ops.cast(ops.convert_to_tensor(value), "float32")
    except (TypeError, ValueError, tf.errors.OpError):  # text, None, or rows of different length
        raise TypeError(
            f"{name} must be a tensor of numbers. Received: a {type(value).__name__}"
        ) from None
