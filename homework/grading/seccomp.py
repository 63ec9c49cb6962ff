"""System calls that a sandbox refuses: those by which memory is held that no process shows, so that no watch sees it.

That is System V memory and messages, `memfd_create`, and anonymous memory that is shared and then given back.
Source: docs.kernel.org/userspace-api/seccomp_filter.html; numbers: the kernel's syscall tables.
"""

import errno
import platform
import struct
import sys

# Of each machine: its audit number, and the calls memfd_create, memfd_secret, shmget, msgget, mq_open; mmap.
MACHINES = {
    "x86_64": (0xC000003E, (319, 447, 29, 68, 240), 9),
    "aarch64": (0xC00000B7, (279, 447, 194, 186, 180), 222),
}
LOAD, AND, EQUAL, AT_LEAST, RETURN = 0x20, 0x54, 0x15, 0x35, 0x06  # instructions
NUMBER, MACHINE, FLAGS = 0, 4, 40  # places in what the filter is given; FLAGS is mmap's fourth argument
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EPERM
SHARED_ANONYMOUS = 0x01 | 0x20
OTHER_NUMBERS = 0x40000000  # x86 has a second set of calls


def program():
    """The filter, as Linux reads it; b"" for another machine."""
    if sys.platform != "linux" or platform.machine() not in MACHINES:
        return b""
    machine, refused, mmap = MACHINES[platform.machine()]
    steps = [(LOAD, 0, 0, MACHINE), (EQUAL, 1, 0, machine), (RETURN, 0, 0, KILL), (LOAD, 0, 0, NUMBER)]
    steps += [(AT_LEAST, 0, 1, OTHER_NUMBERS), (RETURN, 0, 0, REFUSE)]
    for number in refused:
        steps += [(EQUAL, 0, 1, number), (RETURN, 0, 0, REFUSE)]
    steps += [(EQUAL, 1, 0, mmap), (RETURN, 0, 0, ALLOW)]
    steps += [(LOAD, 0, 0, FLAGS), (AND, 0, 0, SHARED_ANONYMOUS), (EQUAL, 0, 1, SHARED_ANONYMOUS)]
    steps += [(RETURN, 0, 0, REFUSE), (RETURN, 0, 0, ALLOW)]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
