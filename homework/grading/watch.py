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
    for _ in range(10):  # what is not in a sandbox may start others meanwhile
        processes = tree(process)
        for one in reversed(processes):  # the first one last: without it, others are no longer known as its children
            with contextlib.suppress(psutil.Error):
                one.kill()
        psutil.wait_procs(processes[1:], timeout=1)
        if len(processes) < 2:
            return


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
        disks: folders whose file systems are the student's own.

    Attributes:
        reason: why it was ended, "" if it was not.
    """

    def __init__(self, process, memory, seconds, disks=()):
        super().__init__(daemon=True)
        self.process, self.memory, self.seconds, self.disks = process, memory, seconds, disks
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
            end(self.process)

    def excess(self):
        """What it takes too much of, "" if nothing."""
        processes = tree(self.process)
        if len(processes) > MOST_PROCESSES:
            return f"it starts more than {MOST_PROCESSES} processes"
        if memory(processes, self.memory * GIB):
            return f"it fills the memory of {self.memory:g} GiB"
        if time.monotonic() - self.began > self.seconds:
            return f"the notebook and its checks take more than {self.seconds:.0f} s"
        for disk in self.disks:
            with contextlib.suppress(OSError):
                usage = os.statvfs(disk)
                if usage.f_files - usage.f_ffree > MOST_FILES:
                    return f"it makes more than {MOST_FILES:,} files"
        return ""
