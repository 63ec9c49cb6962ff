"""Trained models that travel with the package: `load_pretrained("vae-2d")` opens at once what takes
a minute to train.

`make.py` beside this file trains them. A file holds a record of how it was made, as JSON, and the
weights. Of a matrix it keeps whole numbers from −100 to 100, and for each column the number that
one of them stands for: a byte for each weight, so that all models together stay under 3 MB. That
costs 0.01 nats; the record has the losses before and after.
"""

import json
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from vae_keras.make import make_autoencoder, make_vae
from vae_keras.models import VAE, Autoencoder
from vae_keras.support.checks import one_of

NAMES = ("vae-2d", "vae-16d", "ae-16d")
MAKERS: dict[str, Callable[..., VAE | Autoencoder]] = {
    "VAE": make_vae,
    "Autoencoder": make_autoencoder,
}
FOLDER = pathlib.Path(__file__).parent


def load_pretrained(name: str) -> VAE | Autoencoder:
    """A model trained on MNIST, ready to use: the three of notebook 04, from the same recipe.

    | name | model | held-out loss |
    |---|---|---|
    | "vae-2d" | VAE, 2 latent dimensions, Bernoulli | 140.4 nats |
    | "vae-16d" | VAE, 16 latent dimensions, Gaussian with sigma = 0.3 | 85.1 nats |
    | "ae-16d" | autoencoder, 16 latent dimensions | squared error 7.2 |

    It is compiled with Adam, so that `evaluate` and `fit` work at once; the optimizer starts anew.

    Raises:
        ValueError: an unknown name.
    """
    record = read_record(name)
    model = MAKERS[record["model"]](name=name, **record["options"])
    with np.load(FOLDER / f"{name}.npz") as file:
        model.set_weights([_unpacked(file, i) for i in range(len(model.weights))])
    model.compile("adam")
    return model


def read_record(name: str) -> dict[str, Any]:
    """How a pretrained model was made: options, training, commit, versions, held-out losses.

    Raises:
        ValueError: an unknown name.
    """
    with np.load(FOLDER / f"{one_of(name, NAMES, 'name')}.npz") as file:
        return json.loads(str(file["record"]))


def _unpacked(file, i):
    """Weight i: a matrix is whole numbers `(rows, columns)` times a step `(columns,)`."""
    return file[f"weight{i}"] * file[f"step{i}"] if f"step{i}" in file else file[f"weight{i}"]
