"""Run a student's notebook in a process of its own, and ask that process for numbers."""

import asyncio
import contextlib
import json
import logging
import os
import pathlib
import secrets
import shutil
import signal
import sys
import tempfile
import time

import matplotlib
import nbformat.v4 as nbf
import numpy as np
import psutil
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError

import vae_keras
from grading.kernel import GIB, REFUSED
from vae_keras.homework import to_json

GRACE = 5  # seconds in which an interrupted cell has to end
MOST_OUTPUT = 1_000_000  # characters of one cell's output that are kept
logging.getLogger("traitlets").setLevel(logging.CRITICAL)  # what a student's cell did is told in the grades


class Died(Exception):
    """The student's process is gone. `where` is the index of the cell, or the task, that did it."""

    def __init__(self, where, reason):
        super().__init__(reason)
        self.where, self.reason = where, str(reason)


class Client(NotebookClient):
    """Keeps a cell's output short, whatever it prints."""

    wanted = None  # a mimetype that is always kept

    def process_message(self, msg, cell, cell_index):
        """Drop output beyond MOST_OUTPUT."""
        shown = msg["msg_type"] in ("stream", "display_data", "execute_result", "error", "update_display_data")
        if shown and self.wanted not in msg["content"].get("data", {}):
            cell.metadata.size = cell.metadata.get("size", 0) + len(str(msg["content"]))
            if cell.metadata.size > MOST_OUTPUT:
                return None
        return super().process_message(msg, cell, cell_index)


class Process:
    """An IPython kernel for one student's code, in a scratch folder. Use it in `async with`.

    Args:
        hidden: folders that it must not read.
        jobs: how many run at a time.
        user: name of the Unix user that it runs as; None: this one.
        memory: GiB.
    """

    def __init__(self, hidden, jobs=1, user=None, memory=4):
        self.hidden = [os.path.realpath(folder) for folder in hidden]
        self.jobs, self.user, self.memory = jobs, user, memory
        self.group = self.client = None

    async def __aenter__(self):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="grading-")).resolve()
        self.base.chmod(0o711)  # another user may pass, not look
        scratch = self.base / secrets.token_hex(8)
        (scratch / "matplotlib").mkdir(parents=True)
        for fonts in pathlib.Path(matplotlib.get_cachedir()).glob("fontlist*"):  # to find them again takes seconds
            shutil.copy(fonts, scratch / "matplotlib")
        package, course = pathlib.Path(vae_keras.__file__).resolve().parent, pathlib.Path(__file__).resolve().parents[1]
        python = {sys.prefix, sys.base_prefix, os.path.dirname(os.path.realpath(sys.executable)), *sys.path}
        system = [f"/{folder}" for folder in ("usr", "lib", "lib64", "bin", "etc", "opt", "proc", "sys", "dev")]
        settings = {
            "scratch": str(scratch),
            "hidden": [*self.hidden, str(self.base)],
            "readable": [str(package), *system, *(p for p in python if p and not course.is_relative_to(p))],
            "listable": [str(package.parent)],
            "user": self.user,
            "memory": self.memory,
            "cpu": 1_800,
        }
        threads = str(max(1, (os.cpu_count() or 1) // self.jobs))
        environment = {
            **{name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ},
            **dict.fromkeys(("HOME", "TMPDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"), str(scratch)),
            **dict.fromkeys(("JUPYTER_RUNTIME_DIR", "KERAS_HOME", "XDG_CACHE_HOME"), str(scratch)),
            **dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), threads),
            "MPLCONFIGDIR": str(scratch / "matplotlib"),
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "VAE_KERAS_DATA": "digits",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "CUDA_VISIBLE_DEVICES": "-1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            "GRADING": json.dumps(settings),
        }
        kernel = str(pathlib.Path(__file__).with_name("kernel.py"))
        self.manager = Manager(connection_file=str(scratch / "kernel.json"))
        self.manager.argv = [sys.executable, kernel, "-f", "{connection_file}", "--HistoryManager.enabled=False"]
        self.log = open(self.base / "log", "ab")  # noqa: SIM115  closed in __aexit__
        try:
            await self.manager.start_kernel(cwd=str(scratch), env=environment, stdout=self.log, stderr=self.log)
            self.group = self.manager.provisioner.pgid
            self.client = self.manager.client()
            self.client.start_channels()
            await self.client.wait_for_ready(timeout=300)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_):
        """Kill it, with all that it has started, and remove its folder."""
        if self.client:
            self.client.stop_channels()
        if self.group:  # what it has started may outlive it
            with contextlib.suppress(OSError):
                os.killpg(self.group, signal.SIGKILL)
        if self.manager.has_kernel:
            await self.manager.shutdown_kernel(now=True)
        self.log.close()
        shutil.rmtree(self.base, ignore_errors=True)

    def refused(self):
        """What it has tried so far, and was not allowed."""
        with open(self.base / "log", encoding="utf-8", errors="replace") as file:
            lines = file.read(100_000).splitlines()
        return [line[:200] for line in lines if line.startswith(REFUSED)]

    async def execute(self, notebook, index, seconds, wanted=None):
        """Execute one cell of a notebook. Returns whether it ended by itself.

        Raises:
            DeadKernelError: the process died, or has to: it could not be interrupted, or its memory is full.
        """
        client = Client(notebook, km=self.manager, allow_errors=True, store_widget_state=False, iopub_timeout=30)
        client.kc, client.wanted = self.client, wanted
        client.reset_execution_trackers()
        cell = notebook.cells[index]
        running = asyncio.ensure_future(client.async_execute_cell(cell, index))
        done, _ = await asyncio.wait({running}, timeout=seconds)
        in_time = bool(done)
        if not in_time:
            await self.manager.interrupt_kernel()
            done, _ = await asyncio.wait({running}, timeout=GRACE)
        if not done:
            running.cancel()
            with contextlib.suppress(DeadKernelError, asyncio.CancelledError):
                await running
            raise DeadKernelError("it could not be interrupted")
        cell.metadata.pop("size", None)
        try:
            await running
        except DeadKernelError:
            raise DeadKernelError("it ended the process (by its memory, exit() or os._exit)") from None
        with contextlib.suppress(psutil.Error):
            if psutil.Process(self.manager.provisioner.pid).memory_info().rss > 0.75 * self.memory * GIB:
                raise DeadKernelError(f"it fills the memory of {self.memory:g} GiB")  # and the next cells had none
        return in_time

    async def values(self, task, expression, arguments, seconds):
        """What the student's answer gives for one example: a list of arrays; else ("kind", text) of what went wrong.

        Raises:
            DeadKernelError: the process died.
        """
        mimetype = f"application/x-{secrets.token_hex(16)}"
        code = f"import vae_grading; vae_grading.reply({mimetype!r}, {task!r}, {expression!r}, {to_json(arguments)!r})"
        notebook = nbf.new_notebook(cells=[nbf.new_code_cell(code)])
        if not await self.execute(notebook, 0, seconds, wanted=mimetype):
            return "time", ""
        for output in notebook.cells[0].outputs:
            text = output.get("data", {}).get(mimetype)
            if text is not None:
                return _parsed(text)
        return "error", "an error"


class Manager(AsyncKernelManager):
    """Starts `kernel.py`, whatever kernels are installed."""

    argv = ()

    @property
    def kernel_spec(self):
        """The command."""
        return KernelSpec(argv=list(self.argv), display_name="grading", language="python")


def _parsed(text):
    """A reply of the student's process, which is not to be trusted: numbers, or the kind of an error."""
    try:
        reply = json.loads(text)
        if "values" in reply:
            return [np.array(numbers, "float64").reshape(shape) for shape, numbers in reply["values"]]
        return ("missing", "") if "missing" in reply else (str(reply["error"]), str(reply["text"]))
    except Exception:
        return "error", "an error"


async def run_cells(process, notebook, skipped, seconds):
    """Execute a notebook's cells in place, but for those skipped. Returns {index: reason} of those that were cut short.

    Raises:
        Died: a cell took the process with it.
    """
    cut, most = dict(skipped), 5 * seconds
    deadline = time.monotonic() + most
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type != "code" or not cell.source.strip() or index in skipped:
            continue
        left = min(seconds, deadline - time.monotonic())
        if left <= 0:
            cut[index] = f"the notebook takes more than {most:.0f} s"
            continue
        try:
            if not await process.execute(notebook, index, left):
                cut[index] = f"it ran for more than {left:.0f} s"
        except DeadKernelError as error:
            raise Died(index, error) from None
    return cut
