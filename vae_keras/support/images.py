"""What counts as images here: floats in [0, 1] of shape `(n, height, width, channels)`."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def check_images(x: ArrayLike, name: str = "x", shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Return `x` as float32 `(n, height, width, channels)`, or say what is wrong with it.

    Args:
        x: what should be images.
        name: of x, for errors.
        shape: (height, width, channels) that each image must have; None takes any.

    Raises:
        TypeError: not an array of floats.
        ValueError: another shape, no image at all, NaN, or values outside [0, 1].
    """
    images = x
    try:
        x = np.asarray(images)
    except ValueError:  # a pair of images and labels, or images of different size
        raise TypeError(
            f"{name} must be one array of images. Received: a {type(images).__name__}"
        ) from None
    if not np.issubdtype(x.dtype, np.floating) and x.dtype.name != "bfloat16":
        hint = "; divide by 255 first" if x.dtype == np.uint8 else ""
        received = f"dtype={x.dtype}" if x.dtype != object else f"a {type(images).__name__}"
        raise TypeError(f"{name} must hold floats in [0, 1]{hint}. Received: {received}")
    if x.ndim != 4 or 0 in x.shape[1:] or (shape is not None and x.shape[1:] != tuple(shape)):
        wanted = ", ".join(map(str, shape or ("height", "width", "channels")))
        raise ValueError(f"{name} must have shape (n, {wanted}). Received: shape={x.shape}")
    if len(x) == 0:
        raise ValueError(f"{name} must hold at least one image. Received: shape={x.shape}")
    x = x.astype("float32", copy=False)
    low, high = float(x.min()), float(x.max())
    if np.isnan(low):
        raise ValueError(f"{name} must not hold NaN. Received: {int(np.isnan(x).sum())} NaN values")
    if low < 0 or high > 1:
        raise ValueError(f"{name} must lie in [0, 1]. Received: values from {low:g} to {high:g}")
    return x


def one_image(x: ArrayLike, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """One image as a batch of one, `(1, height, width, channels)`, or a ValueError."""
    x = np.asarray(x)
    x = x[None] if x.shape == tuple(shape) else x
    if x.shape != (1, *shape):
        wanted = ", ".join(map(str, shape))
        raise ValueError(f"{name} must be one image, ({wanted}). Received: shape={x.shape}")
    return x


def check_image_shape(shape: Any) -> tuple[int, int, int]:
    """Return (height, width, channels) as three ints, or raise a ValueError."""
    whole = isinstance(shape, (tuple, list)) and all(
        isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n > 0 for n in shape
    )
    if not whole or len(shape) != 3:
        raise ValueError(
            "image_shape must be (height, width, channels), three whole numbers above 0, such as "
            f"(28, 28, 1). Received: image_shape={shape!r}"
        )
    height, width, channels = (int(n) for n in shape)
    return height, width, channels
