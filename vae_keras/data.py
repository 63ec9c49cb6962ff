"""The images: MNIST, or real handwritten digits that need no network."""

import contextlib
import hashlib
import os
import pathlib
import tempfile
import threading
import urllib.request

import keras
import numpy as np

IMAGE_SHAPE = (28, 28, 1)
"""Height, width and channels of every image in this course, so m = 784."""

PIXELS = 28 * 28
"""m, the dimension of the input space X = R^m (slide row L01)."""

NAMES = ("auto", "mnist", "digits")
ARRAYS = ("x_train", "y_train", "x_test", "y_test")
MIRROR = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
HOW_TO_GET_MNIST = (
    "connect to the internet once, or set TFDS_DATA_DIR to a folder in which tensorflow-datasets has prepared mnist"
)


def load_data(name="auto"):
    """Load handwritten digits, as `keras.datasets` does.

    Args:
        name: "mnist" (60,000 + 10,000 images; prepared or downloaded by tensorflow-datasets, else by
            `keras.datasets`), "digits" (scikit-learn's 1,797 digits scaled to 28 × 28, split 1,500/297; no
            network) or "auto": MNIST where it is at hand or its host answers within 5 seconds, else the digits.
            The environment variable `VAE_KERAS_DATA` says what "auto" means.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images float32 `(n, 28, 28, 1)` in [0, 1], labels int64 `(n,)`.
        The order is the same on every machine, whichever source the images came from.

    Raises:
        ValueError: an unknown name.
        RuntimeError: "mnist" was asked for and no source has it.
    """
    source = "name"
    if name == "auto" and os.environ.get("VAE_KERAS_DATA"):
        source, name = "VAE_KERAS_DATA", os.environ["VAE_KERAS_DATA"]
    if name not in NAMES:
        raise ValueError(f"load_data knows {', '.join(map(repr, NAMES))}. Received: {source}={name!r}")
    if name == "digits":
        return _digits()
    images = _read_npz(_cache_file())
    if images is None:
        images = _read_npz(_keras_folder() / "mnist.npz") or _read_prepared_tfds()
        try:
            images = _remember(images or _download())
        except RuntimeError:
            if name == "mnist":
                raise
            print(
                "MNIST is not on this machine and its host does not answer: using scikit-learn's 1,797 digits. "
                f"To get MNIST, {HOW_TO_GET_MNIST}."
            )
            return _digits()
    return _as_float(images)


def check_images(x, name="x"):
    """Return `x` as float32 `(n, 28, 28, 1)`, or say what is wrong with it.

    Raises:
        TypeError: not an array of floats.
        ValueError: another shape, no image at all, NaN, or values outside [0, 1].
    """
    images, x = x, np.asarray(x)
    if not np.issubdtype(x.dtype, np.floating) and x.dtype.name != "bfloat16":
        hint = "; divide by 255 first" if x.dtype == np.uint8 else ""
        received = f"dtype={x.dtype}" if x.dtype != object else f"a {type(images).__name__}"
        raise TypeError(f"{name} must hold floats in [0, 1]{hint}. Received: {received}")
    if x.ndim != 4 or x.shape[1:] != IMAGE_SHAPE:
        raise ValueError(f"{name} must have shape (n, 28, 28, 1). Received: shape={x.shape}")
    if len(x) == 0:
        raise ValueError(f"{name} must hold at least one image. Received: shape={x.shape}")
    x = x.astype("float32", copy=False)
    low, high = float(x.min()), float(x.max())
    if np.isnan(low):
        raise ValueError(f"{name} must not hold NaN. Received: {int(np.isnan(x).sum())} NaN values")
    if low < 0 or high > 1:
        raise ValueError(f"{name} must lie in [0, 1]. Received: values from {low:g} to {high:g}")
    return x


def _digits():
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8, 1) / 16.0
    # Leave MNIST's empty margin of 4 pixels around the digit.
    images = keras.ops.image.resize(images.astype("float32"), (20, 20), interpolation="bilinear")
    images = np.pad(np.clip(images, 0, 1), ((0, 0), (4, 4), (4, 4), (0, 0)))
    x_train, x_test, y_train, y_test = train_test_split(
        images, labels.astype("int64"), train_size=1500, stratify=labels, random_state=0
    )
    return (x_train, y_train), (x_test, y_test)


def _as_float(images):
    splits = (images[:2], images[2:])
    return tuple((x[..., None] / np.float32(255), y.astype("int64")) for x, y in splits)


# MNIST's sources. Each gives [x_train, y_train, x_test, y_test] in uint8, or None where it has nothing whole.


def _keras_folder():
    return pathlib.Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "datasets"


def _cache_file():
    return _keras_folder() / "vae_keras_mnist.npz"


def _read_npz(file):
    try:
        with np.load(file) as arrays:
            return _complete([arrays[key] for key in ARRAYS])
    except Exception:  # absent, truncated or foreign: as if it were not there
        return None


def _read_prepared_tfds():
    folder = pathlib.Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser()
    if not (folder / "mnist").is_dir():
        return None
    try:
        return _read_tfds(_tfds_builder())
    except Exception:  # half prepared, unreadable, or tensorflow-datasets itself is broken (as on Colab)
        return None


def _host_answers(seconds=5):
    """Whether MNIST's host answers in time. A thread, because looking up a name knows no time-out."""
    answers = []

    def ask():
        request = urllib.request.Request(MIRROR, method="HEAD")
        with contextlib.suppress(Exception), urllib.request.urlopen(request, timeout=seconds):
            answers.append(True)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return bool(answers)


def _download():
    problems = ["its host does not answer within 5 seconds"]
    if _host_answers():  # tensorflow-datasets alone would retry for minutes
        problems = []
        for source in (_download_by_tfds, _download_by_keras):
            try:
                return source()
            except Exception as error:  # a broken mirror, proxy or installation: try the next source
                problems.append(f"{type(error).__name__}: {error}".splitlines()[0])
    raise RuntimeError(
        f"MNIST could not be loaded. To get it, {HOW_TO_GET_MNIST}; or use load_data('digits'), which needs no "
        f"network. Received: {'; '.join(problems)}"
    )


def _download_by_tfds():
    builder = _tfds_builder()
    builder.download_and_prepare()
    return _read_tfds(builder)


def _download_by_keras():
    (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
    return _complete([x_train, y_train, x_test, y_test])


def _tfds_builder():
    import tensorflow_datasets as tfds

    return tfds.builder("mnist")


def _read_tfds(builder):
    splits = builder.as_dataset(split=["train", "test"], batch_size=-1)
    return _complete([np.asarray(split[key]) for split in splits for key in ("image", "label")])


def _complete(images):
    """Return the four arrays in the common shape and type if they are the whole of MNIST, else raise."""
    if [len(array) for array in images] != [60_000, 60_000, 10_000, 10_000]:
        raise ValueError(f"not the whole of MNIST: {[len(array) for array in images]} images and labels")
    return [array.reshape(-1, 28, 28) if array.ndim > 1 else array.astype("uint8") for array in images]


def _remember(images):
    """Put the images in one order, whatever their source, and keep them for the next notebook."""
    images = [*_in_hash_order(*images[:2]), *_in_hash_order(*images[2:])]
    with contextlib.suppress(OSError):  # a folder that is read-only or full costs only time
        file = _cache_file()
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent) as folder:
            whole = pathlib.Path(folder) / "mnist.npz"
            np.savez_compressed(whole, **dict(zip(ARRAYS, images, strict=True)))
            os.replace(whole, file)  # whole or not at all
    return images


def _in_hash_order(x, y):
    """Sources differ in their order. The order of a hash is the same everywhere and mixes the classes."""
    order = sorted(range(len(x)), key=lambda i: hashlib.blake2b(x[i].tobytes(), digest_size=8).digest())
    return x[order], y[order]
