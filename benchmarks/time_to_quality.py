"""Seconds of training until a 2-d VAE of MNIST is good: ours against the network and settings of keras.io's example.

Good is a held-out loss, cross-entropy on grey pixels + KL, in nats per image. Both train on the training images of the
same run, by turns: keras.io's ten epochs, all of ours, keras.io's next ten … The clock runs while a model is built,
compiled and trained, and stands still while it is evaluated on the held-out images. Ours is the default network,
trained by `train`; its learning rate rises for a tenth of the steps and falls along half a cosine.
"""

import shared  # noqa: I001  first: it keeps TensorFlow's start-up lines quiet

import argparse
import itertools
import math
import statistics
import sys
import time

import keras
import numpy as np
import tensorflow as tf

from vae_keras import bernoulli_loss, kl_divergence, make_vae, train

OWN = "its own"  # keras.io's model's loss after its last epoch
TARGETS = {OWN: (1, 60, 1e-2), 146.0: (3, 80, 8e-3), 142.0: (6, 100, 6e-3)}
"""What is to be reached → epochs, batch size and peak learning rate of our training: it is planned for its target."""

WARM_UP = 0.1  # of the steps

TURNS = 3


class Curve(keras.callbacks.Callback):
    """Held-out loss after each epoch, and the seconds until then without those of evaluating."""

    def __init__(self, held_out, limit=None):
        super().__init__()
        self.held_out, self.limit = held_out, limit
        self.seconds, self.losses, self.elapsed = [], [], 0.0

    def start(self):
        self.begin = time.perf_counter()

    def stop(self):
        self.elapsed += time.perf_counter() - self.begin

    def on_epoch_end(self, epoch, logs=None):
        self.stop()
        self.seconds.append(self.elapsed)
        self.losses.append(self.held_out(self.model))
        if self.limit and self.elapsed >= self.limit:
            self.model.stop_training = True
        self.start()

    def reached(self, target):
        """Seconds until the loss was first at most `target`; None if it never was."""
        return next((s for s, loss in zip(self.seconds, self.losses, strict=True) if loss <= target), None)


def held_out_loss(x, from_logits):
    """A function of a model: mean loss over the images x, in nats, for one draw of z that is the same each time."""
    noise = np.random.default_rng(0).standard_normal((len(x), 2)).astype("float32")

    def loss(model):
        total = 0.0
        for i in range(0, len(x), 1000):
            images = x[i : i + 1000]
            mean, log_var = model.encoder(images)
            pixels = model.decoder(mean + tf.exp(log_var / 2) * noise[i : i + 1000])
            if from_logits:
                reconstruction = bernoulli_loss(images, pixels)
            else:
                reconstruction = tf.reduce_sum(keras.losses.binary_crossentropy(images, pixels), axis=(1, 2))
            total += float(tf.reduce_sum(reconstruction + kl_divergence(mean, log_var)))
        return total / len(x)

    return loss


def ours(x_train, held_out, recipe, seed, limit=None):
    """One training of our default model, from nothing; its curve."""
    keras.utils.set_random_seed(seed)
    epochs, batch_size, peak = recipe
    steps = epochs * math.ceil(len(x_train) / batch_size)
    rising = int(WARM_UP * steps)
    schedule = keras.optimizers.schedules.CosineDecay(0.0, steps - rising, warmup_target=peak, warmup_steps=rising)
    curve = Curve(held_out, limit)
    curve.start()
    vae = make_vae(likelihood="bernoulli", seed=seed)
    train(vae, x_train, epochs, batch_size=batch_size, learning_rate=schedule, verbose=False, callbacks=[curve])
    return curve


def epochs_within(limit, curve):
    """How many epochs fit into `limit` seconds, by what another training of the same batch size needed."""
    first, rest = curve.seconds[0], np.diff(curve.seconds)
    return max(1, int(1 + (limit - first) / (np.median(rest) if len(rest) else first)))


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=30, help=f"of keras.io's model, in {TURNS} turns (default 30)")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for the best value (default 60)")
    parser.add_argument("--data", choices=("auto", "mnist", "digits"), default="auto")
    parser.add_argument("--quick", action="store_true", help="a smoke test on a few offline digits, without meaning")
    options = parser.parse_args()
    if options.epochs < TURNS:
        parser.error(f"--epochs must be at least {TURNS}. Received: {options.epochs}")
    if options.quick:
        options.epochs, options.limit = TURNS, 2.0
    return options


def main():
    options = parse()
    x_train, x_test = shared.images(options.data, options.quick)
    targets = {OWN: (2, 64, 3e-3)} if options.quick else TARGETS
    held_out, curves = held_out_loss(x_test, from_logits=True), {target: [] for target in targets}
    theirs, vae = Curve(held_out_loss(x_test, from_logits=False)), None
    ends = [options.epochs * turn // TURNS for turn in range(TURNS + 1)]
    keras.utils.set_random_seed(0)
    for turn, (first, last) in enumerate(itertools.pairwise(ends)):
        theirs.start()
        vae = vae or shared.plain_vae("conv")
        vae.fit(x_train, batch_size=128, initial_epoch=first, epochs=last, callbacks=[theirs], verbose=0)
        theirs.stop()
        progress(f"turn {turn + 1} of {TURNS}, keras.io's {last} epochs", theirs)
        for target, recipe in targets.items():
            curves[target].append(ours(x_train, held_out, recipe, seed=turn))
            progress(f"turn {turn + 1} of {TURNS}, ours for {target}", curves[target][-1])
    longest = max(targets, key=targets.get)
    epochs = epochs_within(options.limit, curves[longest][-1])
    best = ours(x_train, held_out, (epochs, *targets[longest][1:]), TURNS, options.limit)
    progress("ours within the limit", best)

    rows = []
    for target, recipe in targets.items():
        nats = theirs.losses[-1] if target == OWN else target
        needed, reached = theirs.reached(nats), [curve.reached(nats) for curve in curves[target]]
        median = statistics.median(math.inf if seconds is None else seconds for seconds in reached)
        name = f"keras.io's after {options.epochs} epochs, {nats:.1f}" if target == OWN else f"{nats:.1f}"
        rows.append([name, shown(needed), shown(median), ratio(needed, median, theirs.seconds[-1]), *recipe])
    columns = ["held-out nats", "keras.io's", "ours, median", "ratio", "our epochs", "batch", "peak learning rate"]
    within = [(loss, second) for loss, second in zip(best.losses, best.seconds, strict=True) if second <= options.limit]
    print(f"{shared.machine_line()}\n\nSeconds of training, compilation included, {len(x_train):,} images:\n")
    print(shared.markdown(columns, rows))
    if within:
        loss, second = min(within)
        print(f"\nThe best held-out loss of ours within {options.limit:g} s: {loss:.1f} nats, after {second:.1f} s.")


def progress(who, curve):
    print(f"{who}: {curve.losses[-1]:.1f} nats, {curve.seconds[-1]:.1f} s", file=sys.stderr, flush=True)


def shown(value):
    return "not reached" if value in (None, math.inf) else f"{value:.1f} s"


def ratio(needed, median, whole):
    """How much sooner ours is; where keras.io's never arrives, more than by its whole training."""
    if median == math.inf:
        return "–"
    return f"{needed / median:.1f} ×" if needed else f"> {whole / median:.1f} ×"


if __name__ == "__main__":
    main()
