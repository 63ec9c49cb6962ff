"""What one image costs in training, and how much memory a training takes, from 1,797 images to a million on disk.

The images stand in one TFRecord file and are streamed through tf.data into `fit`. They are the training images, over
and over: a step takes as long on any image. Each size trains in a process of its own, so that its memory is its own,
and the sizes take turns. A plot, where asked for, shows both, with axes from zero.
"""

import shared  # noqa: I001  first: it keeps TensorFlow's start-up lines quiet

import argparse
import json
import math
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import keras
import psutil
import tensorflow as tf
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from vae_keras import make_vae

BATCH = 125
SIZES = (1_797, 10_000, 60_000, 250_000, 1_000_000)


def write_records(file: str, count: int, quick: bool, name: str) -> None:
    """`count` images, one byte for a pixel, as TFRecords."""
    x, _ = shared.images(name, quick)
    records = [(255 * image).round().astype("uint8").tobytes() for image in x]
    with tf.io.TFRecordWriter(file) as writer:
        for i in range(count):
            writer.write(records[i % len(records)])


def streamed(file, count):
    """Batches `(125, 28, 28, 1)` of the first `count` images of a file, in a new order in each epoch."""

    def decoded(records):
        return tf.reshape(tf.cast(tf.io.decode_raw(records, "uint8"), "float32") / 255, (BATCH, *shared.IMAGE_SHAPE))

    records = tf.data.TFRecordDataset(file).take(count).shuffle(10_000)
    batches = records.batch(BATCH, drop_remainder=True).map(decoded, num_parallel_calls=tf.data.AUTOTUNE)
    return batches.apply(tf.data.experimental.assert_cardinality(count // BATCH)).prefetch(8)


def measure(file: str, count: int, at_least: int) -> dict:
    """Train on `count` images for whole epochs, at least `at_least` images in all, after a first, short fit.

    Returns:
        seconds for an image, and the peak memory of this process in bytes, sampled after every few steps.
    """
    process, peak = psutil.Process(), 0

    def sample(*_, **__):
        nonlocal peak
        peak = max(peak, process.memory_info().rss)

    steps, epochs = count // BATCH, math.ceil(at_least / count)
    execution = min(15, steps)
    vae = make_vae(likelihood="bernoulli")
    vae.compile(keras.optimizers.Adam(1e-3), steps_per_execution=execution)
    vae.fit(streamed(file, execution * BATCH), verbose=0)  # compiles
    callback = keras.callbacks.LambdaCallback(on_train_batch_end=sample)
    begin = time.perf_counter()
    vae.fit(streamed(file, count), epochs=epochs, verbose=0, callbacks=[callback])
    return {"seconds": (time.perf_counter() - begin) / (epochs * steps * BATCH), "peak": peak}


def measure_alone(file: str, count: int, at_least: int) -> dict:
    """`measure` in a process of its own."""
    command = [sys.executable, __file__, "--records", file, "--sizes", str(count), "--at-least", str(at_least)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])


def plot(sizes, rows, held, file):
    """Cost of an image and peak memory against the number of images; both axes from zero."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    axes = figure.subplots(1, 2)
    for axis, values, label in zip(axes, rows, ("µs for an image", "peak memory, GB"), strict=True):
        axis.plot(sizes, values, "o-", label="streamed from disk")
        axis.set(xlabel="images in the training set", ylabel=label)
        axis.set_xlim(0, 1.05 * max(sizes))
        axis.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axis.xaxis.set_major_locator(MaxNLocator(5))
    axes[1].plot(sizes, held, ":", color="gray", label="the images as float32")
    axes[1].legend()
    for axis in axes:
        axis.set_ylim(0, 1.15 * axis.get_ylim()[1])
    figure.savefig(file, dpi=150)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plot", nargs="?", type=pathlib.Path, help="a file for the plot, such as growth.png")
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES, help=f"images, each at least {BATCH}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--at-least", type=int, default=60_000, help="images that each training sees (default 60,000)")
    parser.add_argument("--data", choices=("auto", "mnist", "digits"), default="auto")
    parser.add_argument("--quick", action="store_true", help="a smoke test on a few offline digits, without meaning")
    parser.add_argument("--records", help=argparse.SUPPRESS)  # `measure_alone` gives it
    options = parser.parse_args()
    if min(options.sizes) < BATCH:
        parser.error(f"--sizes must be at least {BATCH}, one batch. Received: {min(options.sizes)}")
    if options.quick and not options.records:
        options.sizes, options.rounds, options.at_least = (250, 500), 1, 500
    return options


def main():
    options = parse()
    if options.records:
        return print(json.dumps(measure(options.records, options.sizes[0], options.at_least)))

    results = {size: [] for size in options.sizes}
    with tempfile.TemporaryDirectory() as folder:
        file = str(pathlib.Path(folder, "images.tfrecord"))
        write_records(file, max(options.sizes), options.quick, options.data)
        for number in range(options.rounds):
            for size in options.sizes:
                done = measure_alone(file, size, options.at_least)
                results[size].append(done)
                turn = f"round {number + 1} of {options.rounds}, {size:,} images"
                print(f"{turn}: {1e6 * done['seconds']:.0f} µs an image", file=sys.stderr, flush=True)
    cost = [1e6 * statistics.median(one["seconds"] for one in results[size]) for size in options.sizes]
    peak = [max(one["peak"] for one in results[size]) / 1e9 for size in options.sizes]
    held = [size * math.prod(shared.IMAGE_SHAPE) * 4 / 1e9 for size in options.sizes]

    print(f"{shared.machine_line()}\n\nOne image in training, medians of {options.rounds} rounds, streamed:\n")
    rows = [
        [f"{size:,}", f"{c:.1f}", f"{c / cost[0]:.2f}", f"{p:.2f}", f"{h:.2f}"]
        for size, c, p, h in zip(options.sizes, cost, peak, held, strict=True)
    ]
    columns = ["images", "µs an image", "of the first row's", "peak memory, GB", "the images as float32, GB"]
    print(shared.markdown(columns, rows))
    if options.plot:
        plot(options.sizes, (cost, peak), held, options.plot)


if __name__ == "__main__":
    main()
