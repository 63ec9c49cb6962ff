"""Train `load_pretrained`'s models, each from its recipe and one seed, into files beside this one.

    python -m vae_keras.pretrained.make

It takes a few minutes, and needs MNIST and a checkout without uncommitted changes to the package:
the files name its commit. Each recipe is also trained on the offline digits, and what comes out is
recorded, so that a test without MNIST can train it again and compare.
"""

import json
import pathlib
import platform
import subprocess
import sys
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from vae_keras.data import load_data
from vae_keras.models import VAE, Autoencoder
from vae_keras.pretrained import FOLDER, MAKERS, NAMES, load_pretrained
from vae_keras.support.files import whole_or_not_at_all
from vae_keras.training import train

SEED = 0
RECIPES: dict[str, dict[str, Any]] = {  # as in notebook 04
    "vae-2d": {
        "model": "VAE",
        "options": {"latent_dim": 2, "likelihood": "bernoulli", "seed": SEED},
    },
    "vae-16d": {"model": "VAE", "options": {"latent_dim": 16, "sigma": 0.3, "seed": SEED}},
    "ae-16d": {"model": "Autoencoder", "options": {"latent_dim": 16}},
}
TRAINING: dict[str, dict[str, Any]] = {
    "mnist": {"epochs": 7, "batch_size": 125, "learning_rate": 3e-3, "seed": SEED},
    "digits": {"epochs": 30, "batch_size": 50, "learning_rate": 3e-3, "seed": SEED},
}
LEVELS = 100  # a matrix is kept in whole numbers from −100 to 100


def train_recipe(name: str, data: str = "mnist") -> tuple[VAE | Autoencoder, float]:
    """Train a model from its recipe; return it and the mean training loss of its first epoch."""
    keras.utils.set_random_seed(SEED)  # the weights to start from
    recipe = RECIPES[name]
    model = MAKERS[recipe["model"]](name=name, **recipe["options"])
    (x, _), _ = load_data(data)
    history = train(model, x, **TRAINING[data])
    return model, history.history["loss"][0]


def held_out(model: VAE | Autoencoder, data: str) -> dict[str, float]:
    """The loss and its terms, in nats per image, on the held-out images of MNIST or the digits."""
    _, (x, _) = load_data(data)
    return model.evaluate(x, batch_size=1000, verbose=0, return_dict=True)


def packed(weights: list[np.ndarray]) -> dict[str, Any]:
    """Weights as they are kept: a matrix as whole numbers, with the step of each column."""
    arrays: dict[str, Any] = {}
    for i, weight in enumerate(weights):
        arrays[f"weight{i}"] = weight
        if weight.size > 1000:
            step = np.maximum(np.abs(weight).max(axis=0), 1e-30) / LEVELS
            arrays[f"weight{i}"], arrays[f"step{i}"] = np.rint(weight / step).astype("int8"), step
    return arrays


def write(file: pathlib.Path, record: dict[str, Any], weights: list[np.ndarray]) -> None:
    """Write a record and weights whole or not at all."""
    with whole_or_not_at_all(file) as path:
        np.savez_compressed(path, **packed(weights), record=np.array(json.dumps(record)))


def make(name: str) -> None:
    """Train one model on MNIST and on the digits, and write its file."""
    of_digits, first_epoch = train_recipe(name, "digits")
    model, _ = train_recipe(name)
    record = {
        **RECIPES[name],
        "data": "mnist",
        "training": TRAINING["mnist"],
        "commit": _git("rev-parse", "HEAD"),
        "versions": {
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
        },
        "held_out_before_rounding": held_out(model, "mnist"),
        "trained_on_digits": {
            "training": TRAINING["digits"],
            "first_epoch_loss": first_epoch,
            "held_out": held_out(of_digits, "digits"),
        },
    }
    file = FOLDER / f"{name}.npz"
    write(file, record, model.get_weights())
    rounded = load_pretrained(name)
    record["held_out"] = held_out(rounded, "mnist")
    # digits that it has never seen the like of
    record["held_out_on_digits"] = held_out(rounded, "digits")
    write(file, record, model.get_weights())
    print(
        f"{file.name}: {file.stat().st_size:,} bytes, held-out loss "
        f"{record['held_out']['loss']:.2f}"
    )


def _git(*arguments):
    return subprocess.run(
        ["git", *arguments], cwd=FOLDER, check=True, capture_output=True, text=True
    ).stdout.strip()


def main() -> None:
    """Make all models."""
    if changed := _git("status", "--porcelain", "--", ".."):
        sys.exit(
            f"commit first: a pretrained model names the commit that it was made by. Received: "
            f"{changed}"
        )
    for name in NAMES:
        make(name)


if __name__ == "__main__":
    main()
