"""What a plot is given, checked before anything is drawn: errors say what is wanted."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

import numpy as np

from vae_keras.models import VAE, Autoencoder, LatentModel
from vae_keras.support.checks import class_labels, whole_number
from vae_keras.support.images import check_images
from vae_keras.support.images import one_image as batch_of_one

P = ParamSpec("P")
Drawn = TypeVar("Drawn")


def takes(**checks):
    """Decorate a plot: argument → function of (value, name, all arguments) that checks the value.

    It raises where the value is wrong. What it returns, if anything, is what the plot gets.
    """

    def decorate(plot: Callable[P, Drawn]) -> Callable[P, Drawn]:
        signature = inspect.signature(plot)

        @functools.wraps(plot)
        def checked(*args: P.args, **kwargs: P.kwargs) -> Drawn:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            for name, check in checks.items():
                better = check(bound.arguments[name], name, bound.arguments)
                if better is not None:
                    bound.arguments[name] = better
            return plot(*bound.args, **bound.kwargs)

        return checked

    return decorate


def each(check=None):
    """A dictionary, name → value, that holds something; `check` is for every value."""

    def of(value, name, given):
        if not isinstance(value, Mapping) or not value:
            received = "an empty one" if isinstance(value, Mapping) else f"a {type(value).__name__}"
            raise TypeError(
                f"{name} must be a dictionary, name → what is drawn, and not empty. "
                f"Received: {received}"
            )
        for key, one in value.items() if check else ():
            check(one, f"{name}[{key!r}]", given)

    return of


def model_of(kind, latent_dim=None):
    def of(value, name, given):
        if not isinstance(value, kind):
            wanted = {VAE: "a VAE", Autoencoder: "an Autoencoder"}.get(
                kind, "an Autoencoder or a VAE"
            )
            raise TypeError(f"{name} must be {wanted}. Received: a {type(value).__name__}")
        if latent_dim not in (None, value.latent_dim):
            raise ValueError(
                f"{name} must have a {latent_dim}-d latent space. "
                f"Received: latent_dim={value.latent_dim}"
            )

    return of


a_vae, an_autoencoder, a_model = model_of(VAE), model_of(Autoencoder), model_of(LatentModel)
a_planar_vae, a_planar_autoencoder = model_of(VAE, 2), model_of(Autoencoder, 2)
a_planar_model = model_of(LatentModel, 2)


def at_least_one(value, name, given):
    whole_number(value, name)


def codes_2d(value, name, given):
    _array(value, name, "(n, 2)", lambda shape: len(shape) == 2 and shape[0] > 0 and shape[1] == 2)


def cells(value, name, given):
    _array(value, name, "(rings, sectors)", lambda shape: len(shape) == 2 and 0 not in shape)


def numbers(value, name, given):
    _array(value, name, "(n,), n at least 1", lambda shape: len(shape) == 1 and shape[0] > 0)


def or_none(check):
    """What `check` asks for, or None."""
    return lambda value, name, given: None if value is None else check(value, name, given)


def a_column_for_each_pair(value, name, given):
    """Draws `(n, columns)`, one column for each pair (mu, sigma) in `parameters`."""
    pairs = given["parameters"]
    if not all(np.shape(pair) == (2,) and pair[1] > 0 for pair in pairs):
        raise ValueError(
            f"parameters must be pairs (mu, sigma), every sigma above 0. "
            f"Received: parameters={pairs}"
        )
    wanted = f"(n, {len(pairs)}), a column for each pair in parameters"
    _array(
        value,
        name,
        wanted,
        lambda shape: len(shape) == 2 and shape[0] > 0 and shape[1] == len(pairs),
    )


def pictures(value, name, given):
    """Images of any shape; a reconstruction by PCA may leave [0, 1]."""
    wanted = "(n, height, width, channels)"
    _array(value, name, wanted, lambda shape: len(shape) == 4 and 0 not in shape)
    if not np.issubdtype(np.asarray(value).dtype, np.floating):
        raise TypeError(f"{name} must hold floats in [0, 1]. Received: {np.asarray(value).dtype}")


def pictures_or_codes(value, name, given):
    if np.ndim(value) == 4:
        pictures(value, name, given)
    else:
        wanted = "(n, height, width, channels), or (n, latent) for codes"
        _array(value, name, wanted, lambda shape: len(shape) == 2 and 0 not in shape)


def rows_of(check):
    """A dictionary, name → value, in which all images have one shape."""

    def of(value, name, given):
        each(check)(value, name, given)
        shapes = list(
            dict.fromkeys(np.shape(row)[1:] for row in value.values() if np.ndim(row) == 4)
        )
        if len(shapes) > 1:
            received = f"{shapes[0]} and {shapes[1]}"
            raise ValueError(f"{name} must hold images of one shape. Received: {received}")

    return of


rows_of_pictures, rows_of_pictures_or_codes = rows_of(pictures), rows_of(pictures_or_codes)


def one_image(like=None):
    """One image, of any shape, or like another argument, which is a model or an image."""

    def of(value, name, given):
        other = given.get(like)
        shape = getattr(other, "image_shape", None) or (np.shape(other) if like else None)
        if np.ndim(value) != 3 or shape not in (None, np.shape(value)):
            wanted = ", ".join(map(str, shape or ("height", "width", "channels")))
            received = f"shape={np.shape(value)}"
            raise ValueError(f"{name} must be one image, ({wanted}). Received: {received}")
        return check_images(np.asarray(value)[None], name)[0]

    return of


def one_image_or_batch(value, name, given):
    """One image of the model's shape, or a batch of one; the plot gets the batch."""
    shape = given["model"].image_shape
    return check_images(batch_of_one(value, name, shape), name, shape)


def labels_of(codes):
    """One class for each row of another argument, or of the first in a dictionary of them."""

    def of(value, name, given):
        rows = given[codes]
        first = next(iter(rows.values())) if isinstance(rows, Mapping) else rows
        return class_labels(value, len(first), name)

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
        received = (
            f"a History of {', '.join(history)}"
            if isinstance(history, Mapping)
            else f"a {type(value).__name__}"
        )
        raise ValueError(
            f"{name} must be what fit returned, with one of {given['terms']}. Received: {received}"
        )


def _array(value, name, wanted, fits):
    try:
        array = np.asarray(value, "float64")
    except (TypeError, ValueError):
        raise TypeError(
            f"{name} must hold numbers, {wanted}. Received: a {type(value).__name__}"
        ) from None
    if not fits(array.shape):
        raise ValueError(f"{name} must have shape {wanted}. Received: shape={array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(
            f"{name} must be finite. Received: {int((~np.isfinite(array)).sum())} NaN or infinite"
        )
