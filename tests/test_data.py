import hashlib
import http.server
import os
import pathlib
import socket
import threading
import time
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_keras import data, load_data
from vae_keras.data import check_images

PREPARED = pathlib.Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser() / "mnist"


# scikit-learn's digits


def test_digits_have_the_shapes_types_and_ranges_of_images(digits):
    for (x, y), n in zip(digits, (1500, 297), strict=True):
        assert (x.shape, x.dtype) == ((n, 28, 28, 1), np.float32)
        assert (y.shape, y.dtype) == ((n,), np.int64)
        assert 0 == x.min() < 0.9 < x.max() <= 1
        assert set(y) == set(range(10))


def test_digits_leave_the_margin_of_mnist_empty(digits):
    (x, _), _ = digits
    assert x[:, 4:24, 4:24].mean() > 0.1
    x = x.copy()
    x[:, 4:24, 4:24] = 0
    assert not x.any()


def test_digits_are_split_without_overlap_and_by_class(digits):
    (x_train, y_train), (x_test, y_test) = digits
    assert not {x.tobytes() for x in x_train} & {x.tobytes() for x in x_test}
    np.testing.assert_allclose(np.bincount(y_test) / 297, np.bincount(y_train) / 1500, atol=0.01)


def test_digits_are_the_same_at_every_call_whatever_the_seed(digits):
    keras.utils.set_random_seed(5)
    np.testing.assert_equal(load_data("digits"), digits)


# Names


def test_the_environment_says_what_auto_means(monkeypatch, digits, capsys):
    monkeypatch.setenv("VAE_KERAS_DATA", "digits")
    np.testing.assert_equal(load_data(), digits)
    assert capsys.readouterr().out == ""


def test_the_environment_does_not_overrule_a_name(monkeypatch, digits):
    monkeypatch.setenv("VAE_KERAS_DATA", "mnist")
    np.testing.assert_equal(load_data("digits"), digits)


@pytest.mark.parametrize("name", ["mnits", "", "MNIST", None, 3])
def test_an_unknown_name_is_an_error_that_names_the_known_ones(name):
    with pytest.raises(ValueError, match=f"'auto', 'mnist', 'digits'.*Received: name={name!r}"):
        load_data(name)


def test_an_unknown_name_in_the_environment_is_an_error_that_names_the_variable(monkeypatch):
    monkeypatch.setenv("VAE_KERAS_DATA", "mnits")
    with pytest.raises(ValueError, match="Received: VAE_KERAS_DATA='mnits'"):
        load_data()


# MNIST's sources, with 70,000 images of our own in its place


@pytest.fixture
def empty_machine(monkeypatch, tmp_path):
    """A machine without MNIST whose network refuses every connection; returns Keras's folder."""
    monkeypatch.delenv("VAE_KERAS_DATA")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(data, "MIRROR", "http://127.0.0.1:9/mnist.npz")  # nobody listens at "discard"
    return tmp_path / "keras" / "datasets"


@pytest.fixture(scope="module")
def numbered_mnist():
    """60,000 + 10,000 images that hold their own number, as a source has them: in uint8, in an order of its own."""
    arrays = []
    for n in (60_000, 10_000):
        x = np.zeros((n, 28, 28), "uint8")
        x.reshape(n, 784)[:, :4] = np.arange(n, dtype="uint32")[:, None].view("uint8")
        arrays += [x, (np.arange(n) % 10).astype("uint8")]
    return arrays


def hash_of_numbered(number):
    image = number.to_bytes(4, "little") + bytes(780)
    return hashlib.blake2b(image, digest_size=8).digest()


def reordered(arrays):
    x_train, y_train, x_test, y_test = arrays
    return [x_train[::-1], y_train[::-1], x_test[::-1], y_test[::-1]]


class FakeBuilder:
    """As tensorflow-datasets' builder of MNIST, which has another order than Keras's file."""

    def __init__(self, arrays):
        self.arrays, self.downloads = reordered(arrays), 0

    def download_and_prepare(self):
        self.downloads += 1

    def as_dataset(self, split, batch_size):
        assert (split, batch_size) == (["train", "test"], -1)
        x_train, y_train, x_test, y_test = self.arrays
        splits = ((x_train, y_train), (x_test, y_test))
        return [{"image": x[..., None], "label": y.astype("int64")} for x, y in splits]


def from_keras_file(arrays, folder, monkeypatch):
    folder.mkdir(parents=True)
    np.savez(folder / "mnist.npz", **dict(zip(data.ARRAYS, arrays, strict=True)))


def from_prepared_tfds(arrays, folder, monkeypatch):
    (pathlib.Path(os.environ["TFDS_DATA_DIR"]) / "mnist").mkdir(parents=True)
    monkeypatch.setattr(data, "_tfds_builder", lambda: FakeBuilder(arrays))


def from_tfds_download(arrays, folder, monkeypatch):
    monkeypatch.setattr(data, "_host_answers", lambda: True)
    monkeypatch.setattr(data, "_tfds_builder", lambda: FakeBuilder(arrays))


def from_keras_download(arrays, folder, monkeypatch):
    """tensorflow-datasets is a module without what one needs of it, as on Colab."""
    monkeypatch.setattr(data, "_host_answers", lambda: True)
    monkeypatch.setattr(data, "_tfds_builder", lambda: types.ModuleType("tensorflow_datasets").builder("mnist"))
    x_train, y_train, x_test, y_test = arrays
    monkeypatch.setattr(keras.datasets.mnist, "load_data", lambda: ((x_train, y_train), (x_test, y_test)))


SOURCES = pytest.mark.parametrize(
    "source", [from_keras_file, from_prepared_tfds, from_tfds_download, from_keras_download]
)


@SOURCES
def test_every_source_gives_the_same_images_in_the_same_order(
    numbered_mnist, empty_machine, monkeypatch, capsys, source
):
    source(numbered_mnist, empty_machine, monkeypatch)
    for (x, y), n in zip(load_data(), (60_000, 10_000), strict=True):
        assert (x.shape, x.dtype) == ((n, 28, 28, 1), np.float32)
        assert (y.shape, y.dtype) == ((n,), np.int64)
        numbers = np.rint(x.reshape(n, 784)[:, :4] * 255).astype("uint8").view("uint32")[:, 0]
        np.testing.assert_array_equal(np.sort(numbers), np.arange(n))  # each once
        np.testing.assert_array_equal(y, numbers % 10)  # with its own label
        assert list(numbers) == sorted(range(n), key=hash_of_numbered)
    assert capsys.readouterr().out == ""


def test_two_orders_of_the_same_images_become_one():
    x = np.random.default_rng(0).integers(0, 256, (500, 28, 28), dtype="uint8")
    y = np.repeat(np.arange(10), 50)
    shuffled = np.random.default_rng(1).permutation(500)
    one, other = data._in_hash_order(x, y), data._in_hash_order(x[shuffled], y[shuffled])
    np.testing.assert_equal(one, other)
    assert len(set(one[1][:50])) > 5  # sorted classes are mixed


def test_a_second_load_needs_no_source(numbered_mnist, empty_machine, monkeypatch):
    with monkeypatch.context() as once:
        from_prepared_tfds(numbered_mnist, empty_machine, once)
        first = load_data("mnist")
    (pathlib.Path(os.environ["TFDS_DATA_DIR"]) / "mnist").rmdir()
    np.testing.assert_equal(load_data("mnist"), first)
    assert [file.name for file in empty_machine.iterdir()] == ["vae_keras_mnist.npz"]  # and nothing half-written


def test_a_cache_that_cannot_be_finished_is_not_left_behind(numbered_mnist, empty_machine, monkeypatch):
    from_prepared_tfds(numbered_mnist, empty_machine, monkeypatch)

    def full_disk(file, **arrays):
        pathlib.Path(file).write_bytes(b"half")
        raise OSError("No space left on device")

    with monkeypatch.context() as once:
        once.setattr(np, "savez_compressed", full_disk)
        first = load_data("mnist")  # is served all the same
    assert list(empty_machine.iterdir()) == []
    np.testing.assert_equal(load_data("mnist"), first)


def test_an_interrupted_save_leaves_no_cache_behind(numbered_mnist, empty_machine, monkeypatch):
    from_prepared_tfds(numbered_mnist, empty_machine, monkeypatch)

    def interrupted(file, **arrays):
        pathlib.Path(file).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez_compressed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load_data("mnist")
    assert list(empty_machine.iterdir()) == []


def test_a_folder_that_cannot_be_written_costs_only_the_cache(numbered_mnist, empty_machine, monkeypatch, tmp_path):
    (tmp_path / "keras").write_text("a file where a folder should be")
    from_prepared_tfds(numbered_mnist, empty_machine, monkeypatch)
    assert len(load_data("mnist")[0][0]) == 60_000


def truncated(file, arrays):
    np.savez(file, **dict(zip(data.ARRAYS, arrays, strict=True)))
    file.write_bytes(file.read_bytes()[:1000])


def foreign(file, arrays):
    np.savez(file, something=np.arange(3))


def incomplete(file, arrays):
    np.savez(file, **dict(zip(data.ARRAYS, [array[:100] for array in arrays], strict=True)))


@pytest.mark.parametrize("corrupt", [truncated, foreign, incomplete])
@pytest.mark.parametrize("name", ["vae_keras_mnist.npz", "mnist.npz"])
def test_a_corrupt_file_is_as_if_it_were_not_there(numbered_mnist, empty_machine, monkeypatch, corrupt, name):
    empty_machine.mkdir(parents=True)
    corrupt(empty_machine / name, numbered_mnist)
    from_prepared_tfds(numbered_mnist, empty_machine, monkeypatch)
    assert len(load_data("mnist")[0][0]) == 60_000
    assert data._read_npz(empty_machine / "vae_keras_mnist.npz") is not None


def test_half_prepared_tfds_is_as_if_it_were_not_there(empty_machine, monkeypatch, digits):
    from_prepared_tfds([array[:100] for array in [np.zeros((200, 28, 28), "uint8"), np.zeros(200)] * 2],
                       empty_machine, monkeypatch)  # fmt: skip
    np.testing.assert_equal(load_data(), digits)


# No network


def lines(capsys):
    return capsys.readouterr().out.splitlines()


def test_auto_without_a_network_says_so_in_one_line_and_gives_the_digits(empty_machine, capsys, digits):
    np.testing.assert_equal(load_data("auto"), digits)
    (line,) = lines(capsys)
    assert "digits" in line
    assert "TFDS_DATA_DIR" in line


def test_auto_waits_at_most_5_seconds_for_a_host_that_does_not_answer(empty_machine, monkeypatch, capsys, digits):
    with socket.socket() as silent:  # takes connections and says nothing
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setattr(data, "MIRROR", f"http://127.0.0.1:{silent.getsockname()[1]}/mnist.npz")
        start = time.perf_counter()
        np.testing.assert_equal(load_data("auto"), digits)
        assert time.perf_counter() - start < 10
    assert len(lines(capsys)) == 1


def test_auto_gives_the_digits_where_the_host_answers_and_the_download_fails(
    empty_machine, monkeypatch, capsys, digits
):
    def broken():
        raise ConnectionError("reset by peer")

    monkeypatch.setattr(data, "_host_answers", lambda: True)
    monkeypatch.setattr(data, "_download_by_tfds", broken)
    monkeypatch.setattr(data, "_download_by_keras", broken)
    np.testing.assert_equal(load_data("auto"), digits)
    assert len(lines(capsys)) == 1


def test_mnist_without_a_network_is_an_error_that_says_what_to_do(empty_machine):
    start = time.perf_counter()
    with pytest.raises(RuntimeError, match=r"connect to the internet.*TFDS_DATA_DIR.*load_data\('digits'\)"):
        load_data("mnist")
    assert time.perf_counter() - start < 6


def test_mnist_whose_downloads_fail_is_an_error_that_names_both_failures(empty_machine, monkeypatch):
    def broken():
        raise ConnectionError("reset by peer")

    monkeypatch.setattr(data, "_host_answers", lambda: True)
    monkeypatch.setattr(data, "_tfds_builder", lambda: types.ModuleType("tensorflow_datasets").builder("mnist"))
    monkeypatch.setattr(data, "_download_by_keras", broken)
    with pytest.raises(RuntimeError, match=r"AttributeError: .*ConnectionError: reset by peer"):
        load_data("mnist")


def test_a_host_that_answers_is_found(monkeypatch):
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    server.RequestHandlerClass.log_message = lambda *args: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(data, "MIRROR", f"http://127.0.0.1:{server.server_port}/")
    assert data._host_answers()
    monkeypatch.setattr(data, "MIRROR", f"http://127.0.0.1:{server.server_port}/absent.npz")
    assert not data._host_answers()
    server.shutdown()
    server.server_close()


# The real MNIST


@pytest.mark.skipif(not PREPARED.is_dir(), reason="MNIST is not prepared: TFDS_DATA_DIR names no folder that has it")
def test_mnist_is_the_same_from_tensorflow_datasets_and_from_the_cache(empty_machine, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(PREPARED.parent))
    by_tfds = load_data("mnist")
    assert (empty_machine / "vae_keras_mnist.npz").is_file()
    monkeypatch.setenv("TFDS_DATA_DIR", str(empty_machine / "nothing"))
    np.testing.assert_equal(load_data("auto"), by_tfds)
    for (x, y), counts in zip(by_tfds, MNIST_COUNTS, strict=True):
        assert (x.dtype, x.min(), x.max()) == (np.float32, 0, 1)
        assert list(np.bincount(y)) == counts
        assert set(y[:100]) == set(range(10))  # the classes are mixed


MNIST_COUNTS = [  # images of each digit, as published
    [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
    [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
]


# Images that callers bring


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "bfloat16"])
def test_images_of_any_float_type_become_float32(dtype):
    x = tf.cast(tf.fill((2, 28, 28, 1), 0.5), dtype)
    checked = check_images(x)
    assert checked.dtype == np.float32
    np.testing.assert_array_equal(checked, np.full((2, 28, 28, 1), 0.5))


def test_images_in_float32_are_not_copied(images):
    assert check_images(images) is images
