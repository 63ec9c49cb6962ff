"""What one run of `pytest` does: quick or everything, on which images, on which device.

`pytest` runs what is quick: unit tests, every notebook and every homework, on the offline digits. Tests that kill
processes, start workers, plant mistakes, grade a class, drive a browser or build the site carry the mark `slow`; they
run with `--everything`, and where their file is named. `--gpu` tests nothing but a GPU.
"""

import collections
import os
import pathlib
import re

import nbformat
import pytest
from nbval.plugin import IPyNbCell, IPyNbFile

MNIST = pathlib.Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser() / "mnist"
ONE_THREAD = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
MINUTES = {"quick": 12, "everything": 60}  # of one core, at 100 to 200 GFLOP/s for two
GPU_ENVIRONMENT = {
    "VAE_KERAS_DEVICE": "GPU",  # vae_keras then refuses to work elsewhere, in notebooks' kernels, too
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # else the first process takes the whole memory
    "TF_DETERMINISTIC_OPS": "1",  # as tf.config.experimental.enable_op_determinism()
    "NVIDIA_TF32_OVERRIDE": "0",  # products in float32, as what they are compared with
}


def pytest_addoption(parser):
    group = parser.getgroup("vae_keras", "the course")
    group.addoption(
        "--everything",
        action="store_true",
        help="also what takes long: killed processes, workers, planted mistakes, a class graded, a browser, the site, "
        "and the notebooks on MNIST where tensorflow-datasets has prepared it",
    )
    group.addoption(
        "--gpu",
        action="store_true",
        help="test a GPU: fail at once where TensorFlow sees none, here or in a notebook, or a model is not on it",
    )


def pytest_configure(config):
    os.environ.setdefault("VAE_KERAS_DATA", "digits")
    if config.getoption("numprocesses", None):  # each core has a test of its own: its threads would only wait
        os.environ.update({name: os.environ.get(name, "1") for name in ONE_THREAD})
    if config.getoption("gpu"):
        os.environ.update(GPU_ENVIRONMENT)
        try:
            from vae_keras.support import device

            device.check_device_is_seen()
        except RuntimeError as refusal:
            raise pytest.UsageError(f"--gpu: {refusal}") from None


def pytest_xdist_auto_num_workers(config):
    """Of `-n auto`: all cores for many files; for one, or for none that are known, no other process."""
    one_file = len(config.args) == 1 and pathlib.Path(config.args[0].partition("::")[0]).is_file()
    few = one_file or config.getoption("collectonly")
    return 0 if few else min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(), 8)


def pytest_report_header(config):
    if config.args_source is not config.ArgsSource.TESTPATHS:
        return None
    extent = "everything" if config.getoption("everything") else "quick"
    images = os.environ["VAE_KERAS_DATA"] + (" and MNIST" if on_mnist_too(config) else "")
    cores = config.getoption("numprocesses") or 1
    more = "" if extent == "everything" else "; `pytest --everything` does more (`pytest --help`)"
    return (
        f"the course: unit tests, notebooks and homework, on {images}; about {MINUTES[extent] / cores:.0f} minutes on "
        f"{cores} {'cores' if cores > 1 else 'core'}{more}"
    )


# What is slow


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Leave out what is slow, but where it is asked for, all at once or by its file's name."""
    if config.getoption("everything"):
        return
    named = {pathlib.Path(argument.partition("::")[0]).resolve() for argument in config.args}
    left_out = [item for item in items if item.get_closest_marker("slow") and item.path not in named]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


# Notebooks


def on_mnist_too(config):
    return config.getoption("everything") and os.environ["VAE_KERAS_DATA"] == "digits" and MNIST.is_dir()


MEASURED = re.compile(r"(?m)^(✓ .*?) \(measured: .*\)$")  # what a claim prints: the statement alone is compared
SOLUTION = re.compile(r"(?s)<summary>Solution</summary>.*?^```python\n(.*?)^```", re.MULTILINE)


class Notebook(IPyNbFile):
    """A notebook: its cells, and after them the solutions of its exercises, in the same kernel."""

    data = None  # as the environment says

    def setup(self):
        with pytest.MonkeyPatch.context() as patch:
            if self.data is not None:
                patch.setenv("VAE_KERAS_DATA", self.data)
            super().setup()
        self.sanitize_patterns[MEASURED] = r"\1"

    def teardown(self):
        if self.kernel is not None and self.kernel.is_alive():
            self.kernel.kc.stop_channels()
            self.kernel.km.shutdown_kernel()  # nbval would kill it, before it writes what coverage saw

    def collect(self):
        cells = list(super().collect())
        yield from cells
        texts = (cell.source for cell in self.nb.cells if cell.cell_type == "markdown")
        for number, code in enumerate((code for text in texts for code in SOLUTION.findall(text)), start=1):
            cell, options = nbformat.v4.new_code_cell(code), collections.defaultdict(bool)
            place = {"cell_num": len(cells) + number - 1, "cell": cell, "options": options}
            yield IPyNbCell.from_parent(self, name=f"Solution {number}", **place)


class OnMnist(Notebook):
    """A notebook whose kernel works on MNIST."""

    data = "mnist"


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    files = yield
    if not any(isinstance(file, IPyNbFile) for file in files):
        return files
    notebooks = [Notebook.from_parent(parent, path=file_path)]
    if on_mnist_too(parent.config) and "load_data" in file_path.read_text("utf-8"):
        name = f"{file_path.relative_to(parent.config.rootpath).as_posix()}[mnist]"
        notebooks.append(OnMnist.from_parent(parent, path=file_path, name=name, nodeid=name))
    return notebooks


def pytest_runtest_setup(item):
    if isinstance(item, IPyNbCell) and hasattr(item.parent, "broken_by"):
        pytest.skip(f"{item.parent.broken_by} ended in an error")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Of a cell that fails, say what it says: a claim its statement; after another error the rest is skipped."""
    report = yield
    trace = re.sub(r"\x1b\[[\d;]*m", "", getattr(call.excinfo and call.excinfo.value, "inner_traceback", None) or "")
    parts = re.split(r"\n\n(?=\S)", trace.strip())
    if isinstance(item, IPyNbCell) and len(parts) > 1:  # else its outputs differ, and nbval says where
        where, *_, error = parts
        frame = "\n".join(where.splitlines()[2:])
        report.longrepr = f"{error.strip()[:1500]}\n\n{frame}"
        if not error.startswith("AssertionError"):
            item.parent.broken_by = item.name
    return report
