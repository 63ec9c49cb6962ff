"""The images: MNIST, or real handwritten digits that need no network."""

import os

import keras
import numpy as np

from vae_keras.support.mnist import load_mnist

NAMES = ("auto", "mnist", "digits")


def load_data(
    name: str = "auto",
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Load handwritten digits, as `keras.datasets` does.

    Args:
        name: "mnist" (60,000 + 10,000 images; prepared by tensorflow-datasets, else downloaded from
            where `keras.datasets` has it or by tensorflow-datasets), "digits" (scikit-learn's 1,797
            digits scaled to 28 × 28, split 1,500/297; no network) or "auto": MNIST where it is at
            hand or its host answers within 5 seconds, and never falls silent for as long, else the
            digits. The environment variable `VAE_KERAS_DATA` says what "auto" means.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images float32 `(n, 28, 28, 1)` in [0, 1], labels
        int64 `(n,)`. The order is the same on every machine, whichever source the images came from.

    Raises:
        ValueError: an unknown name.
        RuntimeError: "mnist" was asked for and no source has it.
    """
    source = "name"
    if name == "auto" and os.environ.get("VAE_KERAS_DATA"):
        source, name = "VAE_KERAS_DATA", os.environ["VAE_KERAS_DATA"]
    if name not in NAMES:
        known = ", ".join(map(repr, NAMES))
        raise ValueError(f"load_data knows {known}. Received: {source}={name!r}")
    if name == "digits":
        return _digits()
    try:
        return _mnist()
    except RuntimeError as error:
        if name == "mnist":
            raise
        print(f"Using scikit-learn's 1,797 digits. {error}")
        return _digits()


def _mnist():
    x_train, y_train, x_test, y_test = load_mnist()
    return (_as_float(x_train), y_train.astype("int64")), (
        _as_float(x_test),
        y_test.astype("int64"),
    )


def _as_float(x):
    return x[..., None] / np.float32(255)


def _digits():
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8, 1).astype("float32") / 16
    # Leave MNIST's empty margin of 4 pixels around the digit.
    images = keras.ops.image.resize(images, (20, 20), data_format="channels_last")  # bilinear
    images = np.pad(np.clip(images, 0, 1), ((0, 0), (4, 4), (4, 4), (0, 0)))
    x_train, x_test, y_train, y_test = train_test_split(
        images, labels.astype("int64"), train_size=1500, stratify=labels, random_state=0
    )
    return (x_train, y_train), (x_test, y_test)
