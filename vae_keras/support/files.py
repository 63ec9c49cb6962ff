"""Files that are written whole or not at all, even if the process is killed or the power fails."""

import contextlib
import errno
import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any


def check_place(file: str | os.PathLike, needed: int = 0) -> None:
    """Raise an OSError where this file cannot be written, before the hours that make it.

    Args:
        file: what shall be written.
        needed: its bytes, as far as they are known.

    Raises:
        FileNotFoundError, IsADirectoryError: no such folder; a folder where the file should be.
        PermissionError: the folder may not be written to.
        OSError: the disk has too little space, or another reason of the system's.
    """
    folder = os.path.dirname(os.path.realpath(file))
    if not os.path.isdir(folder):
        raise FileNotFoundError(
            f"the folder to save in does not exist: make it first. Received: {folder!r}"
        )
    if os.path.isdir(file):
        raise IsADirectoryError(
            f"this is a folder: name a file to write. Received: {os.fspath(file)!r}"
        )
    try:
        with tempfile.TemporaryDirectory(dir=folder):  # as `whole_or_not_at_all` will
            pass
    except OSError as error:  # the system's own words name a folder that nobody has heard of
        raise type(error)(
            "the folder to save in cannot be written to, name another: "
            f"{error.strerror or error}. Received: {folder!r}"
        ) from None
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OSError(
            errno.ENOSPC,
            f"the disk to save on needs {needed / 1e6:,.1f} MB, and {free / 1e6:,.1f} MB are free: "
            f"make room, or name another folder. Received: {folder!r}",
        )


@contextlib.contextmanager
def whole_or_not_at_all(file: str | os.PathLike) -> Iterator[str]:
    """Yield a path beside the file to write to; what is whole then takes its place at once."""
    check_place(file)
    folder, name = os.path.split(os.path.realpath(file))
    with tempfile.TemporaryDirectory(dir=folder, prefix=f".{name}.") as beside:
        new = os.path.join(beside, name)
        yield new
        with open(new, "rb+") as whole:
            os.fsync(whole.fileno())
        os.replace(new, os.path.join(folder, name))


@contextlib.contextmanager
def saved_whole(filepath: Any, endings: tuple[str, ...], overwrite: bool) -> Iterator[Any]:
    """`whole_or_not_at_all` for what Keras saves.

    A path that Keras would refuse, or ask about, is yielded as it is.
    """
    local = isinstance(filepath, (str, os.PathLike)) and "://" not in str(filepath)
    if (
        not local
        or not str(filepath).endswith(endings)
        or (os.path.exists(filepath) and not overwrite)
    ):
        yield filepath
        return
    with whole_or_not_at_all(filepath) as new:
        yield new


def check_save_as(file: Any, model: Any) -> None:
    """Raise ValueError or an OSError where this model cannot be saved, before it is trained."""
    if file is None:
        return
    if not isinstance(file, (str, os.PathLike)) or not os.fspath(file).endswith(".keras"):
        raise ValueError(
            f"save_as must name a file that ends in .keras. Received: save_as={file!r}"
        )
    weights = sum(math.prod(weight.shape) for weight in model.weights)
    try:
        model.get_config()
    except NotImplementedError as error:
        raise ValueError(
            "save_as needs networks that can be saved: write their get_config. "
            f"Received: {str(error).split(chr(10))[0].strip() or type(error).__name__}"
        ) from None
    check_place(file, needed=3 * 4 * weights)  # in float32, with Adam's two moments of each
