"""The bug clinic: the models on which tests are graded. How sick they are, and in which order, is new each time."""

import functools
import random

import numpy as np

from answers import Answer
from vae_keras.homework import kept
from vae_keras.homework.clinic import ILLNESSES

RIGHT = object()  # stands for a right test


def _passes(patient):
    pass


def _fails(patient):
    raise AssertionError


def _ends_in_error(patient):
    raise ValueError


def rows_of_models(number):
    """Two rows of two healthy and two sick models in any order: ((models,), what is known of them)."""
    chance = random.SystemRandom()
    for _ in range(2):
        sick = chance.sample([None, None, number, number], 4)
        sizes = [(chance.randrange(10, 10_000), chance.randint(2, 10), chance.randint(3, 16)) for _ in sick]
        true = np.array([float(illness is None) for illness in sick])
        models = [[illness, *size] for illness, size in zip(sick, sizes, strict=True)]
        yield (models,), {"true": kept([true]), "mistakes": {}}


def _answer(number):
    return Answer(
        right=RIGHT,
        mistakes={
            f"it passes on the sick model, too: {ILLNESSES[number].hint}": _passes,
            "a false alarm: it fails on a healthy model. What is true of every seed and size, and how exactly?": _fails,
            "it ends with an error of its own: call it yourself, as in test(clinic.patient)": _ends_in_error,
        },
        hidden=functools.partial(rows_of_models, number),
        numbers={RIGHT: (1, 1)},
    )


ANSWERS = {f"test_{number}": _answer(number) for number in range(1, len(ILLNESSES))}
