"""What a plot is given, checked before anything is drawn: an error says what is wanted and what was received."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

import numpy as np

from vae_keras.support.checks import digit_labels, whole_number
from vae_keras.data import IMAGE_SHAPE, check_images
from vae_keras.models import VAE, Autoencoder, LatentModel

P = ParamSpec("P")
Drawn = TypeVar("Drawn")


def takes(**checks):
    """Decorate a plot: argument → function of (value, name, all arguments) that raises where the value is wrong."""

    def decorate(plot: Callable[P, Drawn]) -> Callable[P, Drawn]:
        signature = inspect.signature(plot)

        @functools.wraps(plot)
        def checked(*args: P.args, **kwargs: P.kwargs) -> Drawn:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            for name, check in checks.items():
                check(bound.arguments[name], name, bound.arguments)
            return plot(*args, **kwargs)

        return checked

    return decorate


def each(check=None):
    """A dictionary, name → value, that holds something; `check` is for every value."""

    def of(value, name, given):
        if not isinstance(value, Mapping) or not value:
            received = "an empty one" if isinstance(value, Mapping) else f"a {type(value).__name__}"
            raise TypeError(f"{name} must be a dictionary, name → what is drawn, and not empty. Received: {received}")
        for key, one in value.items() if check else ():
            check(one, f"{name}[{key!r}]", given)

    return of


def model_of(kind, latent_dim=None):
    def of(value, name, given):
        if not isinstance(value, kind):
            wanted = {VAE: "a VAE", Autoencoder: "an Autoencoder"}.get(kind, "an Autoencoder or a VAE")
            raise TypeError(f"{name} must be {wanted}. Received: a {type(value).__name__}")
        if latent_dim not in (None, value.latent_dim):
            raise ValueError(f"{name} must have a {latent_dim}-d latent space. Received: latent_dim={value.latent_dim}")

    return of


a_vae, an_autoencoder, a_model = model_of(VAE), model_of(Autoencoder), model_of(LatentModel)
a_planar_vae, a_planar_autoencoder = model_of(VAE, 2), model_of(Autoencoder, 2)


def at_least_one(value, name, given):
    whole_number(value, name)


def codes_2d(value, name, given):
    _array(value, name, "(n, 2)", lambda shape: len(shape) == 2 and shape[0] > 0 and shape[1] == 2)


def numbers(value, name, given):
    _array(value, name, "(n,), n at least 1", lambda shape: len(shape) == 1 and shape[0] > 0)


def a_column_for_each_pair(value, name, given):
    """Draws `(n, columns)`, one column for each pair (mu, sigma) in `parameters`."""
    pairs = given["parameters"]
    if not all(np.shape(pair) == (2,) and pair[1] > 0 for pair in pairs):
        raise ValueError(f"parameters must be pairs (mu, sigma), every sigma above 0. Received: parameters={pairs}")
    wanted = f"(n, {len(pairs)}), a column for each pair in parameters"
    _array(value, name, wanted, lambda shape: len(shape) == 2 and shape[0] > 0 and shape[1] == len(pairs))


def pictures(value, name, given):
    """Images `(n, 28, 28, 1)`; a reconstruction by PCA may leave [0, 1]."""
    _array(value, name, "(n, 28, 28, 1)", lambda shape: len(shape) == 4 and shape[0] > 0 and shape[1:] == IMAGE_SHAPE)
    if not np.issubdtype(np.asarray(value).dtype, np.floating):
        raise TypeError(f"{name} must hold floats, 0 for paper and 1 for ink. Received: {np.asarray(value).dtype}")


def one_image(value, name, given):
    if np.shape(value) != IMAGE_SHAPE:
        raise ValueError(f"{name} must be one image, (28, 28, 1). Received: shape={np.shape(value)}")
    check_images(np.asarray(value)[None], name)


def labels_of(codes):
    """One digit for each row of another argument, or of the first in a dictionary of them."""

    def of(value, name, given):
        rows = given[codes]
        digit_labels(value, len(next(iter(rows.values())) if isinstance(rows, Mapping) else rows), name)

    return of


def as_many_as(other):
    def of(value, name, given):
        if len(value) != len(given[other]):
            received = f"{len(value)} and {len(given[other])}"
            raise ValueError(f"{name} must be as many as {other}. Received: {received}")

    return of


def pairs_for_each_parameter(value, name, given):
    numbers(value, name, given)
    if len(value) != 2:
        raise ValueError(f"{name} must be two numbers, for mu and sigma. Received: {len(value)}")


def a_history(value, name, given):
    history = getattr(value, "history", None)
    if not isinstance(history, Mapping) or not any(term in history for term in given["terms"]):
        received = f"a History of {', '.join(history)}" if isinstance(history, Mapping) else f"a {type(value).__name__}"
        raise ValueError(f"{name} must be what fit returned, with one of {given['terms']}. Received: {received}")


def _array(value, name, wanted, fits):
    try:
        array = np.asarray(value, "float64")
    except (TypeError, ValueError):
        raise TypeError(f"{name} must hold numbers, {wanted}. Received: a {type(value).__name__}") from None
    if not fits(array.shape):
        raise ValueError(f"{name} must have shape {wanted}. Received: shape={array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite. Received: {int((~np.isfinite(array)).sum())} NaN or infinite")
