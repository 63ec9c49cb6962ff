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
import zmq
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from grading import sandbox, seccomp, watch
from grading.kernel import GIB, MIB, MOST_OUTPUT, to_json

SETTINGS = {"allow_errors": True, "store_widget_state": False, "iopub_timeout": 15, "raise_on_iopub_timeout": True}
GRACE = 5  # seconds in which an interrupted cell has to end
MOST_RECEIVED = 100_000_000  # bytes of all that a process prints, kept or not
MESSAGE = 32 * MIB  # what is larger is not received at all
logging.getLogger("traitlets").setLevel(logging.CRITICAL)  # what a student's cell did is told in the grades


class Died(Exception):
    """The student's process is gone. `where` is the index of the cell, or the task, that did it."""

    def __init__(self, where, reason):
        super().__init__(reason)
        self.where, self.reason = where, str(reason)


class Client(NotebookClient):
    """Keeps a cell's output short, whatever it prints."""

    process = None
    wanted = None  # a mimetype that is always kept

    def process_message(self, msg, cell, cell_index):
        """Drop output beyond MOST_OUTPUT."""
        size = len(str(msg["content"]))
        self.process.receive(1_000 + size)  # an empty message is work, too
        shown = msg["msg_type"] in ("stream", "display_data", "execute_result", "error", "update_display_data")
        if shown and self.wanted not in msg["content"].get("data", {}):
            cell.metadata.size = cell.metadata.get("size", 0) + size
            if cell.metadata.size > MOST_OUTPUT:
                return None
        return super().process_message(msg, cell, cell_index)


class Process:
    """An IPython kernel for one student's code. Use it in `async with`.

    Args:
        jobs: how many run at a time.
        memory: GiB.
        seconds: that it may live.
        sandboxed: whether it runs in a sandbox; without one it can do whatever this process can.
    """

    def __init__(self, jobs=1, memory=4, seconds=900, sandboxed=True):
        self.jobs, self.memory, self.seconds, self.sandboxed = jobs, memory, seconds, sandboxed
        self.client = self.watch = self.root = self.filter = None
        self.received, self.log, self.ran = 0, b"", set()

    async def __aenter__(self):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="grading-")).resolve()
        self.manager = Manager(connection_file=str(self.base / "kernel.json"))
        self.printed, printing = os.pipe()
        asyncio.get_running_loop().add_reader(self.printed, self._read)
        try:
            options = self._sandbox() if self.sandboxed else self._folder()
            await self.manager.start_kernel(cwd=self.base, stdout=printing, stderr=printing, **options)
            first = psutil.Process(self.manager.provisioner.pid)
            self.client = self.manager.client()
            self.client.context.setsockopt(zmq.MAXMSGSIZE, MESSAGE)
            self.client.context.setsockopt(zmq.RCVHWM, 10)  # messages that wait here; others wait there
            self.kernel, place = await self._reach(first) if self.sandboxed else (first, watch.Tree(first))
            self.watch = watch.Watch(place, self.memory, self.seconds)
            self.watch.start()
            self.client.start_channels()
            await self.client.wait_for_ready(timeout=300)
            self.watch.began = time.monotonic()  # a slow machine is no student's fault
        except Exception as error:
            await self.__aexit__()
            words = self.log.decode(errors="replace").strip()
            raise RuntimeError(f"a student's process does not start: {error}. It printed: {words}") from error
        except BaseException:
            await self.__aexit__()
            raise
        finally:
            os.close(printing)
        return self

    async def __aexit__(self, *_):
        """Kill it, with all that it has started, and remove its folder."""
        if self.client:
            self.client.stop_channels()
        if self.watch:
            await asyncio.to_thread(self.watch.stop, "its time is over")
        if self.manager.has_kernel:
            await self.manager.shutdown_kernel(now=True)
        asyncio.get_running_loop().remove_reader(self.printed)
        for descriptor in filter(None, (self.printed, self.root, self.filter)):
            os.close(descriptor)
        shutil.rmtree(self.base, ignore_errors=True)

    def _sandbox(self):
        """Set the command of a kernel in a sandbox; returns more of what it is started with."""
        self.manager.transport = "ipc"  # there is no network
        self.manager.ip = f"{sandbox.HOME}/{secrets.token_hex(8)}"
        shown = {pathlib.Path(__file__).with_name("kernel.py"): "/grading/kernel.py"}
        shown |= {self.base / "kernel.json": "/grading/kernel.json"}
        shown |= {path: f"{sandbox.HOME}/matplotlib/{path.name}" for path in _fonts()}
        binds = [word for path, place in shown.items() for word in ("--ro-bind", str(path), place)]
        with open(self.base / "filter", "w+b", buffering=0) as file:
            file.write(seccomp.program())
        self.filter = os.open(self.base / "filter", os.O_RDONLY)
        refused = ["--seccomp", str(self.filter)] * bool(seccomp.program())
        self.manager.argv = sandbox.command(_kernel("/grading"), *binds, *refused)
        return {"env": self._environment(sandbox.HOME) | sandbox.environment(), "pass_fds": [self.filter]}

    def _folder(self):
        """The same, without a sandbox."""
        (self.base / "matplotlib").mkdir()
        for path in _fonts():
            shutil.copy(path, self.base / "matplotlib")
        shutil.copy(pathlib.Path(__file__).with_name("kernel.py"), self.base)
        self.manager.argv = _kernel(str(self.base))
        packages = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        return {"env": self._environment(str(self.base)) | packages}

    def _environment(self, home):
        threads = str(max(1, (os.cpu_count() or 1) // self.jobs))
        return {
            **{name: os.environ[name] for name in ("LANG",) if name in os.environ},
            **dict.fromkeys(("HOME", "TMPDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"), home),
            **dict.fromkeys(("JUPYTER_RUNTIME_DIR", "KERAS_HOME", "XDG_CACHE_HOME"), home),
            **dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), threads),
            "MPLCONFIGDIR": f"{home}/matplotlib",
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "VAE_KERAS_DATA": "digits",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "CUDA_VISIBLE_DEVICES": "-1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            "GRADING": json.dumps({"memory": self.memory, "cpu": 1_800}),
        }

    async def _reach(self, first):
        """The kernel below bubblewrap's processes, and what a watch needs; the client is told where its sockets are."""
        while await self.manager.is_alive():
            with contextlib.suppress(psutil.Error):
                processes = first.children(recursive=True)
                if processes and processes[-1].name() != "bwrap":
                    self.root = os.open(f"/proc/{processes[-1].pid}/root", os.O_PATH)
                    root = f"/proc/self/fd/{self.root}"
                    self.client.ip = root + self.manager.ip
                    return processes[-1], watch.Inside(processes[0], root)
            await asyncio.sleep(0.02)
        raise RuntimeError("bubblewrap ended")

    def _read(self):
        """Take what it prints beside the notebook, and keep the end."""
        text = os.read(self.printed, 65_536)
        if not text:
            asyncio.get_running_loop().remove_reader(self.printed)
        self.log = (self.log + text)[-2_000:]
        self.receive(len(text))

    def receive(self, size):
        """Count what it gives; end it if that is too much."""
        self.received += size
        if self.received > MOST_RECEIVED and self.watch:
            self.watch.stop(f"it prints more than {MOST_RECEIVED / 1e6:.0f} MB")

    async def execute(self, notebook, index, seconds, wanted=None):
        """Execute one cell of a notebook. Returns whether it ended by itself.

        Raises:
            DeadKernelError: the process died, or has to: it could not be interrupted, or its memory is full.
        """
        client = Client(notebook, km=self.manager, **SETTINGS)
        client.kc, client.process, client.wanted = self.client, self, wanted
        client.reset_execution_trackers()
        cell = notebook.cells[index]
        running = asyncio.ensure_future(client.async_execute_cell(cell, index))
        done, _ = await asyncio.wait({running}, timeout=seconds)
        in_time = bool(done)
        if not in_time:
            with contextlib.suppress(psutil.Error):
                self.kernel.send_signal(signal.SIGINT)
            done, _ = await asyncio.wait({running}, timeout=GRACE)
        if not done:
            running.cancel()
            with contextlib.suppress(DeadKernelError, asyncio.CancelledError):
                await running
            raise DeadKernelError(self.watch.reason or "it could not be interrupted")
        cell.metadata.pop("size", None)
        try:
            await running
        except DeadKernelError:
            ended = "it ended the process (by its memory, exit() or os._exit)"
            raise DeadKernelError(self.watch.reason or ended) from None
        except CellTimeoutError:  # the connection is closed
            raise DeadKernelError(f"it shows more than {MESSAGE / MIB:.0f} MiB at a time") from None
        with contextlib.suppress(psutil.Error):
            if self.kernel.memory_info().rss > 0.75 * self.memory * GIB:
                raise DeadKernelError(f"it fills the memory of {self.memory:g} GiB")  # and the next cells had none
        return in_time

    async def values(self, task, expression, arguments, seconds, stand_ins=()):
        """What the student's answer gives for one example: a list of arrays; else ("kind", text) of what went wrong.

        In `ran` are the functions of the course's package that ran for it.

        Raises:
            DeadKernelError: the process died.
        """
        mimetype = f"application/x-{secrets.token_hex(16)}"
        seen, home = (f"/proc/self/fd/{self.root}{sandbox.HOME}", sandbox.HOME) if self.sandboxed else (self.base,) * 2
        place = secrets.token_hex(16)
        given = (mimetype, task, expression, f"{home}/{place}", dict(stand_ins))
        try:
            with open(f"{seen}/{place}", "x", encoding="utf-8") as file:  # no frame and no message holds them for long
                file.write(to_json(arguments))
        except OSError as error:
            raise DeadKernelError(f"its folder takes no file any more ({error.strerror})") from None
        code = f"import vae_grading; vae_grading.reply{given!r}"
        notebook, self.ran = nbf.new_notebook(cells=[nbf.new_code_cell(code)]), set()
        if not await self.execute(notebook, 0, seconds, wanted=mimetype):
            return "time", ""
        for output in notebook.cells[0].outputs:
            text = output.get("data", {}).get(mimetype)
            if text is not None:
                values, self.ran = _parsed(text)
                return values
        return "error", "an error"


class Manager(AsyncKernelManager):
    """Starts `kernel.py`, whatever kernels are installed."""

    argv = ()

    @property
    def kernel_spec(self):
        """The command."""
        return KernelSpec(argv=list(self.argv), display_name="grading", language="python")


def _kernel(folder):
    """The command of a kernel whose program and connection file lie in this folder."""
    return [sys.executable, f"{folder}/kernel.py", "-f", f"{folder}/kernel.json", "--HistoryManager.enabled=False"]


def _fonts():
    """What matplotlib knows of the system's fonts: to find them again takes seconds."""
    return pathlib.Path(matplotlib.get_cachedir()).glob("fontlist*")


def _parsed(text):
    """A reply of the student's process, which is not to be trusted: numbers or the kind of an error, and what ran."""
    try:
        reply = json.loads(text)
        if "values" in reply:
            values = [np.array(numbers, "float64").reshape(shape) for shape, numbers in reply["values"]]
            return values, set(map(str, reply["ran"]))
        return (("missing", "") if "missing" in reply else (str(reply["error"]), str(reply["text"]))), set()
    except Exception:
        return ("error", "an error"), set()


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
