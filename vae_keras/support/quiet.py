"""Import TensorFlow without its start-up lines; make sure that Keras and the device are right.

TensorFlow writes those lines straight to file descriptor 2; they tell a student nothing. Whoever
wants them, to see why a GPU is not used, sets TF_CPP_MIN_LOG_LEVEL=0.
"""

import contextlib
import os
import sys


@contextlib.contextmanager
def _silent_stderr():
    try:
        if sys.stderr is not None:  # as it is under pythonw
            sys.stderr.flush()
        kept = os.dup(2)
    # closed, as in a service: TensorFlow has nowhere to write its lines to
    except (OSError, ValueError):
        yield
        return
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "3" and "tensorflow" not in sys.modules:
    with _silent_stderr():
        import tensorflow  # noqa: F401

import keras  # noqa: E402

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        "vae_keras needs Keras on TensorFlow: set KERAS_BACKEND=tensorflow before Keras is "
        f"imported. Received: backend {keras.backend.backend()!r}"
    )

from vae_keras.support.device import check_device_is_seen  # noqa: E402

check_device_is_seen()
