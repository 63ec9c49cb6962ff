"""The bug clinic: the models on which tests are graded. What a right test gives is known: 1 and 1."""

from answers import Answer
from vae_keras.homework.clinic import ILLNESSES

MODELS = [(11, 2, 3), (12, 7, 9), (13, 3, 16), (14, 10, 4)]  # seed, latent dimension, hidden units
RIGHT = object()  # stands for a right test


def _passes(patient):
    pass


def _fails(patient):
    raise AssertionError


def _ends_in_error(patient):
    raise ValueError


def _answer(number):
    return Answer(
        right=RIGHT,
        mistakes={
            f"it passes on the sick model, too: {ILLNESSES[number].hint}": _passes,
            "a false alarm: it fails on a healthy model. What is true of every seed and size, and how exactly?": _fails,
            "it ends with an error of its own: call it yourself, as in test(clinic.patient)": _ends_in_error,
        },
        hidden=MODELS,
        numbers={RIGHT: (1, 1)},
    )


ANSWERS = {f"test_{number}": _answer(number) for number in range(1, len(ILLNESSES))}
