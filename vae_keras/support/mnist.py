"""MNIST, from wherever it is at hand, and nothing else in its place.

What a lecture hall does to a download, and what stands here against it:

- no network, one that asks for a login, a host that falls silent or drips: 5 seconds without 50 kB,
  and it is left;
- a file that is cut short, foreign, or of other images: one SHA-256 over all images and labels;
- sources that differ in their order: the order of a hash, the same on every machine;
- a copy that Keras no longer has: tensorflow-datasets gets MNIST, in a process that can be stopped;
- two notebooks at once, a full disk, a killed process: the cache is written whole or not at all.
"""

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
from typing import Any

import numpy as np
from tqdm import tqdm

from vae_keras.support.files import whole_or_not_at_all

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
GOOGLE = "https://storage.googleapis.com"
MIRROR = f"{GOOGLE}/tensorflow/tf-keras-datasets/mnist.npz"  # where keras.datasets has it from
TFDS_MIRROR = f"{GOOGLE}/cvdf-datasets/mnist/t10k-images-idx3-ubyte.gz"  # one of four files
MNIST_SHA256 = "b8e40f8e5730c03f3941620125faf724877f04558324da75b946a5bdae2fd3a7"
PATIENCE = 5  # seconds without news from MNIST's host
TFDS_PATIENCE = 300  # seconds for tensorflow-datasets to download and prepare MNIST
HOW_TO_GET_MNIST = (
    "connect to the internet once, or set TFDS_DATA_DIR to a folder in which tensorflow-datasets "
    "has prepared mnist; load_data('digits') needs neither"
)


def load_mnist() -> list[np.ndarray]:
    """[x_train, y_train, x_test, y_test] in uint8, from the first source that has all of MNIST.

    Raises:
        RuntimeError: no source has it; the message says what each of them did, and how to get it.
    """
    keras_folder = _folder("KERAS_HOME", "~/.keras") / "datasets"
    tfds_folder = _folder("TFDS_DATA_DIR", "~/tensorflow_datasets")
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
        except (
            Exception
        ) as error:  # cut short, foreign; or a broken tensorflow-datasets, as on Colab
            problems.append(f"{source}: {type(error).__name__}: {error}".splitlines()[0])
            if isinstance(error, ConnectionError):
                break  # tensorflow-datasets asks the same host
            continue
        if source != cache:
            _remember(images, cache)
        return images
    raise RuntimeError(
        f"MNIST could not be loaded. To get it, {HOW_TO_GET_MNIST}. Received: {'; '.join(problems)}"
    )


def _folder(variable, default):
    return pathlib.Path(os.environ.get(variable, default)).expanduser()


def _mnist_in_order(images):
    """The four arrays in one order, whatever their source; an error unless they are MNIST."""
    x_train, y_train, x_test, y_test = (np.asarray(array, "uint8") for array in images)
    images = [*_in_hash_order(x_train, y_train), *_in_hash_order(x_test, y_test)]
    if hashlib.sha256(b"".join(images)).hexdigest() != MNIST_SHA256:
        raise ValueError("not MNIST, or not the whole of it")
    return images


def _in_hash_order(x, y):
    """Sources differ in their order. That of a hash is the same everywhere and mixes classes."""
    x = x.reshape(-1, 28, 28)
    order = sorted(
        range(len(x)), key=lambda i: hashlib.blake2b(x[i].tobytes(), digest_size=8).digest()
    )
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
        splits = builder_from_directory(prepared[-1].parent).as_dataset(
            split=["train", "test"], batch_size=-1
        )
    except Exception as error:  # TensorFlow's own words are of no help
        raise ValueError(
            f"{prepared[-1].parent} is damaged, delete it ({type(error).__name__})"
        ) from error
    return [split[key] for split in splits for key in ("image", "label")]


def _download(url):
    return _read_npz(io.BytesIO(_fetch(url)))


def _fetch(url):
    """The bytes at `url`. A host may be slow, not silent.

    Raises:
        ConnectionError: 5 seconds have brought less than 50 kB.
        HTTPError: the host refuses.
    """
    received, problems = bytearray(), []

    def fetch():
        try:
            with urllib.request.build_opener().open(url, timeout=PATIENCE) as response:
                while block := response.read1(2**16):
                    received.extend(block)
                if len(received) < int(response.headers.get("Content-Length", 0)):
                    raise ConnectionError(
                        f"its host closed the connection after {len(received)} bytes"
                    )
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
    # Where this does not come, tensorflow-datasets would retry for minutes.
    gzip.decompress(_fetch(TFDS_MIRROR))
    print(
        "Keras no longer has MNIST where it was: "
        f"tensorflow-datasets gets it, in at most {TFDS_PATIENCE} seconds."
    )
    code = (
        "import sys, tensorflow_datasets as tfds; "
        "tfds.builder('mnist', data_dir=sys.argv[1]).download_and_prepare()"
    )
    command = [sys.executable, "-c", code, folder]
    options: dict[str, Any] = {"capture_output": True, "text": True, "errors": "replace"}
    try:
        done = subprocess.run(command, **options, timeout=TFDS_PATIENCE)
        return _read_tfds(folder)
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"tensorflow-datasets took more than {TFDS_PATIENCE} seconds") from None
    except FileNotFoundError as error:
        raise RuntimeError(done.stderr.strip().rpartition("\n")[2]) from error
