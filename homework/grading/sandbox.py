"""The sandbox of one student's code: bubblewrap, on Linux.

What it promises:

- Visible are Python, the system's programs and libraries, and the package vae_keras: read-only, nothing else.
- What is written stays in memory, 256 MiB in /tmp and 64 MiB in /dev/shm, and is gone at the end.
- No process outside is seen, signalled or limited; nobody's System V memory, nobody's socket, and no network.
- No variable of the grader's environment, no privileges, and no new namespaces.
- Whatever is started ends with the student's process, and that one with the grader.

How much memory, how many processes and how long: see watch.py.
"""

import functools
import os
import pathlib
import shutil
import subprocess
import sys

import vae_keras
from grading.kernel import MIB

HOME = "/tmp"  # the student's home and working folder
COURSE = "/course"
DISK, SHARED = 256 * MIB, 64 * MIB
NOBODY = "65534"
# Of a folder with a Python. Never the folder itself: it may be the lecturer's home, or a course with a venv in it.
PARTS = ("bin", "lib", "lib64", "pyvenv.cfg")
SYSTEM = (
    *("/usr/sbin", "/usr/lib32", "/usr/libexec", "/usr/share/fonts", "/usr/share/zoneinfo"),
    *("/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts", "/etc/localtime"),
)


def pythons():
    """The folders of Python: of the environment, of what it was made from, and of the links between them."""
    folders, executable = ["/usr", "/usr/local", sys.prefix, sys.base_prefix], sys.executable
    while os.path.islink(executable):
        executable = os.path.join(os.path.dirname(executable), os.readlink(executable))
        folder = os.path.dirname(os.path.dirname(os.path.normpath(executable)))
        library = f"python{sys.version_info.major}.{sys.version_info.minor}"
        if os.path.isdir(os.path.join(folder, sys.platlibdir, library)):
            folders.append(folder)
    return list(dict.fromkeys(folders))


def packages():
    """Where packages lie outside those folders, as with `pip install --user`."""
    inside = [os.path.join(folder, part) + os.sep for folder in pythons() for part in PARTS]
    named = [path for path in sys.path if os.path.basename(path) in ("site-packages", "dist-packages")]
    return [path for path in named if os.path.isdir(path) and not path.startswith(tuple(inside))]


def environment():
    """What Python needs to find itself and the packages."""
    return {"PATH": f"{sys.prefix}/bin:/usr/bin:/bin", "PYTHONPATH": ":".join([COURSE, *packages()]), "USER": "student"}


def command(argv, *options):
    """The command that runs `argv` in a sandbox; `options` are more of bubblewrap's.

    Its environment is what bubblewrap itself is started with, as that can be read at /proc/1/environ.
    """
    line = [shutil.which("bwrap"), "--unshare-all", "--unshare-user", "--disable-userns", "--uid", NOBODY]
    line += ["--gid", NOBODY, "--cap-drop", "ALL", "--hostname", "student", "--new-session", "--die-with-parent"]
    line += ["--unsetenv", "JPY_PARENT_PID"]  # else the kernel looks for a parent that it does not see
    line += ["--proc", "/proc", "--dev", "/dev"]
    line += ["--ro-bind", "/dev/null", "/dev/zero"]  # a map of it is memory that no process shows
    line += ["--size", str(SHARED), "--tmpfs", "/dev/shm", "--size", str(DISK), "--tmpfs", HOME]
    for folder in ("bin", "sbin", "lib", "lib32", "lib64"):
        if os.path.islink(f"/{folder}"):
            line += ["--symlink", os.readlink(f"/{folder}"), f"/{folder}"]
        else:
            line += ["--ro-bind-try", f"/{folder}", f"/{folder}"]
    for path in (*[os.path.join(folder, part) for folder in pythons() for part in PARTS], *SYSTEM, *packages()):
        line += ["--ro-bind-try", path, path]
    line += ["--ro-bind", str(pathlib.Path(vae_keras.__file__).resolve().parent), f"{COURSE}/vae_keras"]
    return [*line, *options, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", HOME, "--", *argv]


@functools.cache
def problem():
    """Why there is no sandbox here, and what to do; "" where it works."""
    others = (
        "Or grade in a container, which homework/README.md shows, or, if you trust all that was handed in, "
        "with --no-sandbox."
    )
    if sys.platform != "linux":
        return f"Students' code runs in a sandbox, bubblewrap, which Linux alone has; this is {sys.platform}. {others}"
    if not shutil.which("bwrap"):
        return (
            "Students' code runs in a sandbox, bubblewrap; no program bwrap was found. Install it, on Debian and "
            f"Ubuntu by `apt install bubblewrap`. {others}"
        )
    tried = subprocess.run(
        command([sys.executable, "-c", "import numpy"]),
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
    if tried.returncode:
        words = tried.stderr.strip()[-500:] or f"exit status {tried.returncode}"
        return (
            f"Students' code runs in a sandbox, bubblewrap 0.8 or later; here it fails: {words}. "
            f"Where user namespaces are forbidden, as in many containers, allow them. {others}"
        )
    return ""
