"""MNIST: every way in which a source, a cache or a network can fail."""

import contextlib
import errno
import gzip
import hashlib
import http.server
import io
import itertools
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
import types

import numpy as np
import pytest
import tensorflow as tf

from vae_keras import load_data
from vae_keras.support import mnist as sources

pytestmark = pytest.mark.filterwarnings("ignore:label:DeprecationWarning")  # tensorflow-datasets' own
PREPARED = pathlib.Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser() / "mnist"


# MNIST's sources, with 700 images of our own in its place


@pytest.fixture(scope="module")
def mnist():
    """600 + 100 images that hold their own number, as a source has them: in uint8, in an order of its own."""
    arrays = []
    for n in (600, 100):
        x = np.random.default_rng(n).integers(0, 256, (n, 28, 28), dtype="uint8")
        x.reshape(n, 784)[:, :4] = np.arange(n, dtype="uint32")[:, None].view("uint8")
        arrays += [x, (np.arange(n) % 10).astype("uint8")]
    return dict(zip(sources.ARRAYS, arrays, strict=True))


@pytest.fixture(scope="module")
def in_order(mnist):
    """The same images in the order of the hash, as all sources shall give them."""
    arrays = []
    for split in ("train", "test"):
        x, y = mnist[f"x_{split}"], mnist[f"y_{split}"]
        order = sorted(range(len(x)), key=lambda i: hashlib.blake2b(x[i].tobytes(), digest_size=8).digest())
        arrays += [x[order], y[order]]
    return arrays


@pytest.fixture
def empty_machine(monkeypatch, tmp_path, in_order):
    """A machine without MNIST whose network refuses every connection; returns Keras's folder."""
    monkeypatch.delenv("VAE_KERAS_DATA")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(sources, "MIRROR", "http://127.0.0.1:9/mnist.npz")  # nobody listens at "discard"
    monkeypatch.setattr(sources, "TFDS_MIRROR", "http://127.0.0.1:9/mnist.gz")
    monkeypatch.setattr(sources, "TFDS_PATIENCE", 10)
    monkeypatch.setattr(sources, "MNIST_SHA256", hashlib.sha256(b"".join(a.tobytes() for a in in_order)).hexdigest())
    return tmp_path / "keras" / "datasets"


@pytest.fixture(scope="module")
def tfds():
    import tensorflow_datasets

    if not hasattr(tensorflow_datasets, "builder"):
        pytest.skip("this tensorflow-datasets is broken, as on Colab")
    return tensorflow_datasets


@pytest.fixture(scope="module")
def tfds_folder(tfds, mnist, tmp_path_factory):
    """The same images as tensorflow-datasets prepares them, in the reverse order."""
    folder = tmp_path_factory.mktemp("tfds")
    features = {"image": tfds.features.Image(shape=(28, 28, 1)), "label": tfds.features.ClassLabel(num_classes=10)}
    splits = {
        split: {"image": mnist[f"x_{split}"][::-1, :, :, None], "label": mnist[f"y_{split}"][::-1]}
        for split in ("train", "test")
    }
    with contextlib.redirect_stdout(io.StringIO()):
        tfds.dataset_builders.store_as_tfds_dataset(
            name="mnist",
            version="3.0.1",
            features=tfds.features.FeaturesDict(features),
            split_datasets={split: tf.data.Dataset.from_tensor_slices(arrays) for split, arrays in splits.items()},
            data_dir=folder,
        )
    return folder


@pytest.fixture
def prepared_tfds(tfds_folder, empty_machine):
    """A machine whose only MNIST was prepared by tensorflow-datasets; returns the folder."""
    shutil.copytree(tfds_folder / "mnist", pathlib.Path(os.environ["TFDS_DATA_DIR"]) / "mnist")
    return pathlib.Path(os.environ["TFDS_DATA_DIR"]) / "mnist" / "3.0.1"


@pytest.fixture
def serve(monkeypatch):
    """Start a host of MNIST that answers each request by `answer(handler, stopped)`; returns its address."""
    stopped, servers = threading.Event(), []

    def start(answer):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                with contextlib.suppress(OSError):  # the other side has gone
                    answer(self, stopped)

            do_CONNECT = do_GET

            def log_message(self, *args):
                pass

        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/mnist.npz"

    yield start
    stopped.set()
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def mirror(serve, monkeypatch):
    """As `serve`, where Keras has its copy."""
    return lambda answer: monkeypatch.setattr(sources, "MIRROR", serve(answer))


@pytest.fixture(scope="module")
def npz(mnist):
    """Keras's copy of MNIST: half a megabyte."""
    file = io.BytesIO()
    np.savez(file, **mnist)
    return file.getvalue()


def send(handler, body, length=None, status=200):
    handler.send_response(status)
    handler.send_header("Content-Length", str(length or len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def python_with(monkeypatch, tmp_path, serve):
    """Other processes have a tensorflow-datasets of our own, and its host answers."""

    def install(code):
        (tmp_path / "tensorflow_datasets.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.setattr(
            sources, "TFDS_MIRROR", serve(lambda handler, stopped: send(handler, gzip.compress(b"all")))
        )

    return install


A_TFDS_THAT_WORKS = """
import os, shutil

class builder:
    def __init__(self, name, data_dir):
        assert name == "mnist"
        self.folder = data_dir

    def download_and_prepare(self):
        shutil.copytree(os.environ["PREPARED"], self.folder)
"""


@pytest.fixture
def keras_file(empty_machine, npz):
    empty_machine.mkdir(parents=True)
    (empty_machine / "mnist.npz").write_bytes(npz)


@pytest.fixture
def keras_download(empty_machine, mirror, npz):
    mirror(lambda handler, stopped: send(handler, npz))


@pytest.fixture
def tfds_download(empty_machine, mirror, python_with, tfds_folder, monkeypatch):
    monkeypatch.setenv("PREPARED", str(tfds_folder))
    mirror(lambda handler, stopped: handler.send_error(404))
    python_with(A_TFDS_THAT_WORKS)


def assert_is_mnist(loaded, in_order):
    for (x, y), x_uint8, y_uint8 in zip(loaded, in_order[::2], in_order[1::2], strict=True):
        assert (x.dtype, y.dtype) == (np.float32, np.int64)
        np.testing.assert_allclose(x, x_uint8[..., None] / 255.0, atol=1e-7)
        np.testing.assert_array_equal(y, y_uint8)


@pytest.mark.parametrize("source", ["keras_file", "prepared_tfds", "keras_download", "tfds_download"])
def test_every_source_gives_the_same_images_in_the_same_order(in_order, source, request, capsys):
    request.getfixturevalue(source)
    assert_is_mnist(load_data(), in_order)
    assert len(lines(capsys)) == (source == "tfds_download")  # which takes a while and says so


def test_two_orders_of_the_same_images_become_one():
    x = np.random.default_rng(0).integers(0, 256, (500, 28, 28), dtype="uint8")
    y = np.repeat(np.arange(10), 50)
    shuffled = np.random.default_rng(1).permutation(500)
    one, other = sources._in_hash_order(x, y), sources._in_hash_order(x[shuffled], y[shuffled])
    np.testing.assert_equal(one, other)
    assert len(set(one[1][:50])) > 5  # sorted classes are mixed


# The cache


def test_a_second_load_needs_no_source(in_order, empty_machine, keras_file):
    load_data("mnist")
    (empty_machine / "mnist.npz").unlink()
    assert_is_mnist(load_data("mnist"), in_order)
    assert [file.name for file in empty_machine.iterdir()] == ["vae_keras_mnist.npz"]  # and nothing half-written


@pytest.mark.parametrize("code", ["ENOSPC", "EROFS", "EACCES", "EDQUOT", "EIO"])
def test_a_cache_that_cannot_be_finished_is_not_left_behind(in_order, empty_machine, keras_file, monkeypatch, code):
    def cannot_write(file, **arrays):
        pathlib.Path(file).write_bytes(b"half")
        raise OSError(getattr(errno, code, errno.EIO), code)

    monkeypatch.setattr(np, "savez_compressed", cannot_write)
    for _ in range(2):
        assert_is_mnist(load_data("mnist"), in_order)
        assert [file.name for file in empty_machine.iterdir()] == ["mnist.npz"]


def test_an_interrupted_save_leaves_no_cache_behind(empty_machine, keras_file, monkeypatch):
    def interrupted(file, **arrays):
        pathlib.Path(file).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez_compressed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load_data("mnist")
    assert [file.name for file in empty_machine.iterdir()] == ["mnist.npz"]


def test_a_keras_home_that_is_a_file_costs_only_the_cache(in_order, keras_download, tmp_path):
    (tmp_path / "keras").write_text("a file where a folder should be")
    assert_is_mnist(load_data("mnist"), in_order)


def test_a_folder_that_cannot_be_written_costs_only_the_cache(in_order, empty_machine, keras_file):
    empty_machine.chmod(0o555)
    if os.access(empty_machine, os.W_OK):
        pytest.skip("this user may write everywhere")
    assert_is_mnist(load_data("mnist"), in_order)
    empty_machine.chmod(0o755)


def truncated(file, mnist):
    np.savez(file, **mnist)
    file.write_bytes(file.read_bytes()[:1000])


def flipped(file, mnist):
    np.savez(file, **mnist)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def foreign(file, mnist):
    np.savez(file, something=np.arange(3))


def empty(file, mnist):
    file.touch()


def page(file, mnist):
    file.write_text("<html>Please log in to this network</html>")


def folder(file, mnist):
    file.mkdir()


def incomplete(file, mnist):
    np.savez(file, **{key: array[:100] for key, array in mnist.items()})


def of_other_images(file, mnist):
    np.savez(file, **{**mnist, "x_train": mnist["x_train"] // 2})


def of_other_labels(file, mnist):
    np.savez(file, **{**mnist, "y_test": mnist["y_test"][::-1]})


@pytest.mark.parametrize(
    "corrupt", [truncated, flipped, foreign, empty, page, folder, incomplete, of_other_images, of_other_labels]
)
@pytest.mark.parametrize("name", ["vae_keras_mnist.npz", "mnist.npz"])
def test_a_file_that_is_not_mnist_is_named_and_not_used(
    mnist, in_order, empty_machine, mirror, npz, corrupt, name, capsys
):
    empty_machine.mkdir(parents=True)
    corrupt(empty_machine / name, mnist)
    load_data()
    (line,) = lines(capsys)
    assert f"{empty_machine / name}: " in line
    assert "unsafe" not in line
    mirror(lambda handler, stopped: send(handler, npz))
    for _ in range(2):
        assert_is_mnist(load_data("mnist"), in_order)


def load_without_keras(arguments, code):
    """A Python process that runs `code` with `sources` but without Keras, whose import takes seconds."""
    start = f"""
import pathlib, sys, types
sys.modules["vae_keras"] = types.ModuleType("vae_keras")
sys.modules["vae_keras"].__path__ = [{str(pathlib.Path(sources.__file__).parents[1])!r}]
from vae_keras.support import mnist as sources
source, cache = map(pathlib.Path, sys.argv[1:])
images = sources._read_npz(source)
print("started", flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", start + code, *arguments], stdout=subprocess.PIPE)
    with process.stdout:
        assert process.stdout.readline().strip() == b"started"
    return process


@pytest.fixture
def cache(empty_machine, tmp_path, in_order):
    """Where the cache shall be; its images are in source.npz, to be written by other processes."""
    empty_machine.mkdir(parents=True)
    np.savez(tmp_path / "source.npz", **dict(zip(sources.ARRAYS, in_order, strict=True)))
    return empty_machine / "vae_keras_mnist.npz"


def test_processes_that_write_at_once_leave_a_whole_cache_at_every_moment(cache, tmp_path, in_order):
    code = "for _ in range(15): sources._remember(images, cache)"
    processes = [load_without_keras([tmp_path / "source.npz", cache], code) for _ in range(3)]
    reads = 0
    while None in [process.poll() for process in processes]:
        with contextlib.suppress(FileNotFoundError, PermissionError):  # not yet there; Windows, while it is replaced
            np.testing.assert_equal(sources._mnist_in_order(sources._read_npz(cache)), in_order)
            reads += 1
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert reads > 3
    assert [file.name for file in cache.parent.iterdir()] == [cache.name]
    assert_is_mnist(load_data("mnist"), in_order)


def test_a_process_killed_while_it_writes_leaves_nothing_that_is_used_later(cache, tmp_path, in_order):
    for wait in (0.01, 0.02, 0.05, 0.1, 0.2):
        process = load_without_keras([tmp_path / "source.npz", cache], "while True: sources._remember(images, cache)")
        time.sleep(wait)
        process.kill()
        process.wait()
        if cache.exists():
            np.testing.assert_equal(sources._mnist_in_order(sources._read_npz(cache)), in_order)
    half_written = {file.name for file in cache.parent.iterdir()} - {cache.name}
    assert half_written  # the process was killed while it wrote
    assert_is_mnist(load_data("mnist"), in_order)


# What tensorflow-datasets has prepared


def without_record(folder):
    (folder / "mnist-train.tfrecord-00000-of-00001").unlink()


def with_half_a_record(folder):
    file = folder / "mnist-train.tfrecord-00000-of-00001"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def with_a_flipped_bit(folder):
    flip = folder / "mnist-test.tfrecord-00000-of-00001"
    content = bytearray(flip.read_bytes())
    content[len(content) // 2] ^= 1
    flip.write_bytes(content)


def with_half_an_info(folder):
    file = folder / "dataset_info.json"
    file.write_text(file.read_text()[:100])


def without_info(folder):
    (folder / "dataset_info.json").unlink()


def without_features(folder):
    (folder / "features.json").unlink()


def still_being_prepared(folder):
    folder.rename(folder.with_name("incomplete.ABC123_3.0.1"))


def empty_folder(folder):
    shutil.rmtree(folder)


DAMAGES = {
    without_record: "damaged, delete it",
    with_half_a_record: "damaged, delete it",
    with_a_flipped_bit: "damaged, delete it",
    with_half_an_info: "damaged, delete it",
    without_features: "damaged, delete it",
    without_info: "",
    still_being_prepared: "",
    empty_folder: "",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_folder_of_tensorflow_datasets_is_named_and_not_used(
    prepared_tfds, damage, mirror, npz, in_order, capsys, digits
):
    damage(prepared_tfds)
    np.testing.assert_equal(load_data(), digits)
    (line,) = lines(capsys)
    assert DAMAGES[damage] in line
    assert (str(prepared_tfds) in line) == bool(DAMAGES[damage])
    mirror(lambda handler, stopped: send(handler, npz))
    assert_is_mnist(load_data("mnist"), in_order)


def test_a_broken_tensorflow_datasets_is_passed_over(empty_machine, mirror, npz, in_order, monkeypatch, tmp_path):
    (tmp_path / "tfds" / "mnist" / "3.0.1").mkdir(parents=True)
    (tmp_path / "tfds" / "mnist" / "3.0.1" / "dataset_info.json").touch()
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", types.ModuleType("tensorflow_datasets"))  # as on Colab
    with pytest.raises(RuntimeError, match="cannot import name 'builder_from_directory'"):
        load_data("mnist")
    mirror(lambda handler, stopped: send(handler, npz))
    assert_is_mnist(load_data("mnist"), in_order)


# The network


def lines(capsys):
    return capsys.readouterr().out.splitlines()


def test_without_a_network_auto_says_so_in_one_line_and_gives_the_digits(empty_machine, capsys, digits):
    np.testing.assert_equal(load_data("auto"), digits)
    (line,) = lines(capsys)
    assert "digits" in line
    assert "TFDS_DATA_DIR" in line


def test_without_a_network_mnist_is_an_error_that_says_what_to_do(empty_machine):
    start = time.perf_counter()
    with pytest.raises(RuntimeError, match=r"connect to the internet.*TFDS_DATA_DIR.*load_data\('digits'\).*Received"):
        load_data("mnist")
    assert time.perf_counter() - start < 6
    assert not empty_machine.exists()


def until(stopped):
    """Fifty times a second, for 10 seconds at most."""
    return itertools.takewhile(lambda _: not stopped.wait(0.02), range(500))


def drips(handler, stopped):
    send(handler, b"", length=1000)
    for _ in until(stopped):
        handler.wfile.write(b".")


def drips_headers(handler, stopped):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for _ in until(stopped):
        handler.wfile.write(b"A: b\r\n")


def says_nothing(handler, stopped):
    stopped.wait(10)


def falls_silent(handler, stopped):
    send(handler, bytes(100_000), length=500_000)
    stopped.wait(10)


def hangs_up(handler, stopped):
    send(handler, bytes(100_000), length=500_000)


def resets(handler, stopped):
    send(handler, bytes(100_000), length=500_000)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hangs_up_at_once(handler, stopped):
    pass


def speaks_no_http(handler, stopped):
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.7\r\n")


@pytest.mark.parametrize(
    "answer",
    [drips, drips_headers, says_nothing, falls_silent, hangs_up, resets, hangs_up_at_once, speaks_no_http],
)
def test_a_host_that_does_not_deliver_is_left_in_time_and_named(
    empty_machine, mirror, monkeypatch, answer, capsys, digits
):
    monkeypatch.setattr(sources, "PATIENCE", 0.5)
    monkeypatch.setattr(sources, "_download_by_tfds", None)  # it would ask the same host: it must not be called
    mirror(answer)
    start = time.perf_counter()
    np.testing.assert_equal(load_data("auto"), digits)
    assert time.perf_counter() - start < 2.5
    (line,) = lines(capsys)
    assert f"{sources.MIRROR}: ConnectionError: " in line
    assert "NoneType" not in line
    assert not empty_machine.exists()


@pytest.mark.slow
def test_a_host_that_drips_is_left_after_5_seconds(empty_machine, mirror):
    mirror(drips)
    start = time.perf_counter()
    with pytest.raises(RuntimeError, match="less than 50 kB in 5 seconds"):
        load_data("mnist")
    assert 4 < time.perf_counter() - start < 10


def test_a_name_server_that_does_not_answer_is_left_in_time(empty_machine, monkeypatch):
    monkeypatch.setattr(sources, "PATIENCE", 0.5)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: time.sleep(3))
    start = time.perf_counter()
    with pytest.raises(RuntimeError, match="less than 50 kB"):
        load_data("mnist")
    assert time.perf_counter() - start < 2.5


def test_a_host_that_is_slow_but_steady_is_waited_for(empty_machine, mirror, monkeypatch, npz, in_order):
    def slow(handler, stopped):
        send(handler, b"", length=len(npz))
        for start in range(0, len(npz), 60_000):
            time.sleep(0.25)
            handler.wfile.write(npz[start : start + 60_000])

    monkeypatch.setattr(sources, "PATIENCE", 1)
    mirror(slow)
    start = time.perf_counter()
    assert_is_mnist(load_data("auto"), in_order)
    assert time.perf_counter() - start > 2 * sources.PATIENCE


@pytest.mark.parametrize("status", [403, 404, 407, 429, 502, 503])
def test_a_host_or_proxy_that_refuses_is_named(empty_machine, mirror, monkeypatch, status):
    mirror(lambda handler, stopped: handler.send_error(status))
    monkeypatch.setattr(sources, "TFDS_MIRROR", sources.MIRROR)
    with pytest.raises(RuntimeError, match=f"mnist.npz: HTTPError: HTTP Error {status}: .*HTTP Error {status}"):
        load_data("mnist")


@pytest.mark.parametrize("status", [407, 502])
def test_a_proxy_that_refuses_the_connection_is_named(empty_machine, serve, monkeypatch, status):
    def refuse(handler, stopped):
        handler.send_error(status)

    proxy = serve(refuse)
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("https_proxy", proxy.removesuffix("/mnist.npz"))
    monkeypatch.setattr(sources, "MIRROR", "https://mnist.invalid/mnist.npz")
    with pytest.raises(RuntimeError, match=f"Tunnel connection failed: {status}"):
        load_data("mnist")


def test_a_page_in_place_of_mnist_is_refused(empty_machine, mirror, monkeypatch, capsys, digits):
    mirror(lambda handler, stopped: send(handler, b"<html>Please log in to this network</html>"))
    monkeypatch.setattr(sources, "TFDS_MIRROR", sources.MIRROR)
    np.testing.assert_equal(load_data(), digits)
    (line,) = lines(capsys)  # tensorflow-datasets was not started
    assert "Not a gzipped file" in line
    assert not empty_machine.exists()


def test_other_images_in_place_of_mnist_are_refused(empty_machine, mirror, mnist):
    file = io.BytesIO()
    np.savez(file, **{**mnist, "x_train": mnist["x_train"] ^ 1})
    mirror(lambda handler, stopped: send(handler, file.getvalue()))
    with pytest.raises(RuntimeError, match=r"mnist\.npz: ValueError: not MNIST"):
        load_data("mnist")
    assert not empty_machine.exists()


# tensorflow-datasets, once more: it downloads where Keras's copy is not to be had


def test_a_tensorflow_datasets_that_is_broken_is_named(empty_machine, mirror, python_with, capsys):
    mirror(lambda handler, stopped: handler.send_error(404))
    python_with("")  # as on Colab
    with pytest.raises(RuntimeError, match=r"HTTP Error 404.*AttributeError: .*'builder'"):
        load_data("mnist")


def test_a_tensorflow_datasets_that_hangs_is_stopped(empty_machine, mirror, python_with, monkeypatch, tmp_path):
    mirror(lambda handler, stopped: handler.send_error(404))
    python_with(f"import pathlib, time; time.sleep(2); pathlib.Path({str(tmp_path / 'alive')!r}).touch()")
    monkeypatch.setattr(sources, "TFDS_PATIENCE", 0.5)
    with pytest.raises(RuntimeError, match="TimeoutError: tensorflow-datasets took more than"):
        load_data("mnist")
    time.sleep(2)
    assert not (tmp_path / "alive").exists()


# The real MNIST


@pytest.mark.skipif(not PREPARED.is_dir(), reason="MNIST is not prepared: TFDS_DATA_DIR names no folder that has it")
def test_the_real_mnist_is_recognized(tfds, monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("TFDS_DATA_DIR", str(PREPARED.parent))
    by_tfds = load_data("mnist")
    assert (tmp_path / "datasets" / "vae_keras_mnist.npz").is_file()
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "nothing"))
    np.testing.assert_equal(load_data("mnist"), by_tfds)
    for (x, y), counts in zip(by_tfds, MNIST_COUNTS, strict=True):
        assert (x.shape[1:], x.dtype, x.min(), x.max()) == ((28, 28, 1), np.float32, 0, 1)
        assert list(np.bincount(y)) == counts
        assert set(y[:100]) == set(range(10))  # the classes are mixed


MNIST_COUNTS = [  # images of each digit, as published
    [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
    [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
]
