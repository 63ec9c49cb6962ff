"""Checks of numbers that a caller chose; each error says what is wanted and what was received."""

import math
import numbers
import re
import reprlib
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def whole_number(value: Any, name: str, least: int = 1) -> int:
    """Return `value` as an int; a ValueError if it is not a whole number of at least `least`."""
    if not _is_finite(value) or value != int(value) or value < least:
        raise ValueError(
            f"{name} must be a whole number, at least {least}. Received: "
            f"{name}={reprlib.repr(value)}"
        )
    return int(value)


def above_zero(value: Any, name: str) -> float:
    """Return `value`, or raise a ValueError if it is not a finite number above 0."""
    if not (_is_finite(value) and value > 0):
        raise ValueError(
            f"{name} must be a number above 0 and finite. Received: {name}={reprlib.repr(value)}"
        )
    return value


def not_negative(value: Any, name: str) -> float:
    """Return `value`, or raise a ValueError if it is not a finite number of at least 0."""
    if not (_is_finite(value) and value >= 0):
        raise ValueError(
            f"{name} must be a number at least 0 and finite. Received: {name}={reprlib.repr(value)}"
        )
    return value


def class_labels(value: ArrayLike, count: int, name: str = "labels") -> np.ndarray:
    """Return one class for each of `count` images, `(count,)`, or raise a ValueError.

    Texts are returned as str, also where they were bytes; whole numbers as integers.
    """
    labels = np.asarray(value)
    texts = labels.dtype.kind in "SOT" and all(isinstance(one, (str, bytes)) for one in labels.flat)
    whole = labels.dtype.kind == "f" and np.isfinite(labels).all() and (labels % 1 == 0).all()
    if labels.shape != (count,) or not (texts or whole or labels.dtype.kind in "iuU"):
        some = reprlib.repr(labels.ravel()[:3].tolist())
        raise ValueError(
            f"{name} must hold one class for each image, {count} numbers or texts. "
            f"Received: {labels.dtype} of shape {labels.shape}, such as {some}"
        )
    if texts:
        return np.array([one.decode() if isinstance(one, bytes) else one for one in labels], str)
    return labels.astype("int64") if whole else labels


def one_of(value: Any, names: Collection[str], name: str) -> str:
    """Return `value`, or raise a ValueError if it is not one of these names."""
    if not isinstance(value, str) or value not in names:
        raise ValueError(
            f"{name} must be one of {', '.join(map(repr, names))}. Received: {name}={value!r}"
        )
    return value


def _is_finite(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


def a_pair_of_shapes(shapes: Any) -> None:
    """Raise an error if these are not the shapes of a pair (mean, log_var)."""
    if not isinstance(shapes, (tuple, list)) or len(shapes) != 2 or not all(map(_is_shape, shapes)):
        count = len(shapes) if isinstance(shapes, list) or any(map(_is_shape, shapes)) else 1
        raise TypeError(
            f"Sampling is called on a pair (mean, log_var). Received: {count} of {shapes}"
        )
    if tuple(shapes[0]) != tuple(shapes[1]):
        raise ValueError(
            f"mean and log_var must have the same shape. "
            f"Received: mean.shape={tuple(shapes[0])}, log_var.shape={tuple(shapes[1])}"
        )


def a_model(value: Any, kind: type, wanted: str) -> None:
    """Raise a TypeError if `value` is not of this kind."""
    if not isinstance(value, kind):
        raise TypeError(f"{wanted}. Received: a {type(value).__name__}")


def a_sigma(sigma: Any, likelihood: str) -> bool:
    """Whether a VAE's sigma is learned; a ValueError if it is neither that nor a number above 0."""
    if not isinstance(sigma, str):
        return False
    if sigma != "learned":
        raise ValueError(f"sigma must be a number above 0, or 'learned'. Received: sigma={sigma!r}")
    if likelihood != "gaussian":
        raise ValueError(
            f"sigma='learned' needs likelihood='gaussian': the other one has no sigma. "
            f"Received: likelihood={likelihood!r}"
        )
    return True


def model_name(name: Any) -> None:
    """Raise a ValueError if TensorFlow would refuse this name, which it does in `predict`."""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9.][A-Za-z0-9_.-]*", name):
        raise ValueError(
            f"name may hold letters, digits, '.', '_' and '-', and starts with one of the first "
            f"three. "
            f"Received: name={name!r}"
        )


def _is_shape(value):
    return isinstance(value, (tuple, list))
