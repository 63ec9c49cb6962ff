"""Trains what the literature reports, as it reports it, and prints one table: published, ours, difference, time.

    python benchmarks/reproduce.py --rows davidson-2d davidson-5d
    python benchmarks/reproduce.py --short --data digits

A row that was killed goes on, when started again, from the last epoch that it finished; a row that is done is not
trained again. Both are kept in `--folder`. Numbers are nats per held-out image.

"Dynamic" binarization draws each pixel anew, black or white, for each epoch, with its grey value as the probability of
white. Here the draw derives from (seed, step), so a run repeats exactly; held-out images are binarized once.

Sources: Davidson et al. 2018, "Hyperspherical Variational Auto-Encoders", table 1; Burda et al. 2016, "Importance
Weighted Autoencoders", table 1 and section 5; Rybkin et al. 2021, "Simple and Effective VAE Training with Calibrated
Decoders", for the learned sigma.
"""

import argparse
import dataclasses
import json
import math
import os
import pathlib
import platform
import time
import types

import vae_keras  # isort: skip  first: it keeps TensorFlow's start-up lines quiet
import keras
import numpy as np
import tensorflow as tf
from keras import layers
from tqdm import tqdm

from vae_keras import IWAE, VAE, active_units, elbo, kl_divergence, load_data, log_likelihood
from vae_keras.support.backup import Backup
from vae_keras.support.batches import shuffled_batches
from vae_keras.support.checks import whole_number
from vae_keras.support.files import whole_or_not_at_all
from vae_keras.support.finite import TerminateOnNaN
from vae_keras.support.progress import ProgressLine
from vae_keras.training import compile_for

IMAGE_SHAPE = (28, 28, 1)
SHORT = 2  # epochs of --short


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a source trains. The decoder mirrors the encoder's hidden layers."""

    units: tuple[int, ...]
    activation: str
    epochs: int  # at most
    batch_size: int
    likelihood: str = "bernoulli"  # on binarized images; "gaussian" on grey ones
    warm_up: int = 0  # epochs in which beta rises to 1
    patience: int | None = None  # epochs without a better held-out loss, after which training stops
    falling: bool = False  # the learning rate, by Burda's schedule
    epsilon: float = 1e-7  # Adam's
    samples: int = 500  # of the log-likelihood


DAVIDSON = Recipe((256, 128), "relu", epochs=1000, batch_size=64, warm_up=100, patience=50)
BURDA = Recipe((200, 200), "tanh", epochs=3280, batch_size=20, falling=True, epsilon=1e-4, samples=5000)
COURSE = Recipe((512, 256), "gelu", epochs=10, batch_size=125, likelihood="gaussian")


@dataclasses.dataclass(frozen=True)
class Row:
    recipe: Recipe
    latent_dim: int
    published: dict[str, float | None]  # None: no source has it
    options: dict = dataclasses.field(default_factory=dict)  # of VAE, or of IWAE where they name samples


ROWS = {
    "davidson-2d": Row(DAVIDSON, 2, {"LL": -135.73, "ELBO": -137.08, "reconstruction": -129.84, "KL": 7.24}),
    "davidson-5d": Row(DAVIDSON, 5, {"LL": -110.21}),
    "davidson-10d": Row(DAVIDSON, 10, {"LL": -93.84}),
    "davidson-20d": Row(DAVIDSON, 20, {"LL": -88.90}),
    "burda-50d": Row(BURDA, 50, {"LL": -86.76, "active units": 19}),
    "burda-50d-iwae-5": Row(BURDA, 50, {"LL": -85.54, "active units": 22}, {"samples": 5}),
    "burda-50d-iwae-50": Row(BURDA, 50, {"LL": -84.78, "active units": 25}, {"samples": 50}),
    "gaussian-2d": Row(COURSE, 2, {"½‖x − x̂‖²/σ²": 17.8, "KL": 3.3, "ELBO": None}),
    "gaussian-30d": Row(COURSE, 30, {"½‖x − x̂‖²/σ²": 13.3, "KL": 5.9, "active units": 6, "ELBO": None}),
    "gaussian-30d-sigma-0.25": Row(
        COURSE, 30, {"½‖x − x̂‖²/σ²": 61.7, "KL": 38.9, "active units": 30, "ELBO": None}, {"sigma": 0.25}
    ),
    "gaussian-2d-learned": Row(COURSE, 2, {"sigma": None, "KL": None, "ELBO": None}, {"sigma": "learned"}),
    "gaussian-30d-learned": Row(
        COURSE, 30, {"sigma": None, "KL": None, "active units": None, "ELBO": None}, {"sigma": "learned"}
    ),
}


def make_model(row: Row, seed: int) -> VAE:
    """The row's VAE or IWAE, with weights that derive from the seed."""
    keras.utils.set_random_seed(seed)
    recipe = row.recipe
    x = images = keras.Input(IMAGE_SHAPE)
    x = layers.Flatten()(x)
    for units in recipe.units:
        x = layers.Dense(units, recipe.activation)(x)
    encoder = keras.Model(images, [layers.Dense(row.latent_dim, name=head)(x) for head in ("mean", "log_var")])
    x = z = keras.Input((row.latent_dim,))
    for units in reversed(recipe.units):
        x = layers.Dense(units, recipe.activation)(x)
    decoder = keras.Model(z, layers.Reshape(IMAGE_SHAPE)(layers.Dense(math.prod(IMAGE_SHAPE))(x)))
    kind = IWAE if "samples" in row.options else VAE
    return kind(encoder, decoder, likelihood=recipe.likelihood, seed=seed, **row.options)


def binarized(x: np.ndarray, seed: int) -> np.ndarray:
    """Grey images, binarized once."""
    return (np.random.default_rng(seed).random(x.shape, "float32") < x).astype("float32")


def binarized_batches(x: np.ndarray, batch_size: int, seed: int, step: tf.Variable) -> tf.data.Dataset:
    """An epoch of batches; its order and its black and white derive from the seed and the step at which it begins."""

    def binarize(i, grey):
        noise = tf.random.stateless_uniform(tf.shape(grey), (seed + 1, step + i), alg="philox")
        return tf.cast(noise < grey, "float32")

    batches = shuffled_batches(x, batch_size, seed, step).enumerate().map(binarize).prefetch(64)
    batches.is_checked = True  # which saves `fit` to look at every batch again
    return batches


def learning_rate(recipe: Recipe, epochs: int, steps: int) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """1e-3; or Burda's 1e-3 · 10^(−i/7) for 3^i epochs, i = 0 to 7, in shares of the epochs there are."""
    if not recipe.falling:
        return 1e-3
    ends = np.cumsum(3.0 ** np.arange(8)) / 3280 * epochs * steps
    rates = [1e-3 * 10 ** (-i / 7) for i in range(8)]
    return keras.optimizers.schedules.PiecewiseConstantDecay([int(end) for end in ends[:-1]], rates)


class Course(keras.callbacks.Callback):
    """What changes from epoch to epoch. All of it derives from the epoch, the step and the backup's logs."""

    def __init__(self, recipe, epochs, backup, step):
        super().__init__()
        self.backup, self.step, self.patience = backup, step, recipe.patience
        self.warm_up = min(recipe.warm_up, epochs // 2)
        self.best = backup.folder / "best.weights.h5"

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.perf_counter()
        self.step.assign(self.model.optimizer.iterations.numpy())
        self.model.beta = min(1.0, (epoch + 1) / (self.warm_up + 1))

    def on_epoch_end(self, epoch, logs=None):
        logs["seconds"] = time.perf_counter() - self.started  # the backup adds them up over several starts
        if self.patience is None:
            return
        losses = [*(earlier["val_loss"] for earlier in self.backup.logs), logs["val_loss"]][self.warm_up :]
        if losses and losses[-1] == min(losses):
            self.model.save_weights(self.best)
        if losses and len(losses) - 1 - int(np.argmin(losses)) >= self.patience:
            self.model.stop_training = True


def fit(name: str, vae: VAE, x: np.ndarray, recipe: Recipe, epochs: int, seed: int, folder: pathlib.Path) -> dict:
    """Train on binarized images; return the number of epochs and the seconds they took, earlier starts included."""
    held_out = max(1, len(x) // 6) if recipe.patience else 0  # MNIST's usual 50,000 and 10,000
    x, x_held_out = x[: len(x) - held_out], x[len(x) - held_out :]
    steps = -(-len(x) // recipe.batch_size)
    rate = learning_rate(recipe, epochs, steps)
    compile_for(vae, keras.optimizers.Adam(rate, epsilon=recipe.epsilon), rate, steps, epochs)
    backup = Backup(folder, {"row": name, "epochs": epochs, "seed": seed, "images": len(x)})
    done = backup.restore(vae, types.SimpleNamespace(seed=seed))
    step = tf.Variable(0, dtype="int64")
    course = Course(recipe, epochs, backup, step)
    vae.fit(
        binarized_batches(x, recipe.batch_size, seed, step),
        epochs=epochs,
        initial_epoch=done,
        shuffle=False,  # the batches are
        validation_data=binarized(x_held_out, seed) if held_out else None,
        validation_batch_size=1000,
        callbacks=[course, TerminateOnNaN(), backup, ProgressLine(name, epochs, done)],
        verbose=0,
    )
    if course.best.exists():
        vae.load_weights(course.best)
    return {"epochs": len(backup.logs), "seconds": sum(logs["seconds"] for logs in backup.logs)}


def measure(vae: VAE, x: np.ndarray, wanted: list[str], samples: int) -> dict[str, float]:
    """What a row reports, on held-out images."""
    kl = float(np.mean(kl_divergence(*vae.encode(x))))
    bound = elbo(vae, x, samples=10, seed=0) if {"ELBO", "reconstruction", "½‖x − x̂‖²/σ²"} & set(wanted) else 0.0
    constant = 0.5 * math.prod(IMAGE_SHAPE) * np.log(2 * np.pi * float(vae.sigma) ** 2)
    parts = tqdm(np.array_split(x, -(-len(x) // 1000)), desc="log-likelihood", leave=False, disable="LL" not in wanted)
    measures = {
        "LL": lambda: np.average(
            [log_likelihood(vae, part, samples, seed=i) for i, part in enumerate(parts)],
            weights=[len(part) for part in np.array_split(x, -(-len(x) // 1000))],
        ),
        "ELBO": lambda: bound,
        "reconstruction": lambda: bound + kl,
        "½‖x − x̂‖²/σ²": lambda: -(bound + kl) - constant,
        "KL": lambda: kl,
        "sigma": lambda: vae.sigma,
        "active units": lambda: active_units(vae, x),
    }
    return {name: float(measures[name]()) for name in wanted}


def run(name: str, options: argparse.Namespace) -> dict:
    """Train and measure one row, or return what is kept of it."""
    row, recipe = ROWS[name], ROWS[name].recipe
    epochs = SHORT if options.short else min(options.epochs or recipe.epochs, recipe.epochs)
    samples = 10 if options.short else recipe.samples
    folder = options.folder / f"{name}-{options.data}-{epochs}-epochs-{samples}-samples-seed-{options.seed}"
    if (folder / "result.json").exists():
        return json.loads((folder / "result.json").read_text())
    folder.mkdir(parents=True, exist_ok=True)
    (x_train, _), (x_test, _) = load_data(options.data)
    vae = make_model(row, options.seed)
    if recipe.likelihood == "gaussian":  # a minute: where it is killed, it starts anew
        vae.name, started = name, time.perf_counter()
        vae_keras.train(vae, x_train, epochs=epochs, batch_size=recipe.batch_size, seed=options.seed)
        trained = {"epochs": epochs, "seconds": time.perf_counter() - started}
    else:
        trained = fit(name, vae, x_train, recipe, epochs, options.seed, folder)
        x_test = binarized(x_test, options.seed)
    result = {**trained, "of": recipe.epochs, "ours": measure(vae, x_test, list(row.published), samples)}
    with whole_or_not_at_all(folder / "result.json") as file:
        pathlib.Path(file).write_text(json.dumps(result))
    return result


def table(results: dict[str, dict], data: str) -> str:
    """The results as a Markdown table. What was published is of MNIST: beside other images, it is left out."""
    lines = ["| row | measure | published | ours | difference | epochs, at most | time |", "|---" * 7 + "|"]
    for name, result in results.items():
        for i, (measure_name, published) in enumerate(ROWS[name].published.items()):
            ours = result["ours"][measure_name]
            comparable = published is not None and data == "mnist"
            values = [published, ours, ours - published] if comparable else [None, ours, None]
            known = ["–" if value is None else f"{value:.2f}" for value in values]
            cost = [f"{result['epochs']}, {result['of']}", f"{result['seconds'] / 60:.1f} min"] if i == 0 else ["", ""]
            lines.append(f"| {' | '.join([name if i == 0 else '', measure_name, *known, *cost])} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), help="all, unless named", metavar="ROW")
    parser.add_argument("--short", action="store_true", help=f"{SHORT} epochs, few samples: to see that it works")
    parser.add_argument("--epochs", type=lambda text: whole_number(int(text), "epochs"), help="at most as many")
    parser.add_argument("--data", choices=("mnist", "digits"), default="mnist")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--folder", type=pathlib.Path, default=pathlib.Path("reproduced"), help="what is kept, and where"
    )
    options = parser.parse_args(arguments)
    results = {}
    for name in options.rows:
        results[name] = run(name, options)
        print(table({name: results[name]}, options.data), flush=True)
    print(f"\n{options.data}, seed {options.seed}; {platform.machine()}, {os.cpu_count()} CPUs, ", end="")
    print(f"{len(tf.config.list_physical_devices('GPU'))} GPUs; Python {platform.python_version()}, ", end="")
    print(f"TensorFlow {tf.__version__}, Keras {keras.__version__}\n\n{table(results, options.data)}")


if __name__ == "__main__":
    main()
