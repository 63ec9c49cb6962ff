"""The process in which one student's notebook runs: it limits itself, then becomes an IPython kernel.

What it sees and reaches is the sandbox's to say (sandbox.py), what all its processes take together the watch's.
"""

import contextlib
import json
import os
import sys

MIB, GIB = 2**20, 2**30


def limit(memory, cpu):
    """Limit what this process may use: GiB and seconds."""
    import resource

    for name, most in {
        "RLIMIT_DATA": int(memory * GIB),  # not the address space, of which TensorFlow reserves gigabytes
        "RLIMIT_CPU": cpu,
        "RLIMIT_FSIZE": 200 * MIB,
        "RLIMIT_CORE": 0,
        "RLIMIT_NOFILE": 1_024,  # what is written to a pipe takes memory
        "RLIMIT_NPROC": 2_000,  # threads of all processes of a user, in a sandbox of its own only; not root's
    }.items():
        with contextlib.suppress(AttributeError, ValueError, OSError):  # not on this system, or less than it has
            resource.setrlimit(getattr(resource, name), (most, most))


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
    limit(**json.loads(os.environ.pop("GRADING")))
    sys.path[0] = ""  # not the folder of this file
    from ipykernel.kernelapp import launch_new_instance

    import vae_keras  # noqa: F401  here its seconds count for no student's cell

    sys.modules["vae_grading"] = sys.modules["__main__"]  # where the grader finds `reply`
    launch_new_instance()


if __name__ == "__main__":
    main()
