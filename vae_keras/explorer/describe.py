"""What the front end is told: images, their classes, their codes, and the networks."""

import numpy as np

from vae_keras.data import load_data
from vae_keras.explorer.layers import as_text, compressed, decoder_layers, encoder_layers, packed
from vae_keras.explorer.page import whole_page
from vae_keras.models import VAE, Autoencoder
from vae_keras.plots.style import CLASS_COLOURS
from vae_keras.support.checks import a_model, class_labels
from vae_keras.support.images import check_images

COURSE_SHAPE = (28, 28, 1)  # of the images of `load_data`
EXTENT = 3.0  # the plane shown is at least [-3, 3]²: 99.5 % of the prior
POINTS = 1000  # codes shown
NAMED = 40  # classes, at most, with a name in the plane and an image in the row below it
ROW = 10  # images in that row where all are of one class
IMAGE_BYTES = 250_000  # at most, of the images that one can take, compressed
PAGE_BYTES = 1_950_000  # at most: a page stays under 2 MB
BITS = (8, 7, 6, 5, 4)  # of a weight: the first with which the page is small enough
BITS_OF_ENCODER = 6  # at least; with fewer, codes would land beside their class


def described(model, x, y):
    """What the front end shows, as a dictionary that JSON can hold."""
    models = model if isinstance(model, dict) else {"": model}
    shape = _check_models(models)
    x, y = _images_and_labels(x, y, shape)
    decoders = {name: decoder_layers(m) for name, m in models.items()}
    encoders = {name: encoder_layers(m) for name, m in models.items()}
    heads = {name: _finite_codes(m, x) for name, m in models.items()}
    classes, y = np.unique(y, return_inverse=True)
    row = _row(x, y)
    shown = list(dict.fromkeys([*row, *range(len(x))]))[:POINTS]  # those of the row first
    images = (255 * x[shown]).round().astype("uint8")
    first = next((name for name, m in models.items() if isinstance(m, VAE)), next(iter(models)))
    data = {
        "shape": shape,
        "classes": [str(name) for name in classes],  # "" has no name
        "colours": _colours(classes),
        "labels": y[shown].tolist(),
        "centred": shape == COURSE_SHAPE,  # a drawn digit is moved and scaled as MNIST's are
        "z": heads[first][0, shown[0]].tolist(),  # the point that is shown first
    }
    codes = {
        name: {"name": str(name), **_objective(m), **_codes(heads[name], y, shown)}
        for name, m in models.items()
    }
    for bits, drawable, image_bytes in _ways(encoders):
        count = max(_that_fit(images, image_bytes), min(len(row), 2))
        data["images"] = compressed(images[:count])
        data["row"] = min(len(row), count)  # so many of the images stand in the row
        data["models"] = [
            {
                **codes[name],
                "decoder": packed(decoders[name], bits),
                "encoder": drawable[name] and [packed(part, bits) for part in drawable[name]],
            }
            for name in models
        ]
        if len(whole_page(data).encode()) <= PAGE_BYTES:
            return data
    weights = sum(m.decoder.count_params() for m in models.values())
    raise ValueError(
        "the decoders must fit into a page of 2 MB: explore fewer models, or smaller ones. "
        f"Received: {len(models)} with {weights:,} weights together"
    )


def _ways(encoders):
    """Bits of a weight, the encoders to bring, and bytes of images: the best first."""
    none = dict.fromkeys(encoders)
    yield from ((bits, encoders, IMAGE_BYTES) for bits in BITS if bits >= BITS_OF_ENCODER)
    yield from ((bits, none, IMAGE_BYTES) for bits in BITS)
    yield BITS[-1], none, IMAGE_BYTES // 10


def _check_models(models):
    """Return the shape of the models' images, or raise an error if they cannot be shown."""
    if not models:
        raise ValueError("explore needs at least one model. Received: an empty dictionary")
    for model in models.values():
        wanted = "explore needs a VAE or an Autoencoder, or a dictionary name → model"
        a_model(model, (VAE, Autoencoder), wanted)
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


def _finite_codes(model, x):
    """(mean, log_var) of the images, or (z,) of an autoencoder."""
    heads = np.reshape(model.encode(x), (-1, len(x), model.latent_dim))
    if not (np.isfinite(heads).all() and np.isfinite(model.decode(heads[0, :1])).all()):
        raise ValueError(
            f"explore needs a model whose codes and images are finite. Received: {model.name}"
        )
    return heads


def _objective(model):
    """What the loss is made of: the front end computes its terms for the image that it shows."""
    if isinstance(model, Autoencoder):
        return {"kind": "AE"}
    return {
        "kind": "VAE",
        **model.options,
        "sigma": float(model.sigma),
        "learned": model.learns_sigma,
    }


def _colours(classes):
    """A colour for each class: a number's own, as in the course's figures; else the next one."""
    numbers = classes if np.issubdtype(classes.dtype, np.integer) else range(len(classes))
    return [CLASS_COLOURS[int(number) % len(CLASS_COLOURS)] for number in numbers]


def _row(x, y):
    """Which images stand in the row: the typical one of each class; of one class, the first."""
    count = y.max() + 1
    if count == 1:
        return [*range(len(x))][:ROW]
    return [_typical(x, y, c) for c in range(min(count, NAMED))]


def _typical(x, y, c):
    """The index of the image that is nearest to its class's mean."""
    members = np.flatnonzero(y == c)
    distances = np.sum((x[members] - x[members].mean(axis=0)) ** 2, axis=(1, 2, 3))
    return int(members[np.argmin(distances)])


def _that_fit(images, size):
    """How many of the images, from the first on, fit into so many compressed bytes: about."""
    each = len(compressed(images[:50])) / len(images[:50])
    return min(len(images), int(size / each))


def _codes(heads, y, shown):
    """A model's codes: the variance of each dimension, in which order, those shown, and medians."""
    mean = heads[0]
    activity = np.var(mean, axis=0)  # as `active_units` has it
    order = np.argsort(-activity, kind="stable") if mean.shape[1] > 2 else np.arange(2)
    named = range(min(y.max() + 1, NAMED))
    return {
        "activity": activity.round(4).tolist(),
        "order": order.tolist(),
        **_window(mean, prior=len(heads) > 1),
        "codes": _sixteen_bits(mean[shown]),
        "log_vars": [_sixteen_bits(log_var[shown]) for log_var in heads[1:]],
        "medians": [np.median(mean[y == c], axis=0).round(3).tolist() for c in named],
    }


def _window(mean, prior):
    """The middle of the plane, and half its side: around the prior, or around an AE's codes."""
    if prior:
        reach = float(np.ceil(np.quantile(np.abs(mean), 0.99)))
        return {"centre": [0] * mean.shape[1], "extent": max(EXTENT, reach)}
    low, high = np.quantile(mean, (0.005, 0.995), axis=0)
    half = max(float(np.max(high - low)) / 2, 1e-3)
    return {"centre": ((low + high) / 2).round(2).tolist(), "extent": half}


def _sixteen_bits(values):
    scale = max(float(np.abs(values).max()), 1e-6) / 32767
    return {"scale": scale, "values": as_text((values / scale).round().astype("<i2"))}
