"""Files that are written whole or not at all, even if the process is killed or the machine loses its power."""

import contextlib
import math
import os
import tempfile
from collections.abc import Iterator
from typing import Any


def check_place(file: str | os.PathLike) -> None:
    """Raise FileNotFoundError or IsADirectoryError where no file can be written."""
    folder = os.path.dirname(os.path.realpath(file))
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"the folder to save in does not exist: make it first. Received: {folder!r}")
    if os.path.isdir(file):
        raise IsADirectoryError(f"this is a folder: name a file to write. Received: {os.fspath(file)!r}")


@contextlib.contextmanager
def whole_or_not_at_all(file: str | os.PathLike) -> Iterator[str]:
    """Yield a path beside the file to write to; what is whole then takes the file's place at once."""
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
    """`whole_or_not_at_all` for what Keras saves; a path that it would refuse, or ask about, it is given as it is."""
    local = isinstance(filepath, (str, os.PathLike)) and "://" not in str(filepath)
    if not local or not str(filepath).endswith(endings) or (os.path.exists(filepath) and not overwrite):
        yield filepath
        return
    with whole_or_not_at_all(filepath) as new:
        yield new


def check_save_as(file: Any, model: Any) -> None:
    """Raise an error where this model cannot be saved, before it is trained: ValueError, or an OSError."""
    if file is None:
        return
    if not isinstance(file, (str, os.PathLike)) or not os.fspath(file).endswith(".keras"):
        raise ValueError(f"save_as must name a file that ends in .keras. Received: save_as={file!r}")
    check_place(file, needed=4 * sum(math.prod(weight.shape) for weight in model.weights) * 3)  # Adam's, too
