"""The sandbox of the grader: what hostile code reaches, and what it may use up."""

import asyncio
import contextlib
import ctypes
import multiprocessing.shared_memory
import os
import pathlib
import secrets
import socket
import time

import grade
import nbformat.v4 as nbf
import psutil
import pytest
from grading import sandbox
from grading.run import Process
from nbclient.exceptions import DeadKernelError

resource = pytest.importorskip("resource", reason="no sandbox on Windows")
NO_SANDBOX = sandbox.problem()
needs_a_sandbox = [pytest.mark.slow, pytest.mark.skipif(bool(NO_SANDBOX), reason=NO_SANDBOX or "works")]
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
MARK = secrets.token_hex(8)  # no other run's processes and files bear it

# Tries each of `attempts`, a dict of expressions, and prints what came of it.
TRY = """
import ctypes, json, os, resource, socket, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)

def connect(family, address, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as one:
        one.settimeout(5)
        one.connect(address)
        return one.send(b"hello")

def call(name, *arguments):
    if getattr(libc, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return "done"

def fill(megabytes, *names):
    for name in names:
        with open(name, "wb") as file:
            for _ in range(megabytes):
                file.write(bytes(10**6))

def read(pattern):
    import glob
    found = ""
    for name in glob.glob(pattern):
        try:
            found += open(name, errors="replace").read()
        except OSError:
            pass
    return found

def files():
    mine = ("/proc", "/dev", "/usr", "/etc", "/tmp", "/course/vae_keras", *known)
    return [os.path.join(folder, name) for folder, _, names in os.walk("/") for name in names
            if not os.path.join(folder, name).startswith(tuple(f"{one}/" for one in mine))]

found = {}
for name, expression in attempts.items():
    try:
        found[name] = repr(eval(expression))
    except BaseException as error:
        found[name] = f"{type(error).__name__}: {error}"
print(json.dumps(found))
"""
DAEMON = f"""
import os, subprocess, sys
if not os.fork():
    os.setsid()
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "{MARK}"], start_new_session=True)
    os._exit(0)
os.wait()
"""
NEIGHBOUR = """
import socket
abstract, other = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
abstract.bind("\\0neighbour"), abstract.listen()
other.bind("/tmp/neighbour"), other.listen()
open("/dev/shm/neighbour", "w").write("mine")
"""


def attempts(pid, folder, segment, port, memory):
    """{name: (expression, what shall come of it)}."""
    python = str(pathlib.Path(sandbox.pythons()[-1]) / "lib")
    gone, read_only = "No such file or directory", "Read-only file system"
    return {
        "prlimit": (f"resource.prlimit({pid}, resource.RLIMIT_NOFILE, (3, 3))", "No such process"),
        "kill": (f"os.kill({pid}, 9)", "No such process"),
        "other processes": ("sorted(int(n) for n in os.listdir('/proc') if n.isdigit())[:2]", "[1, 2]"),
        "submission, chmod": (f"os.chmod({str(folder / 'submission')!r}, 0)", gone),
        "submission, read": (f"open({str(folder / 'submission')!r}).read()", gone),
        "all that is visible": ("sorted(files())", "['/grading/kernel.json', '/grading/kernel.py']"),
        "repository": (f"os.listdir({str(REPOSITORY)!r})", gone),
        "home": (f"open(os.path.join({str(folder)!r}, 'home')).read()", gone),
        "package, written": ("open('/course/vae_keras/x', 'w')", read_only),
        "Python, written": (f"open({python!r} + '/x', 'w')", read_only),
        "/, written": ("open('/x', 'w')", read_only),
        "/dev, written": ("open('/dev/x', 'w')", read_only),
        "environment": (f"{MARK!r} in str(dict(os.environ)) + read('/proc/*/environ')", "False"),
        "command lines": (f"{MARK!r} in read('/proc/*/cmdline')", "False"),
        "System V, listed": (f"'{segment}' in open('/proc/sysvipc/shm').read()", "False"),
        "System V, attached": (f"call('shmat', {segment}, 0, 0)", "Invalid argument"),
        "System V, made": ("call('shmget', 0, 10**6, 0o1600)", "Operation not permitted"),
        "memory shared, and seen nowhere": ("__import__('mmap').mmap(-1, 3 << 30)", "Operation not permitted"),
        "the same by /dev/zero": ("open('/dev/zero', 'r+b')", "Permission denied"),
        "memfd": ("os.memfd_create('x')", "Operation not permitted"),
        "shared memory": ("os.listdir('/dev/shm')", "[]"),
        "shared memory, by name": (f"open('/dev/shm/{memory}')", gone),
        "abstract socket": (f"connect(socket.AF_UNIX, '\\x00{MARK}')", "Connection refused"),
        "neighbour's abstract socket": ("connect(socket.AF_UNIX, '\\0neighbour')", "Connection refused"),
        "socket": (f"connect(socket.AF_UNIX, {str(folder / 'socket')!r})", gone),
        "neighbour's socket": ("connect(socket.AF_UNIX, '/tmp/neighbour')", gone),
        "network": (f"connect(socket.AF_INET, ('127.0.0.1', {port}))", "Connection refused"),
        "internet": ("connect(socket.AF_INET, ('192.0.2.1', 80))", "Network is unreachable"),
        "capabilities": ("[l.split()[1] for l in open('/proc/self/status') if l[:6] == 'CapEff']", f"['{0:016x}']"),
        "namespaces": ("subprocess.run(['unshare', '--user', 'true'], stderr=-3).returncode != 0", "True"),
        "disk of 450 MB": ("fill(150, *'abc')", "No space left on device"),
        "/dev/shm of 450 MB": ("fill(450, '/dev/shm/a')", "No space left on device"),
        "open files": ("[n for n in map(os.readlink, ['/proc/self/fd/1', '/proc/self/fd/2']) if n[0] == '/']", "[]"),
    }


def kernel(*cells, **limits):
    """What each cell prints in a process, and why the process ended, if it did."""

    async def work():
        async with Process(**limits) as process:
            return await execute(process, *cells)

    return asyncio.run(work())


async def execute(process, *cells):
    """What each cell prints, and why the process ended, if it did."""
    notebook = nbf.new_notebook(cells=[nbf.new_code_cell(cell) for cell in cells])
    try:
        for index in range(len(cells)):
            await process.execute(notebook, index, 40)
    except DeadKernelError as error:
        return str(error)
    return ["".join(output.get("text", "") + output.get("evalue", "") for output in cell.outputs)
            for cell in notebook.cells]  # fmt: skip


@contextlib.contextmanager
def lecturers_things(folder):
    """What lies about on the lecturer's machine: yields what `attempts` needs to know of it."""
    (folder / "submission").write_text("theirs")
    (folder / "home").write_text("secret")
    libc = ctypes.CDLL(None)
    segment = libc.shmget(0, 4096, 0o1666)
    memory = multiprocessing.shared_memory.SharedMemory(create=True, size=4096)
    with contextlib.ExitStack() as stack:
        stack.callback(memory.unlink)
        stack.callback(memory.close)
        stack.callback(libc.shmctl, segment, 0, None)
        sockets = [stack.enter_context(socket.socket(family)) for family in (socket.AF_UNIX,) * 2 + (socket.AF_INET,)]
        for one, address in zip(sockets, (f"\0{MARK}", str(folder / "socket"), ("127.0.0.1", 0)), strict=True):
            one.bind(address)
            one.listen()
        yield os.getpid(), folder, segment, sockets[-1].getsockname()[1], memory.name


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """{attempt: (what came of it, what shall)}, beside a neighbour; and the daemon, meanwhile and afterwards."""

    def daemons():
        return [one.pid for one in psutil.process_iter() if MARK in " ".join(_command(one))]

    async def work(given):
        async with Process() as neighbour, Process() as process:
            await execute(neighbour, NEIGHBOUR)
            known = [os.path.join(one, part) for one in sandbox.pythons() for part in sandbox.PARTS]
            known += [os.path.dirname(one) for one in known if one.endswith("pyvenv.cfg") and os.path.exists(one)]
            expressions = {name: expression for name, (expression, _) in given.items()}
            printed = await execute(process, f"attempts, known = {expressions!r}, {known!r}", TRY, DAEMON)
            during = daemons()
        return eval(printed[1]), during, daemons()

    with lecturers_things(tmp_path_factory.mktemp("things")) as things, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRET", MARK)
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        given = attempts(*things)
        came, during, after = asyncio.run(work(given))
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == limits
        assert (things[1] / "submission").stat().st_mode & 0o400
    return {name: (came[name], expected) for name, (_, expected) in given.items()} | {"daemon": (during, after)}


def _command(process):
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []


class TestSandbox:
    pytestmark = needs_a_sandbox

    @pytest.mark.parametrize("name", attempts(1, pathlib.Path("/"), 1, 1, ""))
    def test_keeps_student_code_from(self, name, found):
        came, expected = found[name]
        assert came == expected or expected in came.partition("Error: ")[2]

    def test_ends_a_daemon_with_its_student(self, found):
        during, after = found["daemon"]
        assert during
        assert not after

    @pytest.mark.parametrize(
        ("cell", "limits", "reason"),
        [
            pytest.param(
                "import os, time\nfor _ in range(6):\n    if not os.fork():\n"
                "        kept = bytearray(b'x') * 300_000_000\n        time.sleep(100)\ntime.sleep(30)",
                {"memory": 1},
                "it fills the memory of 1 GiB",
                id="memory of several processes",
            ),
            pytest.param(
                "import subprocess, time\nfor _ in range(1_000):\n    subprocess.Popen(['sleep', '100'])",
                {},
                "it starts more than 100 processes",
                id="1,000 processes",
            ),
            pytest.param(
                "import time\nwhile True:\n    try:\n        time.sleep(1)\n    except BaseException:\n        pass",
                {"seconds": 3},
                "the notebook and its checks take more than 3 s",
                id="time",
            ),
            pytest.param(
                "for n in range(100_000):\n    open(str(n), 'w').close()",
                {},
                "it makes more than 50,000 files",
                id="files",
            ),
            pytest.param(
                "import os\nfor _ in range(600):\n    os.write(1, b'x' * 10**6)",
                {},
                "it prints more than 100 MB",
                id="600 MB, past Python",
            ),
        ],
    )
    def test_limits(self, cell, limits, reason):
        began = time.monotonic()
        assert reason in str(kernel(cell, **limits))
        assert time.monotonic() - began < 30

    def test_600_megabytes_printed_neither_reach_the_grader_nor_cost_the_next_cell(self):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        many, one, short = "for _ in range(600):\n    print('x' * 10**6)", "print('x' * 600 * 10**6)", "print(1 + 1)"
        assert kernel(many, short, one, short)[1::2] == ["2\n", "2\n"]
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


class TestWithoutASandbox:
    @pytest.fixture(autouse=True)
    def ask_again(self, tmp_path, monkeypatch):
        """No answer is kept, and no program found but those in `tmp_path`."""
        monkeypatch.setattr(sandbox, "problem", sandbox.problem.__wrapped__)
        monkeypatch.setattr(sandbox.sys, "platform", "linux")
        monkeypatch.setenv("PATH", str(tmp_path))

    def grading(self, folder, *options):
        """What the grader ends with."""
        with pytest.raises(SystemExit) as end:
            grade.main(["hw2", str(folder), "--out", str(folder / "out"), *options])
        return str(end.value)

    def test_the_grader_says_what_to_do(self, tmp_path):
        words = self.grading(tmp_path)
        for word in ("no program bwrap", "apt install bubblewrap", "homework/README.md", "--no-sandbox"):
            assert word in words

    def test_the_grader_repeats_what_bubblewrap_says(self, tmp_path):
        (tmp_path / "bwrap").write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
        (tmp_path / "bwrap").chmod(0o755)
        words = self.grading(tmp_path)
        for word in ("fails: bwrap: No permissions to create new namespace", "in a container", "--no-sandbox"):
            assert word in words

    def test_elsewhere_there_is_none(self, tmp_path, monkeypatch):
        monkeypatch.setattr(sandbox.sys, "platform", "darwin")
        assert "this is darwin" in self.grading(tmp_path)

    def test_no_sandbox_is_said_aloud(self, tmp_path, monkeypatch, capsys):
        def begin(*_):
            raise SystemExit("begins")

        monkeypatch.setattr(grade, "Batch", begin)
        assert self.grading(tmp_path, "--no-sandbox") == "begins"
        assert "No sandbox: students' code can do all that you can" in capsys.readouterr().err
