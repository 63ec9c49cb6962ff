"""Checks of numbers that a caller chose; each error says what is wanted and what was received."""

import math
import numbers
import reprlib
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def whole_number(value: Any, name: str, least: int = 1) -> int:
    """Return `value` as an int, or raise a ValueError if it is not a whole number of at least `least`."""
    if not _is_finite(value) or value != int(value) or value < least:
        raise ValueError(f"{name} must be a whole number, at least {least}. Received: {name}={reprlib.repr(value)}")
    return int(value)


def above_zero(value: Any, name: str) -> float:
    """Return `value`, or raise a ValueError if it is not a finite number above 0."""
    if not (_is_finite(value) and value > 0):
        raise ValueError(f"{name} must be a number above 0 and finite. Received: {name}={reprlib.repr(value)}")
    return value


def not_negative(value: Any, name: str) -> float:
    """Return `value`, or raise a ValueError if it is not a finite number of at least 0."""
    if not (_is_finite(value) and value >= 0):
        raise ValueError(f"{name} must be a number at least 0 and finite. Received: {name}={reprlib.repr(value)}")
    return value


def digit_labels(value: ArrayLike, count: int, name: str = "labels") -> np.ndarray:
    """Return `value` as an array, or raise a ValueError if it is not one digit, 0 to 9, for each of `count` images."""
    labels = np.asarray(value)
    if labels.shape != (count,) or not np.issubdtype(labels.dtype, np.integer) or not set(labels) <= set(range(10)):
        raise ValueError(
            f"{name} must hold one class for each image, {count} digits from 0 to 9. "
            f"Received: {labels.dtype} of shape {labels.shape}, such as {reprlib.repr(labels.ravel()[:3].tolist())}"
        )
    return labels


def one_of(value: Any, names: Collection[str], name: str) -> str:
    """Return `value`, or raise a ValueError if it is not one of these names."""
    if not isinstance(value, str) or value not in names:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, names))}. Received: {name}={value!r}")
    return value


def _is_finite(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
