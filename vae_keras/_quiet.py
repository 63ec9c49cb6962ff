"""Import TensorFlow without the start-up lines that it writes straight to file descriptor 2.

They tell a student nothing. Whoever wants them, to see why a GPU is not used, sets TF_CPP_MIN_LOG_LEVEL=0.
"""

import contextlib
import os
import sys


@contextlib.contextmanager
def _silent_stderr():
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


if "TF_CPP_MIN_LOG_LEVEL" not in os.environ and "tensorflow" not in sys.modules:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    with _silent_stderr():
        import tensorflow  # noqa: F401
