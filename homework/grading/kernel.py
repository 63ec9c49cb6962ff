"""The process in which one student's notebook runs: it gives up what it may not do, then becomes an IPython kernel.

Student code is code. Three layers stand between it and the lecturer's files, from the weakest to the strongest:
Python's audit hook (stops `open`, `os.remove`, `subprocess`; gives clear messages; Python alone, on every system),
limits of the operating system (memory, processor time, size of files; Linux, macOS in part), and Landlock (Linux 5.13
and later; also for TensorFlow's own C++ code and for processes that the code starts). `grade.py --user` adds a fourth.
"""

import contextlib
import ctypes
import json
import os
import sys

REFUSED = "not allowed while grading: "
MIB, GIB = 2**20, 2**30
REACHES_PROCESSES = {
    *("subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn"),
    *("os.kill", "os.killpg"),
}
USES_THE_NETWORK = {"socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"}
READS_A_FOLDER = {"os.listdir", "os.scandir"}
CHANGES_A_FILE = {
    *("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate"),
    *("os.chmod", "os.chown", "os.utime", "os.setxattr", "os.removexattr", "os.mkfifo"),
}


def limit(memory_gib, cpu_seconds):
    """Limit what this process may use."""
    import resource

    for name, most in {
        "RLIMIT_DATA": int(memory_gib * GIB),  # not the address space, of which TensorFlow reserves gigabytes
        "RLIMIT_CPU": cpu_seconds,
        "RLIMIT_FSIZE": 200 * MIB,
        "RLIMIT_CORE": 0,
        "RLIMIT_NPROC": 2_000,  # counts the threads of all processes of a user; not root's
    }.items():
        with contextlib.suppress(AttributeError, ValueError, OSError):  # not on this system, or less than it has
            resource.setrlimit(getattr(resource, name), (most, most))


def become(user, scratch):
    """Become another Unix user, to whom the scratch folder then belongs."""
    import pwd

    entry = pwd.getpwnam(user)
    for folder, _, files in os.walk(scratch):
        for path in (folder, *(os.path.join(folder, file) for file in files)):
            os.chown(path, entry.pw_uid, entry.pw_gid)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def landlock_version():
    """How much of Landlock the system has: 0 is none of it, 4 and later also guard the network, 6 and later signals."""
    if sys.platform != "linux":
        return 0
    return max(0, ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), ctypes.c_uint32(1)))


def landlock(readable, listable, writable, ports):
    """Let this process, and all that it starts, open nothing but these.

    Source: docs.kernel.org/userspace-api/landlock.html; the numbers of the system calls are the same on all processors.
    """
    version = landlock_version()
    if not version:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    read, read_folder = 1 << 2, 1 << 3
    of_a_file = 1 << 1 | read | (version >= 3) << 14  # write, read, truncate
    everything = (1 << 13) - 1 | (version >= 2) << 13 | (version >= 3) << 14
    network = (version >= 4) * 3  # bind and connect
    scopes = (version >= 6) * 3  # abstract sockets and signals
    attributes = (ctypes.c_uint64 * 3)(everything, network, scopes)
    size = 8 * (1 + (version >= 4) + (version >= 6))
    rules = libc.syscall(444, ctypes.byref(attributes), ctypes.c_size_t(size), ctypes.c_uint32(0))

    def allow(kind, *numbers):
        rule = (ctypes.c_uint64 * 2)(*numbers)
        libc.syscall(445, ctypes.c_int(rules), ctypes.c_int(kind), ctypes.byref(rule), ctypes.c_uint32(0))

    for paths, access in ((readable, 1 | read | read_folder), (listable, read_folder), (writable, everything)):
        for path in filter(os.path.exists, paths):
            folder = os.open(path, os.O_PATH)
            allow(1, access if os.path.isdir(path) else access & of_a_file, folder)
            os.close(folder)
    for port in ports if network else ():
        allow(2, 1, port)  # the kernel's own sockets
    libc.prctl(38, 1, 0, 0, 0)  # no new privileges, without which the next call is refused
    if libc.syscall(446, ctypes.c_int(rules), ctypes.c_uint32(0)):
        raise OSError(ctypes.get_errno(), "Landlock refuses its rules")


def audit(scratch, hidden):
    """Refuse to change files outside `scratch`, to look into the `hidden` folders, processes and the network.

    What is refused is told to standard error as it is now, which the grader reads.
    """
    log, write = os.dup(2), os.write
    realpath, isdir, fspath, separator = os.path.realpath, os.path.isdir, os.fspath, os.sep
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

    def inside(path, *folders):
        return any(path == folder or path.startswith(folder + separator) for folder in folders)

    def real(path):
        path = fspath(path)
        return realpath(path.decode(errors="replace") if isinstance(path, bytes) else path)

    def refuse(what):
        write(log, f"{REFUSED}{what}\n".encode(errors="replace"))
        raise PermissionError(f"{REFUSED}{what}")

    def hook(event, arguments):
        if event in REACHES_PROCESSES or event in USES_THE_NETWORK:
            refuse(event)
        changes = event in CHANGES_A_FILE
        if not (changes or event == "open" or event in READS_A_FOLDER):
            return
        paths = [real(path) for path in arguments[:2] if isinstance(path, str | bytes) or hasattr(path, "__fspath__")]
        if event == "open":
            paths, flags = paths[:1], arguments[2] or 0
            changes = bool(flags & writing) and paths != ["/dev/null"]
        elif event == "os.symlink":
            paths = paths[1:]
        for path in paths:
            if inside(path, scratch):
                continue
            if changes or inside(path, *hidden) or (event == "open" and isdir(path)):  # a folder opened leads elsewhere
                refuse(f"{event} {path}")

    sys.addaudithook(hook)


def reply(mimetype, task, expression, arguments):
    """Display, as JSON, what the student's answer gives for one example. Nothing that is true stands in this process.

    Args:
        mimetype: of the display, which nobody knew before.
        task: name, such as "hw2.kl".
        expression: the answer's name in the notebook.
        arguments: of the example, by `to_json`.
    """
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    try:
        for name in [name for name in sys.modules if name.startswith("vae_keras.homework")]:
            del sys.modules[name]  # the student may have changed it
        from vae_keras.homework import from_json, task_of

        try:
            answer = eval(expression, dict(shell.user_ns))
        except NameError:
            result = {"missing": expression}
        else:
            values = task_of(task).values(answer, from_json(arguments))
            if sum(value.size for value in values) > 1_000_000:
                raise ValueError("more than a million numbers")
            result = {"values": [[list(value.shape), value.ravel().tolist()] for value in values]}
    except BaseException as error:  # also SystemExit and KeyboardInterrupt
        result = {"error": type(error).__name__, "text": str(error)[:500]}
    shell.display_pub.publish({mimetype: json.dumps(result)})


def main():
    settings = json.loads(os.environ.pop("GRADING"))
    connection_file = sys.argv[sys.argv.index("-f") + 1]
    with open(connection_file, encoding="utf-8") as file:
        ports = [number for name, number in json.load(file).items() if name.endswith("_port")]
    scratch = settings["scratch"]
    limit(settings["memory"], settings["cpu"])
    if settings["user"]:
        become(settings["user"], scratch)
    # Before any thread is there: a thread that is already running would stay free.
    landlock(settings["readable"], settings["listable"], [scratch, "/dev/null", "/dev/shm"], ports)
    sys.path[0] = ""  # not the folder of this file
    from ipykernel.kernelapp import launch_new_instance

    import vae_keras  # noqa: F401  here its seconds count for no student's cell

    sys.modules["vae_grading"] = sys.modules["__main__"]  # where the grader finds `reply`
    audit(scratch, settings["hidden"])
    launch_new_instance()


if __name__ == "__main__":
    main()
