"""The images: MNIST, or real handwritten digits that need no network."""

import contextlib
import gzip
import hashlib
import io
import os
import pathlib
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import keras
import numpy as np
from numpy.typing import ArrayLike
from tqdm import tqdm

from vae_keras.support.files import whole_or_not_at_all

IMAGE_SHAPE = (28, 28, 1)
"""Height, width and channels of every image in this course, so m = 784."""

PIXELS = 28 * 28
"""m, the dimension of the input space X = R^m (slide row L01)."""

NAMES = ("auto", "mnist", "digits")
ARRAYS = ("x_train", "y_train", "x_test", "y_test")
MIRROR = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"  # where keras.datasets has it from
TFDS_MIRROR = "https://storage.googleapis.com/cvdf-datasets/mnist/t10k-images-idx3-ubyte.gz"  # one of four files
MNIST_SHA256 = "b8e40f8e5730c03f3941620125faf724877f04558324da75b946a5bdae2fd3a7"
PATIENCE = 5  # seconds without news from MNIST's host
TFDS_PATIENCE = 300  # seconds for tensorflow-datasets to download and prepare MNIST
HOW_TO_GET_MNIST = (
    "connect to the internet once, or set TFDS_DATA_DIR to a folder in which tensorflow-datasets has prepared mnist"
)


def load_data(name: str = "auto") -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Load handwritten digits, as `keras.datasets` does.

    Args:
        name: "mnist" (60,000 + 10,000 images; prepared by tensorflow-datasets, else downloaded from where
            `keras.datasets` has it or by tensorflow-datasets), "digits" (scikit-learn's 1,797 digits scaled to
            28 × 28, split 1,500/297; no network) or "auto": MNIST where it is at hand or its host answers within
            5 seconds, and never falls silent for as long, else the digits.
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
    try:
        images = _load_mnist()
    except RuntimeError as error:
        if name == "mnist":
            raise
        print(f"Using scikit-learn's 1,797 digits. {error}")
        return _digits()
    return _as_float(images)


def check_images(x: ArrayLike, name: str = "x") -> np.ndarray:
    """Return `x` as float32 `(n, 28, 28, 1)`, or say what is wrong with it.

    Raises:
        TypeError: not an array of floats.
        ValueError: another shape, no image at all, NaN, or values outside [0, 1].
    """
    images = x
    try:
        x = np.asarray(images)
    except ValueError:  # a pair of images and labels, or images of different size
        raise TypeError(f"{name} must be one array of images. Received: a {type(images).__name__}") from None
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


def _load_mnist():
    """[x_train, y_train, x_test, y_test] in uint8, from the first source that has the whole of MNIST."""
    keras_folder = pathlib.Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "datasets"
    tfds_folder = pathlib.Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser()
    cache = keras_folder / "vae_keras_mnist.npz"
    problems = []
    for read, source in (
        (_read_npz, cache),
        (_read_npz, keras_folder / "mnist.npz"),
        (_read_tfds, tfds_folder),
        (_download, MIRROR),
        (_download_by_tfds, tfds_folder),
    ):
        try:
            images = _mnist_in_order(read(source))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except Exception as error:  # truncated, foreign, unreadable; or tensorflow-datasets is broken, as on Colab
            problems.append(f"{source}: {type(error).__name__}: {error}".splitlines()[0])
            if isinstance(error, ConnectionError):
                break  # tensorflow-datasets asks the same host
            continue
        if source != cache:
            _remember(images, cache)
        return images
    raise RuntimeError(
        f"MNIST could not be loaded. To get it, {HOW_TO_GET_MNIST}; load_data('digits') needs neither. "
        f"Received: {'; '.join(problems)}"
    )


def _mnist_in_order(images):
    """The four arrays in one order, whatever their source. An error unless they are MNIST, bit by bit."""
    x_train, y_train, x_test, y_test = (np.asarray(array, "uint8") for array in images)
    images = [*_in_hash_order(x_train, y_train), *_in_hash_order(x_test, y_test)]
    if hashlib.sha256(b"".join(images)).hexdigest() != MNIST_SHA256:
        raise ValueError("not MNIST, or not the whole of it")
    return images


def _in_hash_order(x, y):
    """Sources differ in their order. The order of a hash is the same everywhere and mixes the classes."""
    x = x.reshape(-1, 28, 28)
    order = sorted(range(len(x)), key=lambda i: hashlib.blake2b(x[i].tobytes(), digest_size=8).digest())
    return x[order], y[order]


def _remember(images, cache):
    """Keep the images for the next notebook."""
    with contextlib.suppress(OSError):  # a folder that is read-only or full costs only time
        cache.parent.mkdir(parents=True, exist_ok=True)
        with whole_or_not_at_all(cache) as file:  # also where two notebooks do this at once
            np.savez_compressed(file, **dict(zip(ARRAYS, images, strict=True)))


def _read_npz(file):
    try:
        with np.load(file) as arrays:
            return [arrays[key] for key in ARRAYS]
    except OSError:
        raise
    except Exception as error:  # NumPy's own words advise to load it unsafely
        raise ValueError("not a whole file of MNIST") from error


def _read_tfds(folder):
    prepared = sorted(folder.glob("mnist/[0-9]*/dataset_info.json"))
    if not prepared:
        raise FileNotFoundError(folder)
    from tensorflow_datasets import builder_from_directory

    try:
        splits = builder_from_directory(prepared[-1].parent).as_dataset(split=["train", "test"], batch_size=-1)
    except Exception as error:  # TensorFlow's own words are of no help
        raise ValueError(f"{prepared[-1].parent} is damaged, delete it ({type(error).__name__})") from error
    return [split[key] for split in splits for key in ("image", "label")]


def _download(url):
    return _read_npz(io.BytesIO(_fetch(url)))


def _fetch(url):
    """The bytes at `url`; a ConnectionError where 5 seconds bring less than 50 kB. A host may be slow, not silent."""
    received, problems = bytearray(), []

    def fetch():
        try:
            with urllib.request.build_opener().open(url, timeout=PATIENCE) as response:
                while block := response.read1(2**16):
                    received.extend(block)
                if len(received) < int(response.headers.get("Content-Length", 0)):
                    raise ConnectionError(f"its host closed the connection after {len(received)} bytes")
        except Exception as problem:
            problems.append(problem)

    # A thread, because neither looking up a name nor an answer byte by byte ever times out.
    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    enough, deadline = 50_000, time.monotonic() + PATIENCE
    with tqdm(desc="Downloading MNIST", unit="B", unit_scale=True, delay=1, leave=False) as bar:
        while thread.is_alive():
            thread.join(0.1)
            bar.update(len(received) - bar.n)
            if len(received) >= enough:
                enough, deadline = len(received) + 50_000, time.monotonic() + PATIENCE
            elif time.monotonic() > deadline:
                raise ConnectionError(f"its host brings less than 50 kB in {PATIENCE} seconds")
    for problem in problems:
        if isinstance(problem, urllib.error.HTTPError):
            raise problem  # the host answers, and refuses
        raise ConnectionError(problem) from problem
    return received


def _download_by_tfds(folder):
    gzip.decompress(_fetch(TFDS_MIRROR))  # where it does not come, tensorflow-datasets would retry for minutes
    print(f"Keras no longer has MNIST where it was: tensorflow-datasets gets it, in at most {TFDS_PATIENCE} seconds.")
    code = "import sys, tensorflow_datasets as tfds; tfds.builder('mnist', data_dir=sys.argv[1]).download_and_prepare()"
    command = [sys.executable, "-c", code, folder]  # a process, because only a process can be stopped
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=TFDS_PATIENCE)
        return _read_tfds(folder)
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"tensorflow-datasets took more than {TFDS_PATIENCE} seconds") from None
    except FileNotFoundError as error:
        raise RuntimeError(done.stderr.strip().rpartition("\n")[2]) from error
