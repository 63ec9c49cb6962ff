"""Numbers of a model that may be set at any time, as an optimizer's learning_rate may."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf


class Setting:
    """`vae.beta = 0.5`, also in a callback, acts from the next step on; `float(vae.beta)` reads it.

    A plain number would act as long as a step is traced, and never again. What is read is a
    variable; a variable of one's own, given to the constructor, is used as it is.

    Args:
        check: called with a value and the setting's name; raises a ValueError if it is out of
            range.
        shown: what errors call it, if not by its name.
    """

    def __init__(self, check: Callable[[Any, str], float], shown: str = "") -> None:
        self.check, self.shown = check, shown

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, model: Any, owner: type | None = None) -> Any:
        if model is None:
            return self
        if self.name not in model.__dict__.get("settings", {}):  # Keras looks before it sets
            raise AttributeError(self.name)
        return model.settings[self.name]

    def __set__(self, model: Any, value: Any) -> None:
        settings = model.__dict__.setdefault("settings", {})
        name, given = self.shown or self.name, isinstance(value, tf.Variable)
        if given and (value.shape != () or value.dtype != tf.float32):
            raise ValueError(
                f"{name} must be a number, or a float32 variable of shape (). "
                f"Received: {name}={value.dtype.name} of shape {value.shape}"
            )
        value = value if given else _as_number(value)
        self.check(float(value.numpy()) if given else value, name)
        if self.name in settings:
            settings[self.name].assign(value)
        else:
            settings[self.name] = (
                value if given else _Number(value, trainable=False, name=self.name)
            )


def settable(value: Any) -> Any:
    """A setting as a constructor hands it on: Keras would train a `keras.Variable` given to it."""
    if isinstance(value, _Number):  # another model's
        return float(value)
    return value.value if isinstance(value, keras.Variable) else value


def _as_number(value):
    """A number, where `vae.beta = 2 * vae.beta` gives a tensor of one."""
    single = tf.is_tensor(value) or isinstance(value, (np.ndarray, keras.Variable))
    if single and tuple(value.shape) == () and "float" in str(value.dtype):
        return float(str(np.float32(value)))
    return value


class _Number(keras.Variable):
    """A variable that shows itself as the number that it holds."""

    def __float__(self):
        return float(str(np.float32(self.numpy())))  # 0.3, and not 0.30000001192092896

    def __format__(self, form):
        return format(float(self), form)

    def __repr__(self):
        return repr(float(self))
