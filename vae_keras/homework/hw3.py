"""Homework 3, what the KL term does: the examples that students see, and how answers are tried on them."""

import numpy as np

from vae_keras.homework import Task, call

RECONSTRUCTION, KL, BOTH = LOSSES = ("only reconstruction", "only KL", "combination")


def ranked(answer, *quantities):
    """The predicted ranking of each quantity, a loss as its place in LOSSES; −1 for a name that is none of them."""
    rankings = answer()
    return [
        np.array([LOSSES.index(loss) if loss in LOSSES else -1 for loss in rankings[q]])
        for q in quantities
    ]


def two_numbers(answer, *arguments):
    """The usual probe, for two numbers: an array of them is as good as a pair."""
    result = call(answer, *arguments)
    return list(result) if len(getattr(result, "shape", ())) == 1 else result


def one_array(answer, *arguments):
    """The usual probe, for several numbers: a list of them is as good as an array."""
    return np.asarray(call(answer, *arguments))


def beta_of(answer, loss, latent_dim, n_pixels):
    """What the student says beta is in one of the four losses, "A" to "D"."""
    return answer(latent_dim, n_pixels)["ABCD".index(loss)]


rng = np.random.default_rng(3)
X, X_HAT = (rng.random((3, 2, 2, 1)).astype("float32") for _ in range(2))
MEAN, LOG_VAR = (rng.normal(size=(3, 5)).astype("float32") for _ in range(2))
CODES = np.array(
    [[2, 0.1, 1, -1, 3], [0, -0.1, 1, -1, 3], [-2, 0, 1, -1, 3], [0, 0, 1, -1, 3], [1, 0, 1, -1, 3]]
)

TASKS = {
    "predictions": Task([(what,) for what in ("rate", "distortion", "sigma", "distance")], ranked),
    "rate_distortion": Task([(X, X_HAT, MEAN, LOG_VAR)], two_numbers),
    "exchange_rates": Task([(np.array([20.0, 10, 6, 5]), np.array([4.0, 5, 8, 10]))], one_array),
    "count_active": Task([(CODES, 0.01)]),
    "published_betas": Task([(loss, 10, 784) for loss in "ABCD"], beta_of),
}
