"""Networks for the front end: layers, one after the other, their weights rounded to few bits."""

import base64
import itertools
import zlib

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from vae_keras.support.networks import outputs

ACTIVATIONS = (
    "elu",
    "gelu",
    "leaky_relu",
    "linear",
    "relu",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "tanh",
)
ERRORS = (TypeError, ValueError, tf.errors.OpError)  # of layers that do not follow each other


def decoder_layers(model):
    """The layers of a model's decoder, each with the shapes of its input and output.

    Raises:
        ValueError: it is no chain of layers, or has one that the front end cannot evaluate.
    """
    chain = _flat(model.decoder)
    z = np.random.default_rng(0).standard_normal((2, model.latent_dim)).astype("float32")
    try:
        steps, pixels = _through(chain, z)
        same = _same(pixels, outputs(model.decoder, z)[0])
    except ERRORS:
        same = False
    if not same:
        raise ValueError(
            "explore needs a decoder that is a plain chain of layers. "
            f"Received: {model.decoder.name}"
        )
    return steps


def encoder_layers(model):
    """The layers of a model's encoder, as those of its body and of each head; None where the front
    end cannot evaluate it: then images can be chosen, but not drawn.
    """
    x = np.random.default_rng(0).random((2, *model.image_shape)).astype("float32")
    try:
        chain, codes = _flat(model.encoder), outputs(model.encoder, x)
        count = len(codes) if len(codes) > 1 else 0  # an autoencoder's only head is its last layer
        body, y = _through(chain[: len(chain) - count], x)
        heads = [_through([layer], y) for layer in chain[len(chain) - count :]] or [([], y)]
    except ERRORS:
        return None
    for order in itertools.permutations(heads):
        if all(_same(head, code) for (_, head), code in zip(order, codes, strict=True)):
            return [body, *(steps for steps, _ in order)]
    return None


def _flat(network):
    """The layers of a network and of the networks in it, in the order in which they were made."""
    chain = [network]
    while any(isinstance(layer, keras.Model) for layer in chain):
        inner = [layer.layers if isinstance(layer, keras.Model) else [layer] for layer in chain]
        chain = [layer for group in inner for layer in group]
    chain = [layer for layer in chain if not isinstance(layer, layers.InputLayer)]
    for layer in chain:
        _check_layer(layer)
    return chain


def _through(chain, x):
    """Each layer with the shapes of its input and output, and what the last one gives."""
    steps = []
    for layer in chain:
        before, x = x, layer(x)
        steps.append((layer, before.shape[1:], x.shape[1:]))
    return steps, x


def _same(seen, wanted):
    return np.shape(seen) == np.shape(wanted) and np.allclose(
        seen,
        wanted,
        rtol=1e-2,
        atol=1e-2,
        equal_nan=True,  # NaN has its own error
    )


def _check_layer(layer):
    if type(layer) not in PACKED and type(layer) not in PASSED:
        known = ", ".join(sorted(kind.__name__ for kind in (*PACKED, *PASSED)))
        raise ValueError(
            f"explore evaluates networks of these layers: {known}. "
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
    plain = {
        "axis": -1,
        "data_format": "channels_last",
        "dilation_rate": (1, 1),
        "groups": 1,
        "output_padding": None,
    }
    for option, value in plain.items():
        if config.get(option, value) != value:
            raise ValueError(
                f"explore evaluates layers with {option}={value!r}. "
                f"Received: {config[option]!r} in the layer {layer.name!r}"
            )


def packed(chain, bits):
    """The layers for the front end to evaluate, without those that only pass or reshape."""
    return [
        PACKED[type(layer)](layer, before, after, bits)
        for layer, before, after in chain
        if type(layer) in PACKED
    ]


def _dense(layer, before, after, bits):
    return {"type": "dense", **_weights(layer, layer.kernel, bits)}


def _convolution(layer, before, after, bits):
    transposed = isinstance(layer, layers.Conv2DTranspose)
    # (height, width, in, out)
    kernel = ops.swapaxes(layer.kernel, 2, 3) if transposed else layer.kernel
    small, large = (before, after) if transposed else (after, before)
    spare = [
        max((s - 1) * stride + taps - big, 0) if layer.padding == "same" else 0
        for s, big, taps, stride in zip(
            small, large, layer.kernel_size, layer.strides, strict=False
        )
    ]
    return {
        "type": "convolve",
        "transposed": transposed,
        "taps": layer.kernel_size,
        "strides": layer.strides,
        "pad": [pixels // 2 for pixels in spare],
        **_shapes(before, after),
        **_weights(layer, kernel, bits),
    }


def _cropping(layer, before, after, bits):
    (top, _), (left, _) = layer.cropping
    return {"type": "crop", "start": [top, left], **_shapes(before, after)}


def _shapes(before, after):
    return {"from": [int(n) for n in before], "to": [int(n) for n in after]}


def _activation(layer, before, after, bits):
    return {"type": "activation", "activation": layer.activation.__name__}


def _normalization(layer, before, after, bits):
    """In inference a batch normalization multiplies each channel and adds to it."""
    shift, scale = (
        ops.convert_to_numpy(layer(np.full((1, *before), value, "float32"))) for value in (0, 1)
    )
    shift, scale = (a.reshape(-1, before[-1])[0] for a in (shift, scale - shift))
    return {
        "type": "affine",
        "scale": as_text(scale.astype("<f4")),
        "shift": as_text(shift.astype("<f4")),
    }


def _weights(layer, kernel, bits):
    """A kernel as whole numbers, a scale for each of its outputs, a bias, and the activation."""
    kernel = ops.convert_to_numpy(kernel).astype("float32")
    largest = np.abs(kernel).max(axis=tuple(range(kernel.ndim - 1)))
    scale = np.where(largest > 0, largest, 1) / (2 ** (bits - 1) - 1)
    bias = ops.convert_to_numpy(layer.bias) if layer.use_bias else np.zeros(len(scale))
    return {
        "kernel": compressed((kernel / scale).round().astype("int8")),
        "scale": as_text(scale.astype("<f4")),
        "bias": as_text(bias.astype("<f4")),
        "activation": layer.activation.__name__,
    }


PACKED = {
    layers.Activation: _activation,
    layers.BatchNormalization: _normalization,
    layers.Conv2D: _convolution,
    layers.Conv2DTranspose: _convolution,
    layers.Cropping2D: _cropping,
    layers.Dense: _dense,
}
PASSED = (layers.Dropout, layers.Flatten, layers.Reshape)


def compressed(values):
    """An array, such as weights or pixels, as short text."""
    return as_text(zlib.compress(values.tobytes(), 9))


def as_text(values):
    """An array or bytes as text that JSON can hold."""
    return base64.b64encode(values if isinstance(values, bytes) else values.tobytes()).decode()
