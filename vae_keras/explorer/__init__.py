"""A latent space to drag in: a widget in a notebook, and one HTML page where no kernel runs (slide row L36).

Both run explorer.js, which decodes by itself from the decoder's weights.
"""

import base64
import html
import json
import os
import pathlib
import zlib

import anywidget
import keras
import numpy as np
import tensorflow as tf
import traitlets
from keras import layers, ops

from vae_keras.support.checks import digit_labels
from vae_keras.data import check_images, load_data
from vae_keras.support.files import whole_or_not_at_all
from vae_keras.models import VAE
from vae_keras.plots.style import CLASS_COLOURS

FOLDER = pathlib.Path(__file__).parent
EXTENT = 3.0  # the plane shown is at least [-3, 3]²: 99.5 % of the prior
POINTS = 1000  # codes shown
PAGE_BYTES = 1_950_000  # at most: a page stays under 2 MB
BITS = (8, 7, 6, 5, 4)  # of a weight: the first with which the page is small enough
ACTIVATIONS = ("elu", "gelu", "leaky_relu", "linear", "relu", "selu", "sigmoid", "silu", "softplus", "tanh")


class Explorer(anywidget.AnyWidget):
    """What `explore` returns. In a live notebook it is a widget; elsewhere its output is a page in a frame.

    Attributes:
        z: the point shown, a list of `latent_dim` numbers. It follows the reader; set it, and the point moves.
    """

    _esm = FOLDER / "explorer.js"
    _css = FOLDER / "explorer.css"
    _ipython_display_ = None  # ipywidgets 7 has one, which would leave out the page
    data = traitlets.Dict().tag(sync=True)
    z = traitlets.Any().tag(sync=True)

    def __init__(self, data):
        super().__init__(data=data, z=[0.0] * _latent_dim(data))

    @traitlets.validate("z")
    def _check_z(self, proposal):
        z = np.asarray(proposal.value, dtype="float64")
        if z.shape != (_latent_dim(self.data),) or not np.isfinite(z).all():
            raise ValueError(f"z must hold {_latent_dim(self.data)} finite numbers. Received: z={proposal.value!r}")
        return z.tolist()

    def _repr_mimebundle_(self, **kwargs):
        bundle, metadata = super()._repr_mimebundle_(**kwargs)
        # A frame of its own: neither the notebook's styles nor another explorer's reach it.
        frame = (
            f'<iframe srcdoc="{html.escape(_page(self.data))}" sandbox="allow-scripts" title="Latent space explorer" '
            'style="width: 100%; max-width: 740px; height: 700px; border: 0"></iframe>'
        )
        return bundle | {"text/html": frame}, metadata

    def __repr__(self):
        return f"Explorer(z={self.z})"


def explore(vae, x=None, y=None):
    """Drag through a latent space and watch the decoded digit; click two digits and watch the walk between them.

    With more than two dimensions, the plane shows the two whose means vary most, and each dimension has a slider.
    Decoding happens in the browser, so the result also works in a saved or exported notebook, without a kernel. For
    that the weights are rounded, so that all fit into 2 MB: those of one or two of the course's models to 8 bits, which
    changes no pixel by more than 0.05; those of five to 4 bits, which one sees as grain.

    Args:
        vae: a `VAE` with at least two latent dimensions, or a dictionary name → `VAE`, such as
            `{"sigma = 0.2": vae_a, "sigma = 1": vae_b}`: a slider then chooses the model.
        x: images `(n, 28, 28, 1)` in [0, 1], whose codes are shown, the first 1,000; None takes held-out ones of
            `load_data()`.
        y: their classes, `(n,)`.

    Returns:
        An `Explorer`; as the last line of a notebook cell it shows itself. Its `z` is the point shown.

    Raises:
        TypeError: not a `VAE`: without a prior nothing says which part of the space to show.
        ValueError: fewer than two latent dimensions, models of different dimension, a decoder with a layer that the
            explorer cannot evaluate, too many weights, or y is not one digit for each image.
    """
    return Explorer(_described(vae, x, y))


def export_explorer(vae, path, x=None, y=None):
    """Write the explorer as one HTML file, under 2 MB, that needs neither a kernel nor a network.

    Args:
        vae, x, y: as for `explore`.
        path: of the file; an older one is replaced.

    Raises:
        FileNotFoundError, IsADirectoryError: the folder to write in does not exist; there is a folder of that name.
        TypeError, ValueError: as for `explore`.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path must name a file. Received: a {type(path).__name__}")
    with whole_or_not_at_all(path) as new:
        pathlib.Path(new).write_text(_page(_described(vae, x, y)), encoding="utf-8")


def _page(data):
    """The whole page, as text."""
    parts = {"STYLE": (FOLDER / "explorer.css"), "SCRIPT": (FOLDER / "explorer.js")}
    page = (FOLDER / "explorer.html").read_text(encoding="utf-8")
    for name, file in parts.items():
        page = page.replace(f"__{name}__", file.read_text(encoding="utf-8"))
    return page.replace("__DATA__", json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"))  # no "</script>"


def _described(vae, x, y):
    """What explorer.js shows, as a dictionary that JSON can hold."""
    models = vae if isinstance(vae, dict) else {"": vae}
    _check_models(models)
    if x is None and y is None:
        _, (x, y) = load_data()
    x = check_images(x)
    y = digit_labels(y, len(x), "y")
    codes = {name: model.encode(x)[0] for name, model in models.items()}
    for name, z in codes.items():
        if not (np.isfinite(z).all() and np.isfinite(models[name].decode(z[:1])).all()):
            raise ValueError(f"explore needs a VAE whose codes and images are finite. Received: {models[name].name}")
    furthest = max(np.quantile(np.abs(z), 0.99) for z in codes.values())
    typical = [_typical(x, y, digit) for digit in np.unique(y)]
    shown = list(dict.fromkeys([*typical, *range(len(x))]))[:POINTS]  # the typical ones first
    data = {
        "extent": max(EXTENT, float(np.ceil(furthest))),
        "colours": CLASS_COLOURS,
        "labels": y[shown].tolist(),
        "thumbnails": _base64((255 * x[typical]).round().astype("uint8")),
    }
    chains = {name: _chain(model.decoder, model.latent_dim) for name, model in models.items()}
    for bits in BITS:
        data["models"] = [
            {"name": str(name), **_codes(z, y, shown), "layers": _layers(chains[name], bits)}
            for name, z in codes.items()
        ]
        size = len(_page(data).encode())
        if size <= PAGE_BYTES:
            return data
    weights = sum(model.decoder.count_params() for model in models.values())
    raise ValueError(
        "the decoders must fit into a page of 2 MB: explore fewer models, or smaller ones. "
        f"Received: {len(models)} with {weights:,} weights together"
    )


def _check_models(models):
    if not models:
        raise ValueError("explore needs at least one VAE. Received: an empty dictionary")
    for model in models.values():
        if not isinstance(model, VAE):
            raise TypeError(f"explore needs a VAE, or a dictionary name → VAE. Received: a {type(model).__name__}")
    dims = {model.latent_dim for model in models.values()}
    if len(dims) > 1:
        raise ValueError(f"explore needs models of one latent dimension. Received: latent_dim={sorted(dims)}")
    if min(dims) < 2:
        raise ValueError(f"explore needs at least two latent dimensions. Received: latent_dim={min(dims)}")


def _latent_dim(data):
    return len(data["models"][0]["activity"])


def _typical(x, y, digit):
    """The index of the image that is nearest to its class's mean."""
    members = np.flatnonzero(y == digit)
    distances = np.sum((x[members] - x[members].mean(axis=0)) ** 2, axis=(1, 2, 3))
    return int(members[np.argmin(distances)])


def _codes(codes, y, shown):
    """A model's codes: their variance in each dimension, which order, those shown, and each class's median."""
    activity = np.var(codes, axis=0)  # as `active_units` has it
    order = np.argsort(-activity, kind="stable") if codes.shape[1] > 2 else np.arange(2)
    scale = max(float(np.abs(codes[shown]).max()), 1e-6) / 32767
    return {
        "activity": activity.round(4).tolist(),
        "order": order.tolist(),
        "codes": _base64((codes[shown] / scale).round().astype("<i2")),
        "code_scale": scale,
        "medians": {int(digit): np.median(codes[y == digit], axis=0).round(3).tolist() for digit in np.unique(y)},
    }


def _chain(decoder, latent_dim):
    """The layers of a decoder, each with the shapes of its input and output, if they are one chain.

    Raises:
        ValueError: a layer follows another one than the one before it, or is one that explorer.js cannot evaluate.
    """
    chain = [decoder]
    while any(isinstance(layer, keras.Model) for layer in chain):
        chain = [inner for layer in chain for inner in (layer.layers if isinstance(layer, keras.Model) else [layer])]
    chain = [layer for layer in chain if not isinstance(layer, layers.InputLayer)]
    for layer in chain:
        _check_layer(layer)
    z = x = np.random.default_rng(0).standard_normal((2, latent_dim)).astype("float32")
    steps = []
    try:
        for layer in chain:
            before, x = x, layer(x)
            steps.append((layer, before.shape[1:], x.shape[1:]))
        same = np.allclose(x, decoder(z), rtol=1e-2, atol=1e-2)
    except (ValueError, tf.errors.InvalidArgumentError):
        same = False
    if not same:
        raise ValueError(f"explore needs a decoder that is a plain chain of layers. Received: {decoder.name}")
    return steps


def _check_layer(layer):
    if type(layer) not in PACKED and type(layer) not in PASSED:
        known = ", ".join(sorted(kind.__name__ for kind in (*PACKED, *PASSED)))
        raise ValueError(
            f"explore evaluates decoders of these layers: {known}. "
            f"Received: the layer {layer.name!r}, a {type(layer).__name__}"
        )
    activation = getattr(layer, "activation", keras.activations.linear)
    name = getattr(activation, "__name__", "")
    if name not in ACTIVATIONS or keras.activations.get(name) is not activation:
        raise ValueError(
            f"explore evaluates the activations {', '.join(ACTIVATIONS)}. "
            f"Received: {name or activation} in the layer {layer.name!r}"
        )
    config = layer.get_config()
    plain = {"axis": -1, "data_format": "channels_last", "dilation_rate": (1, 1), "groups": 1, "output_padding": None}
    for option, value in plain.items():
        if config.get(option, value) != value:
            raise ValueError(
                f"explore evaluates layers with {option}={value!r}. "
                f"Received: {config[option]!r} in the layer {layer.name!r}"
            )


def _layers(chain, bits):
    """The layers as explorer.js evaluates them; those that only pass or reshape their input are left out."""
    return [PACKED[type(layer)](layer, before, after, bits) for layer, before, after in chain if type(layer) in PACKED]


def _dense(layer, before, after, bits):
    return {"type": "dense", **_weights(layer, layer.kernel, bits)}


def _convolution(layer, before, after, bits):
    transposed = isinstance(layer, layers.Conv2DTranspose)
    kernel = ops.swapaxes(layer.kernel, 2, 3) if transposed else layer.kernel  # (height, width, in, out)
    small, large = (before, after) if transposed else (after, before)
    spare = [
        max((s - 1) * stride + taps - big, 0) if layer.padding == "same" else 0
        for s, big, taps, stride in zip(small, large, layer.kernel_size, layer.strides, strict=False)
    ]
    return {
        "type": "convolve",
        "transposed": transposed,
        "taps": layer.kernel_size,
        "strides": layer.strides,
        "pad": [pixels // 2 for pixels in spare],
        "from": [int(n) for n in before],
        "to": [int(n) for n in after],
        **_weights(layer, kernel, bits),
    }


def _activation(layer, before, after, bits):
    return {"type": "activation", "activation": layer.activation.__name__}


def _normalization(layer, before, after, bits):
    """In inference a batch normalization multiplies each channel and adds to it."""
    shift, scale = (ops.convert_to_numpy(layer(np.full((1, *before), value, "float32"))) for value in (0, 1))
    shift, scale = (a.reshape(-1, before[-1])[0] for a in (shift, scale - shift))
    return {"type": "affine", "scale": _base64(scale.astype("<f4")), "shift": _base64(shift.astype("<f4"))}


def _weights(layer, kernel, bits):
    """A kernel as whole numbers, a scale for each of its outputs, a bias, and the activation."""
    kernel = ops.convert_to_numpy(kernel).astype("float32")
    largest = np.abs(kernel).max(axis=tuple(range(kernel.ndim - 1)))
    scale = np.where(largest > 0, largest, 1) / (2 ** (bits - 1) - 1)
    bias = ops.convert_to_numpy(layer.bias) if layer.use_bias else np.zeros(len(scale))
    return {
        "kernel": _base64(zlib.compress((kernel / scale).round().astype("int8").tobytes(), 9)),
        "scale": _base64(scale.astype("<f4")),
        "bias": _base64(bias.astype("<f4")),
        "activation": layer.activation.__name__,
    }


PACKED = {
    layers.Activation: _activation,
    layers.BatchNormalization: _normalization,
    layers.Conv2D: _convolution,
    layers.Conv2DTranspose: _convolution,
    layers.Dense: _dense,
}
PASSED = (layers.Dropout, layers.Flatten, layers.Reshape)


def _base64(values):
    return base64.b64encode(values if isinstance(values, bytes) else values.tobytes()).decode()
