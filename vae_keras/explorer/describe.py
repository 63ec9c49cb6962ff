"""What explorer.js is told: images, their classes, their codes, and the decoders."""

import numpy as np

from vae_keras.data import load_data
from vae_keras.explorer.layers import as_text, chain_of, compressed, packed
from vae_keras.explorer.page import whole_page
from vae_keras.models import VAE
from vae_keras.plots.style import CLASS_COLOURS
from vae_keras.support.checks import a_model, class_labels
from vae_keras.support.images import check_images

COURSE_SHAPE = (28, 28, 1)  # of the images of `load_data`
EXTENT = 3.0  # the plane shown is at least [-3, 3]²: 99.5 % of the prior
POINTS = 1000  # codes shown
NAMED = 40  # classes, at most, with a name in the plane and an image in the row below it
ROW = 10  # images in that row where all are of one class
THUMBNAIL = 64  # pixels, at most, of its images' height and width
PAGE_BYTES = 1_950_000  # at most: a page stays under 2 MB
BITS = (8, 7, 6, 5, 4)  # of a weight: the first with which the page is small enough


def described(vae, x, y):
    """What explorer.js shows, as a dictionary that JSON can hold."""
    models = vae if isinstance(vae, dict) else {"": vae}
    shape = _check_models(models)
    x, y = _images_and_labels(x, y, shape)
    chains = {name: chain_of(model.decoder, model.latent_dim) for name, model in models.items()}
    codes = {name: model.encode(x)[0] for name, model in models.items()}
    for name, z in codes.items():
        model = models[name]
        if not (np.isfinite(z).all() and np.isfinite(model.decode(z[:1])).all()):
            raise ValueError(
                f"explore needs a VAE whose codes and images are finite. Received: {model.name}"
            )
    furthest = max(np.quantile(np.abs(z), 0.99) for z in codes.values())
    classes, y = np.unique(y, return_inverse=True)
    row = _row(x, y)
    shown = list(dict.fromkeys([*row, *range(len(x))]))[:POINTS]  # those of the row first
    step = -(-max(shape[:2]) // THUMBNAIL)
    thumbnails = x[row][:, ::step, ::step]
    data = {
        "shape": shape,
        "extent": max(EXTENT, float(np.ceil(furthest))),
        "classes": [str(name) for name in classes],  # "" has no name
        "colours": _colours(classes),
        "labels": y[shown].tolist(),
        "thumbnails": compressed((255 * thumbnails).round().astype("uint8")),
        "thumbnail_shape": thumbnails.shape[1:],
    }
    for bits in BITS:
        data["models"] = [
            {"name": str(name), **_codes(z, y, shown), "layers": packed(chains[name], bits)}
            for name, z in codes.items()
        ]
        if len(whole_page(data).encode()) <= PAGE_BYTES:
            return data
    weights = sum(model.decoder.count_params() for model in models.values())
    raise ValueError(
        "the decoders must fit into a page of 2 MB: explore fewer models, or smaller ones. "
        f"Received: {len(models)} with {weights:,} weights together"
    )


def latent_dim(data):
    """The number of dimensions of z."""
    return len(data["models"][0]["activity"])


def _check_models(models):
    """Return the shape of the models' images, or raise an error if explorer.js cannot show them."""
    if not models:
        raise ValueError("explore needs at least one VAE. Received: an empty dictionary")
    for model in models.values():
        a_model(model, VAE, "explore needs a VAE, or a dictionary name → VAE")
    dims = {model.latent_dim for model in models.values()}
    if len(dims) > 1:
        raise ValueError(
            f"explore needs models of one latent dimension. Received: latent_dim={sorted(dims)}"
        )
    if min(dims) < 2:
        raise ValueError(
            f"explore needs at least two latent dimensions. Received: latent_dim={min(dims)}"
        )
    shapes = {tuple(model.image_shape) for model in models.values()}
    if len(shapes) > 1:
        raise ValueError(
            f"explore needs models of one image shape. Received: image_shape={sorted(shapes)}"
        )
    return shapes.pop()


def _images_and_labels(x, y, shape):
    """Images and a label for each, as given or those of the course."""
    if x is None and y is None:
        if shape != COURSE_SHAPE:
            raise ValueError(
                f"explore needs x, this model's images, and y: load_data has {COURSE_SHAPE} alone. "
                f"Received: x=None, image_shape={shape}"
            )
        _, (x, y) = load_data()
    x = check_images(x, "x", shape)
    y = np.full(len(x), "") if y is None else class_labels(y, len(x), "y")
    return x, y.astype({"f": "int64", "S": "str"}.get(y.dtype.kind, y.dtype))  # 1, not "1.0"


def _colours(classes):
    """A colour for each class: a number's own, as in the course's figures; else the next one."""
    numbers = classes if np.issubdtype(classes.dtype, np.integer) else range(len(classes))
    return [CLASS_COLOURS[int(number) % len(CLASS_COLOURS)] for number in numbers]


def _row(x, y):
    """Which images one can choose: the typical one of each class; of a single class, the first."""
    count = y.max() + 1
    if count == 1:
        return [*range(len(x))][:ROW]
    return [_typical(x, y, c) for c in range(min(count, NAMED))]


def _typical(x, y, c):
    """The index of the image that is nearest to its class's mean."""
    members = np.flatnonzero(y == c)
    distances = np.sum((x[members] - x[members].mean(axis=0)) ** 2, axis=(1, 2, 3))
    return int(members[np.argmin(distances)])


def _codes(codes, y, shown):
    """A model's codes: the variance of each dimension, in which order, those shown, and medians."""
    activity = np.var(codes, axis=0)  # as `active_units` has it
    order = np.argsort(-activity, kind="stable") if codes.shape[1] > 2 else np.arange(2)
    scale = max(float(np.abs(codes[shown]).max()), 1e-6) / 32767
    named = range(min(y.max() + 1, NAMED))
    return {
        "activity": activity.round(4).tolist(),
        "order": order.tolist(),
        "codes": as_text((codes[shown] / scale).round().astype("<i2")),
        "code_scale": scale,
        "medians": [np.median(codes[y == c], axis=0).round(3).tolist() for c in named],
    }
