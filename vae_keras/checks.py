"""Checks of numbers that a caller chose; each error says what is wanted and what was received."""

import math
import numbers


def whole_number(value, name, least=1):
    """Return `value` as an int, or raise a ValueError if it is not a whole number of at least `least`."""
    if not _is_finite(value) or value != int(value) or value < least:
        raise ValueError(f"{name} must be a whole number, at least {least}. Received: {name}={value!r}")
    return int(value)


def above_zero(value, name):
    """Return `value`, or raise a ValueError if it is not a finite number above 0."""
    if not (_is_finite(value) and value > 0):
        raise ValueError(f"{name} must be a number above 0 and finite. Received: {name}={value!r}")
    return value


def not_negative(value, name):
    """Return `value`, or raise a ValueError if it is not a finite number of at least 0."""
    if not (_is_finite(value) and value >= 0):
        raise ValueError(f"{name} must be a number at least 0 and finite. Received: {name}={value!r}")
    return value


def _is_finite(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
