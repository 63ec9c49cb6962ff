"""Whatever Keras network a user brings: called in one way, looked at once."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import ArrayLike

from vae_keras.support import replicas

HEADS = ("mean", "log_var")
LARGEST_IN_FLOAT16 = 1000.0  # float16 ends at 65,504, which a network's first sums must not pass
IMAGES = "images (batch, height, width, channels)"


def outputs(network: Any, inputs: tf.Tensor, training: bool | None = False) -> tuple:
    """All that a network gives, in float32, as a tuple; of a dictionary its mean and log_var."""
    count, inputs = None, in_range(network, inputs)
    if replicas.several():
        count, inputs = ops.shape(inputs)[0], replicas.never_empty(tf.convert_to_tensor(inputs))
    given = network(inputs, training=training)
    if isinstance(given, dict):
        given = _of_dictionary(given)
    given = given if isinstance(given, (tuple, list)) else [given]
    return tuple(ops.cast(one if count is None else one[:count], "float32") for one in given)


def in_range(network: Any, values: tf.Tensor) -> tf.Tensor:
    """Values as a network can take them: one in float16 ends long before float32 does."""
    if getattr(network, "compute_dtype", None) != "float16":
        return values
    return ops.clip(values, -LARGEST_IN_FLOAT16, LARGEST_IN_FLOAT16)


def _of_dictionary(given):
    if set(HEADS) <= set(given):
        return [given[head] for head in HEADS]
    if len(given) > 1:  # Keras sorts keys: their order says nothing
        raise ValueError(
            f"outputs must be named {' and '.join(HEADS)}. Received: {', '.join(given)}"
        )
    return list(given.values())


def shapes_of(
    encoder: Any, decoder: Any, heads: int, image_shape: tuple | None
) -> tuple[int, tuple]:
    """Call both networks once, to build them; return the latent dimension and an image's shape.

    Raises:
        ValueError: what they take or give does not fit together.
    """
    image_shape = _image_shape(encoder, decoder, image_shape)
    images = f"(batch, {', '.join(map(str, image_shape))})"
    codes = "z (batch, latent)" if heads == 1 else "(mean, log_var), each (batch, latent)"
    shapes = _tried(encoder, "encoder", image_shape, codes)
    if len(shapes) != heads or len(set(shapes)) > 1 or len(shapes[0]) != 2:
        raise ValueError(f"encoder must map images {images} to {codes}. Received: shapes {shapes}")
    latent_dim = shapes[0][1]
    shapes = _tried(decoder, "decoder", (latent_dim,), f"images {images}")
    if shapes != [(1, *image_shape)]:
        raise ValueError(
            f"decoder must map z (batch, {latent_dim}) to images {images}. "
            f"Received: shapes {shapes} for one z"
        )
    return latent_dim, image_shape


def _image_shape(encoder, decoder, given):
    """An image's shape: as given, as a network says, or else that of the lecture's digits."""
    said = [_said(encoder, "input_shape"), _said(decoder, "output_shape"), (28, 28, 1)]
    shape = given or next(shape for shape in said if shape is not None and len(shape) == 3)
    if len(shape) != 3 or not all(isinstance(n, (int, np.integer)) and n > 0 for n in shape):
        raise ValueError(
            f"encoder must take {IMAGES}; where it leaves a size open, say image_shape=(28, 28, "
            f"1). "
            f"Received: image_shape={shape}"
        )
    return tuple(int(n) for n in shape)


def _said(network, attribute):
    try:
        shape = getattr(network, attribute)  # Keras raises where it does not know, or there are two
        return tuple(shape[1:]) if all(n is None or isinstance(n, int) for n in shape) else None
    except (AttributeError, RuntimeError, TypeError, ValueError):
        return None


def _tried(network, name, input_shape, wanted):
    """Shapes of a network's outputs for one input of zeros."""
    try:
        given = outputs(network, np.zeros((1, *input_shape), "float32"))
    except Exception as error:  # whatever a network of one's own may raise
        received = getattr(network, "input_shape", None) or type(network).__name__
        why = (
            f": {str(error).splitlines()[0]}"
            if isinstance(network, keras.Layer) and str(error)
            else ""
        )
        raise ValueError(
            f"{name} must be a Keras model from (batch, {', '.join(map(str, input_shape))}) to "
            f"{wanted}. "
            f"Received: {received}{why}"
        ) from None
    return [tuple(one.shape) for one in given]


def check_logits(decoder: Any, latent_dim: int) -> None:
    """A VAE's decoder gives logits; one of pixels is found by its values near z = 0 and far out.

    Raises:
        ValueError: all that it gives lies in [0, 1] or in [−1, 1], up to both ends.
    """
    z = np.random.default_rng(0).standard_normal((16, latent_dim)).astype("float32")
    z = np.concatenate([z, 30 * z, 1000 * z])
    values = ops.convert_to_numpy(outputs(decoder, z)[0])
    low, high = values.min(), values.max()
    squashed = low >= -1 and 0.95 < high <= 1 and (0 <= low < 0.05 or low < -0.95)
    if np.ptp(values, axis=0).max() > 0 and squashed:  # and what depends on z at all
        raise ValueError(
            "decoder must give logits, because a VAE applies the sigmoid itself: leave out the "
            f"last activation. Received: a decoder whose values end at {low:.3g} and {high:.3g}, "
            "however far out z is"
        )


def check_codes(z: ArrayLike, latent_dim: int) -> np.ndarray:
    """Codes as float32 `(n, latent)`, or a TypeError or ValueError that says what is wrong."""
    try:
        z = np.asarray(z, dtype="float32")
    except (TypeError, ValueError):  # text, or rows of different length
        raise TypeError(
            f"z must hold numbers, (n, {latent_dim}). Received: a {type(z).__name__}"
        ) from None
    if z.ndim != 2 or z.shape[1] != latent_dim or len(z) == 0:
        raise ValueError(
            f"z must have shape (n, {latent_dim}), n at least 1. Received: shape={z.shape}"
        )
    if not np.isfinite(z).all():
        raise ValueError(
            f"z must be finite. Received: {int((~np.isfinite(z)).sum())} values NaN or infinite"
        )
    return z


def in_batches(function: Callable, array: np.ndarray, size: int = 2000) -> Any:
    """Apply a function of tensors to an array in pieces; its result or results as NumPy arrays."""
    pieces = [function(array[i : i + size]) for i in range(0, len(array), size)]
    if isinstance(pieces[0], tuple):
        return tuple(_joined(head) for head in zip(*pieces, strict=True))
    return _joined(pieces)


def _joined(pieces):
    return np.concatenate([ops.convert_to_numpy(piece) for piece in pieces])
