"""The process in which one student's notebook runs: it limits itself, then becomes an IPython kernel.

What it sees and reaches is the sandbox's to say (sandbox.py), what all its processes take together the watch's.
"""

import contextlib
import json
import os
import sys

import zmq
from ipykernel.iostream import OutStream
from ipykernel.kernelapp import IPKernelApp

MIB, GIB = 2**20, 2**30
IMAGES = 200  # to train on
MOST_OUTPUT = 1_000_000  # characters of one cell's output that are kept


def limit(memory, cpu):
    """Limit what this process may use: GiB and seconds."""
    import resource

    for name, most in {
        "RLIMIT_DATA": int(memory * GIB),  # not the address space, of which TensorFlow reserves gigabytes
        "RLIMIT_CPU": cpu,
        "RLIMIT_FSIZE": 200 * MIB,
        "RLIMIT_CORE": 0,
        "RLIMIT_NOFILE": 256,  # what waits in a socket takes memory
        "RLIMIT_NPROC": 2_000,  # threads of all processes of a user; in a sandbox its own alone; not root's
    }.items():
        with contextlib.suppress(AttributeError, ValueError, OSError):  # not on this system, or less than it has
            resource.setrlimit(getattr(resource, name), (most, most))


class Output(OutStream):
    """What a cell prints, up to MOST_OUTPUT."""

    left = MOST_OUTPUT

    def set_parent(self, parent):
        """Called when a cell begins."""
        super().set_parent(parent)
        self.left = MOST_OUTPUT

    def write(self, string):
        """Print."""
        if self.left > 0:
            super().write(string[: self.left])
            self.left -= len(string)
        return len(string)


class Kernel(IPKernelApp):
    """IPython's kernel, which loses no message, however slowly the grader reads."""

    def init_iopub(self, context):
        """Open the socket for what cells show."""
        context.setsockopt(zmq.SNDHWM, 0)
        super().init_iopub(context)


def to_json(values):
    """Arguments of an example as JSON: arrays keep their dtype."""
    return json.dumps([{"dtype": str(v.dtype), "array": v.tolist()} if hasattr(v, "dtype") else v for v in values])


def from_json(text):
    """The inverse of `to_json`."""
    import numpy as np

    return tuple(np.array(v["array"], v["dtype"]) if isinstance(v, dict) else v for v in json.loads(text))


class Noted:
    """Notes which functions of the course's package run, in `with`, however they were reached."""

    def __init__(self, package):
        self.folder, self.names = os.path.join(package, ""), set()

    def __enter__(self):
        sys.setprofile(self.note)
        return self.names

    def __exit__(self, *_):
        if sys.getprofile() != self.note:
            self.names.add("sys.setprofile")
        sys.setprofile(None)

    def note(self, frame, event, _):
        """Called by Python for every call."""
        if event == "call" and frame.f_code.co_filename.startswith(self.folder):
            self.names.add(frame.f_code.co_qualname)


def reply(mimetype, task, expression, arguments, stand_ins):
    """Display, as JSON, what the student's answer gives for one example. Nothing that is true stands in this process.

    Args:
        mimetype: of the display, which nobody knew before.
        task: name, such as "hw2.kl".
        expression: the answer's name in the notebook.
        arguments: the file with those of the example, by `to_json`; it is read once and removed.
        stand_ins: {name: expression} of functions that take the place of the student's.
    """
    import keras
    from IPython.core.interactiveshell import InteractiveShell

    import vae_keras

    shell = InteractiveShell.instance()
    own = dict(shell.user_ns)
    with open(arguments, encoding="utf-8") as file:
        given = from_json(file.read())
    os.remove(arguments)
    try:
        shell.user_ns |= {name: eval(of, {"vae_keras": vae_keras, "keras": keras}) for name, of in stand_ins.items()}
        for name in [name for name in sys.modules if name.startswith("vae_keras.homework")]:
            del sys.modules[name]  # the student may have changed it
        from vae_keras.homework import task_of

        try:
            answer = eval(expression, dict(shell.user_ns))
        except NameError:
            result = {"missing": expression}
        else:
            with Noted(os.path.dirname(vae_keras.__file__)) as ran:
                values = task_of(task).values(answer, given)
            if sum(value.size for value in values) > 1_000_000:
                raise ValueError("more than a million numbers")
            numbers = [[list(value.shape), value.ravel().tolist()] for value in values]
            result = {"values": numbers, "ran": sorted(ran)}
    except BaseException as error:  # also SystemExit and KeyboardInterrupt
        result = {"error": type(error).__name__, "text": str(error)[:500]}
    shell.user_ns |= own
    shell.display_pub.publish({mimetype: json.dumps(result)})


def shorten(package):
    """No check asks how well a model is trained: `train` takes one epoch of a few images."""
    whole = package.train

    def train(model, x, epochs=1, *arguments, **options):
        few = {name: values[:IMAGES] for name, values in {"x": x, **options}.items() if name in ("x", "y")}
        return whole(model, few.pop("x"), 1, *arguments, **options | few)

    package.train = train


def main():
    limit(**json.loads(os.environ.pop("GRADING")))
    sys.path[0] = ""  # not the folder of this file
    import vae_keras  # here its seconds count for no student's cell

    shorten(vae_keras)

    sys.modules["vae_grading"] = sys.modules["__main__"]  # where the grader finds `reply`
    Kernel.launch_instance(outstream_class="vae_grading.Output")


if __name__ == "__main__":
    main()
