"""Watch what a student's processes take together: no single process's limit says that."""

import contextlib
import math
import os
import threading
import time

import psutil

from grading.kernel import GIB

INTERVAL = 0.1  # seconds
MOST_PROCESSES = 100
MOST_FILES = 50_000  # an empty one takes memory, too


class Tree:
    """The processes that descend from one, and this one."""

    def __init__(self, first):
        self.first = first

    def processes(self):
        """All of them."""
        return [*self.first.children(recursive=True), self.first]

    def memory(self, processes):
        """Bytes that they hold. What they share counts for each."""
        return sum(process.memory_info().rss for process in processes)

    def files(self):
        """How many files they have made: nobody knows."""
        return 0

    def end(self):
        """Kill them."""
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()


class Inside:
    """The processes of a sandbox, by its own /proc: psutil would look at all of the system's, and take too long.

    Args:
        init: the first one, with which all others end.
        root: where the sandbox's files are seen.
    """

    def __init__(self, init, root):
        self.init, self.root = init, root

    def processes(self):
        """All of them, as folders."""
        return [f"{self.root}/proc/{name}" for name in os.listdir(f"{self.root}/proc") if name.isdigit()]

    def memory(self, processes):
        """Bytes that they hold. What they share counts for each: to know better takes seconds if there are many."""
        pages = 0
        for process in processes:
            with contextlib.suppress(OSError), open(f"{process}/statm", encoding="ascii") as file:
                pages += int(file.read().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def files(self):
        """How many files they have made."""
        disks = [os.statvfs(f"{self.root}/{disk}") for disk in ("tmp", "dev/shm")]
        return sum(disk.f_files - disk.f_ffree for disk in disks)

    def end(self):
        """Kill them, and wait until they are gone."""
        with contextlib.suppress(psutil.AccessDenied):  # root can, whom RLIMIT_NPROC does not limit
            self.init.nice(-20)  # else it waits for its turn to die, among thousands
        self.init.kill()
        late = time.monotonic() + 10
        while self.init.status() != psutil.STATUS_ZOMBIE and time.monotonic() < late:
            time.sleep(0.02)


class Watch(threading.Thread):
    """Ends a student's processes when they take more than they may.

    A thread, as the grader's other work shall not hold it up.

    Args:
        place: a Tree, or an Inside.
        memory: GiB of all together.
        seconds: that they may live.

    Attributes:
        began: when their time begins, by `time.monotonic`.
        reason: why they were ended, "" if they were not.
    """

    def __init__(self, place, memory, seconds):
        super().__init__(daemon=True)
        self.place, self.memory, self.seconds = place, memory, seconds
        self.began, self.over, self.reason = math.inf, threading.Event(), ""

    def run(self):
        """Look from time to time."""
        while not self.over.wait(INTERVAL):
            with contextlib.suppress(OSError, psutil.Error):  # what was there may be gone
                if reason := self.excess():
                    self.stop(reason)

    def stop(self, reason):
        """End them for this reason."""
        if not self.over.is_set():
            self.reason = reason
            self.over.set()
            with contextlib.suppress(psutil.Error):
                self.place.end()

    def excess(self):
        """What they take too much of, "" if nothing."""
        processes = self.place.processes()
        if len(processes) > MOST_PROCESSES:
            return f"it starts more than {MOST_PROCESSES} processes"
        if time.monotonic() - self.began > self.seconds:
            return f"the notebook and its checks take more than {self.seconds:.0f} s"
        if self.place.memory(processes) > self.memory * GIB:
            return f"it fills the memory of {self.memory:g} GiB"
        if self.place.files() > MOST_FILES:
            return f"it makes more than {MOST_FILES:,} files"
        return ""
