"""Insisting on a device: with VAE_KERAS_DEVICE=GPU nothing is done on a CPU in its place.

TensorFlow that finds no GPU goes on without one, and says so in a line that nobody reads.
"""

import os
from collections.abc import Iterable
from typing import Any

import tensorflow as tf


def wanted_device() -> tuple[str, int | None] | None:
    """Kind and number of the device that VAE_KERAS_DEVICE names, as "GPU" or "GPU:1"; or None.

    Raises:
        ValueError: it names none.
    """
    name = os.environ.get("VAE_KERAS_DEVICE", "").upper()
    kind, colon, number = name.partition(":")
    if name and (kind not in ("CPU", "GPU") or (colon and not number.isdecimal())):
        raise ValueError(f'VAE_KERAS_DEVICE must be "GPU", "GPU:0" or their kind. Received: {name}')
    return (kind, int(number) if colon else None) if name else None


def check_device_is_seen() -> None:
    """Raise a RuntimeError where TensorFlow sees no device of the kind that is insisted on."""
    wanted = wanted_device()
    if wanted and not tf.config.list_physical_devices(wanted[0]):
        raise RuntimeError(
            f"VAE_KERAS_DEVICE insists on a {wanted[0]}, and TensorFlow sees none: install its "
            "driver and TensorFlow for it (README), or unset VAE_KERAS_DEVICE"
        )


def check_is_there(variables: Iterable[Any]) -> None:
    """Raise a RuntimeError where a model's variable is not on the device that is insisted on."""
    wanted = wanted_device()
    for variable in variables if wanted else ():
        found = tf.DeviceSpec.from_string(variable.value.device)
        if wanted not in ((found.device_type, None), (found.device_type, found.device_index)):
            raise RuntimeError(
                f"VAE_KERAS_DEVICE insists on {os.environ['VAE_KERAS_DEVICE']}: build the model "
                f"there. Received: {variable.path} on {found.device_type}:{found.device_index}"
            )
