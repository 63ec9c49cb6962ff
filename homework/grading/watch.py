"""Watch what a student's processes take together: no single process's limit says that."""

import contextlib
import os
import threading
import time

import psutil

from grading.kernel import GIB

INTERVAL = 0.3  # seconds
MOST_PROCESSES = 100
MOST_FILES = 50_000  # an empty one takes memory, too


def tree(process):
    """A process and all that descend from it."""
    with contextlib.suppress(psutil.Error):
        return [process, *process.children(recursive=True)]
    return []


def end(process):
    """Kill a process with all that it started, and wait until they are gone."""
    processes = tree(process)
    for one in processes:
        with contextlib.suppress(psutil.Error):
            one.kill()
    late = time.monotonic() + 10
    while any(_lives(one) for one in processes[1:]) and time.monotonic() < late:
        time.sleep(0.02)


def _lives(process):
    with contextlib.suppress(psutil.Error):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def memory(processes, most):
    """Whether they hold more than `most` bytes; what they share counts once."""

    def held(kind):
        total = 0
        for process in processes:
            with contextlib.suppress(psutil.Error):
                info = process.memory_full_info() if kind == "pss" else process.memory_info()
                total += getattr(info, kind, info.rss)
        return total

    return held("rss") > most and held("pss") > most  # the first is quick, the second seldom needed


class Watch(threading.Thread):
    """Ends a student's process, with all that it started, when it takes more than it may.

    A thread, as the grader's other work shall not hold it up.

    Args:
        process: the first one, of which all others descend.
        memory: GiB of all together.
        seconds: that it may live.

    Attributes:
        root: where the files of its sandbox are seen, and `init`, the process with which all others of it end.
        reason: why it was ended, "" if it was not.
    """

    def __init__(self, process, memory, seconds):
        super().__init__(daemon=True)
        self.process, self.memory, self.seconds = process, memory, seconds
        self.root = self.init = None
        self.began, self.over, self.reason = time.monotonic(), threading.Event(), ""

    def run(self):
        """Look from time to time."""
        while not self.over.wait(INTERVAL):
            if reason := self.excess():
                self.stop(reason)

    def stop(self, reason):
        """End it for this reason."""
        if not self.over.is_set():
            self.reason = reason
            self.over.set()
            if self.init:
                with contextlib.suppress(psutil.Error):
                    self.init.kill()
            end(self.process)

    def excess(self):
        """What it takes too much of, "" if nothing."""
        # Of thousands of processes, this folder is soon read; the tree is not.
        inside = [name for name in os.listdir(f"{self.root}/proc") if name.isdigit()] if self.root else []
        processes = tree(self.process) if len(inside) <= MOST_PROCESSES else []
        if max(len(inside), len(processes)) > MOST_PROCESSES:
            return f"it starts more than {MOST_PROCESSES} processes"
        if memory(processes, self.memory * GIB):
            return f"it fills the memory of {self.memory:g} GiB"
        if time.monotonic() - self.began > self.seconds:
            return f"the notebook and its checks take more than {self.seconds:.0f} s"
        for disk in ("tmp", "dev/shm") if self.root else ():
            usage = os.statvfs(f"{self.root}/{disk}")
            if usage.f_files - usage.f_ffree > MOST_FILES:
                return f"it makes more than {MOST_FILES:,} files"
        return ""
