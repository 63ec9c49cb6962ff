"""Kill trainings at random moments and let them go on: `python tools/killed.py --times 20`.

Each must end with the weights, optimizer state and history of the training that nobody killed, bit for bit.
"""

import argparse
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np

from vae_keras import TerminateOnNaN, load_data, make_vae, train

EPOCHS, BATCH_SIZE = 4, 50
POINTS = ("before the first backup", "between two backups", "while a backup is written", "between a backup's files")


def training(folder, x, epochs=EPOCHS):
    """What is killed and made again; returns all that it ends with."""
    import keras  # after vae_keras, which keeps TensorFlow quiet

    keras.utils.set_random_seed(0)
    vae = make_vae()
    history = train(vae, x, epochs, validation_data=x[:50], batch_size=BATCH_SIZE, verbose=False, backup_dir=folder)
    state = {f"weight{i}": weight.numpy() for i, weight in enumerate(vae.weights + vae.optimizer.variables)}
    return state | {name: np.array(values) for name, values in history.history.items()}


def equal(state, other):
    return state.keys() == other.keys() and all(np.array_equal(state[name], other[name]) for name in state)


def die():
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))  # Windows: SIGTERM is as sudden


def die_at(point):
    """Arrange that this process is killed at one of the POINTS of its training."""
    on_train_batch_end, replace = TerminateOnNaN.on_train_batch_end, os.replace
    replaced = []  # state and record of each epoch

    def after_a_batch(self, batch, logs=None):
        on_train_batch_end(self, batch, logs)
        if point == POINTS[0] or len(replaced) == 4:
            die()

    def in_place_of_a_file(new, file):
        if not pathlib.Path(file).name.startswith(("record.json", "state-")):
            return replace(new, file)
        if point == POINTS[2] and len(replaced) == 2:  # the second epoch's state
            with open(new, "rb+") as half:
                half.truncate(os.path.getsize(new) // 2)
            die()
        if point == POINTS[3] and len(replaced) == 3:  # its state is there, and no record names it
            die()
        replaced.append(file)
        return replace(new, file)

    TerminateOnNaN.on_train_batch_end, os.replace = after_a_batch, in_place_of_a_file


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=80, help="on the offline digits, 30 steps each")
    parser.add_argument("--folder", help=argparse.SUPPRESS)  # a process that may be killed
    parser.add_argument("--result", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        (x, _), _ = load_data("digits")
        np.savez(options.result, **training(options.folder, x, options.epochs))
        return
    with tempfile.TemporaryDirectory() as scratch:
        raise SystemExit(compare(pathlib.Path(scratch), options))


def compare(scratch, options):
    """Return the number of trainings that ended otherwise than the one that nobody killed."""

    def start(name):
        arguments = ["--epochs", options.epochs, "--folder", scratch / name, "--result", scratch / f"{name}.npz"]
        return subprocess.Popen([sys.executable, __file__, *map(str, arguments)])

    def result(name):
        with np.load(scratch / f"{name}.npz") as arrays:
            return dict(arrays)

    begin = time.perf_counter()
    assert start("whole").wait() == 0
    seconds, differ = time.perf_counter() - begin, 0
    for i in range(options.times):
        name = f"killed-{i}"
        while True:
            process, moment = start(name), random.uniform(0, seconds)
            time.sleep(moment)
            process.kill()
            if process.wait() != 0:  # and not at its end before
                break
        record = scratch / name / "record.json"
        epochs = len(json.loads(record.read_text())["logs"]) if record.exists() else 0
        assert start(name).wait() == 0
        same = equal(result("whole"), result(name))
        differ += not same
        print(
            f"{i + 1:2d} killed after {moment:5.1f} s, {epochs:3d} epochs: {'equal' if same else 'NOT EQUAL'}",
            flush=True,
        )
    print(f"{options.times - differ} of {options.times} equal, bit for bit")
    return differ


if __name__ == "__main__":
    main()
