"""Images per second in training: ours, keras.io's style, PyTorch eager and torch.compile; same network, same batch.

Each round trains every contender once, one after another, and begins with another one than the round before; a
training's first epoch, which compiles, is not counted. A ratio is the median over the rounds of the ratios within a
round. Each contender has a process of its own, which waits while another one trains: in one process, what follows
PyTorch is up to twice as slow.
"""

import shared  # noqa: I001  first: it keeps TensorFlow's start-up lines quiet

import argparse
import concurrent.futures
import contextlib
import itertools
import math
import multiprocessing
import os
import statistics
import time

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from vae_keras import VAE, train

OURS, KERAS, EAGER, COMPILED = "vae_keras", "keras.io's style", "PyTorch eager", "torch.compile"
VARIANTS = {"no XLA": "float32", "XLA": "float32", "mixed_bfloat16": "mixed_bfloat16", "mixed_float16": "mixed_float16"}
"""Other ways to train ours, beside what `train` chooses, and the precision of each."""

IMAGES = {"dense": 59_392, "conv": 24_576}  # in an epoch; multiples of 2,048, so that no batch is short
BATCH_SIZES = (128, 512, 2048)
PLANNED = 30 * 60_000  # images of the whole training, of which some epochs are timed: `train` asks whether XLA pays


class _WithXLA(VAE):
    """A VAE that is compiled with XLA, whatever `train` chooses."""

    xla = True

    def compile(self, *args, **options):
        super().compile(*args, **options | {"jit_compile": self.xla})


class _WithoutXLA(_WithXLA):
    xla = False


KINDS = {"no XLA": _WithoutXLA, "XLA": _WithXLA}


def contender(name, network, x, batch_size, epochs, planned):
    """A function that trains one more epoch than `epochs` and returns the seconds of one, the first left out.

    Ours, and its variants, are the begin of a training of `planned` epochs.
    """
    if name in (EAGER, COMPILED):
        import pytorch_vae

        trainer = pytorch_vae.Trainer(network, x, batch_size, shared.ADAM, name == COMPILED)
        return lambda: sum([trainer.epoch() for _ in range(1 + epochs)][1:]) / epochs
    if name == KERAS:
        vae = shared.plain_vae(network)

        def run():
            clock = shared.Epochs()
            vae.fit(x, epochs=1 + epochs, batch_size=batch_size, callbacks=[clock], verbose=0)
            return sum(clock.seconds[1:]) / epochs
    else:

        def run():
            clock = shared.Epochs(stop_after=1 + epochs)
            keras.config.set_dtype_policy(VARIANTS.get(name, "float32"))
            vae = KINDS.get(name, VAE)(*shared.make_networks(network), likelihood="bernoulli")
            keras.config.set_dtype_policy("float32")
            train(vae, x, planned, batch_size=batch_size, learning_rate=shared.ADAM, verbose=False, callbacks=[clock])
            return sum(clock.seconds[1:]) / epochs

    return run


def process_for(*settings):
    """A process of its own for a contender, made by `prepare` of these settings there; `timed` runs in it."""
    return concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), prepare, settings)


def prepare(name, network, data, quick, count, batch_size, epochs, planned):
    """In a contender's process: load its images and make what `timed` runs."""
    global run
    run = contender(name, network, shared.images(data, quick)[0][:count], batch_size, epochs, planned)


def timed():
    """In a contender's process: train, and return the seconds of one epoch."""
    return run()


def not_to_be_had(name: str) -> str | None:
    """Why a contender must be left out: PyTorch is not installed, or torch.compile finds no compiler."""
    try:
        contender(name, "dense", shared.images("digits", quick=True)[0][:8], 8, 1, 2)()
    except Exception as error:  # torch.compile raises what its compilers raise
        return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
    return None


def flops_per_image(network: str) -> int:
    """Of the layers' matrix products and convolutions, forward and backward; 2 for a multiplication with its addition.

    Backward takes twice as many as forward, once for the weights and once for the layer's input. The first layer
    needs none for its input.
    """
    total = 0
    for number, model in enumerate(shared.make_networks(network)):
        is_first = number == 0
        for layer in model.layers:
            if not layer.weights:
                continue
            kernel = math.prod(layer.kernel.shape)
            if isinstance(layer, keras.layers.Conv2DTranspose):
                positions = math.prod(layer.input.shape[1:3])
            elif isinstance(layer, keras.layers.Conv2D):
                positions = math.prod(layer.output.shape[1:3])
            else:
                positions = 1
            total += 2 * kernel * positions * (2 if is_first else 3)
            is_first = False
    return total


def matrix_product_rate(size: int) -> float:
    """FLOP/s of a product of two square float32 matrices, the best of five."""
    a, product = tf.random.normal((size, size)), tf.function(tf.matmul)
    seconds = []
    for _ in range(6):
        begin = time.perf_counter()
        product(a, a)[0, 0].numpy()
        seconds.append(time.perf_counter() - begin)
    return 2 * size**3 / min(seconds[1:])


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=IMAGES, default=list(IMAGES))
    parser.add_argument("--batch-sizes", nargs="+", type=int, default=BATCH_SIZES)
    parser.add_argument("--variants", nargs="*", choices=VARIANTS, default=[], help="of ours, beside what it chooses")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=2, help="counted in each round, for each contender")
    parser.add_argument("--images", type=int, help=f"in an epoch; else {IMAGES}")
    parser.add_argument("--data", choices=("auto", "mnist", "digits"), default="auto")
    parser.add_argument("--quick", action="store_true", help="a smoke test on a few offline digits, without meaning")
    options = parser.parse_args()
    if options.quick:
        options.batch_sizes, options.rounds, options.epochs = [128], 1, 1
    return options


def main():
    options = parse()
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # else the first process takes a GPU's whole memory
    available = len(shared.images(options.data, options.quick)[0])
    rate = matrix_product_rate(256 if options.quick else 4096)
    pytorch = [EAGER] if options.quick else [EAGER, COMPILED]  # the latter compiles for a minute
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as elsewhere:
        reasons = dict(zip(pytorch, elsewhere.map(not_to_be_had, pytorch), strict=True))
    others = [KERAS, *(name for name in pytorch if not reasons[name])]
    names = [OURS, *options.variants, *others]
    rows, shares = [], []
    cases = list(itertools.product(options.networks, options.batch_sizes))
    progress = tqdm(total=len(cases) * options.rounds * len(names))
    for network, batch_size in cases:
        count = min(available, options.images or IMAGES[network])
        count -= count % batch_size if count > batch_size else 0
        planned = 2 if options.quick else max(1 + options.epochs, PLANNED // count)
        settings = (network, options.data, options.quick, count, batch_size, options.epochs, planned)
        speeds = {name: [] for name in names}  # images per second, one for each round
        with contextlib.ExitStack() as stack:
            processes = {name: stack.enter_context(process_for(name, *settings)) for name in names}
            for number in range(options.rounds):
                first = number % len(names)
                for name in names[first:] + names[:first]:
                    progress.set_description(f"{network}, batch {batch_size}, {name}")
                    speeds[name].append(count / processes[name].submit(timed).result())
                    progress.update()
        ours = np.array(speeds[OURS])
        ratios = [f"{np.median(ours / speeds[name]):.2f} ×" for name in names[1:]]
        best = np.median(ours / np.max([speeds[name] for name in others], axis=0))
        medians = {name: statistics.median(speeds[name]) for name in names}
        rows.append([network, batch_size, *(f"{medians[name]:,.0f}" for name in names), *ratios, f"{best:.2f} ×"])
        flops = flops_per_image(network)
        shares.append([network, batch_size, f"{flops / 1e6:.2f}", *(f"{medians[n] * flops / rate:.0%}" for n in names)])
    progress.close()
    print(f"{shared.machine_line()}\n\nImages per second in training, medians of {options.rounds} rounds:\n")
    against = [f"ours / {name}" for name in names[1:]]
    print(shared.markdown(["network", "batch", *names, *against, "ours / best other"], rows))
    print(f"\nArithmetic rate beside that of a large matrix product, {rate / 1e9:,.0f} GFLOP/s:\n")
    print(shared.markdown(["network", "batch", "MFLOP per image", *names], shares))
    for name in pytorch:
        if reasons[name]:
            print(f"\n{name} is left out. {reasons[name]}")


if __name__ == "__main__":
    main()
