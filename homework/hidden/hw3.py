"""The lecturer's examples for assignment 3: never given to students."""

import numpy as np

rng = np.random.default_rng(33)


def normal(*shape):
    return rng.normal(size=shape).astype("float32")


def images(*shape):
    return rng.random(shape).astype("float32")


NARROW = np.array([[-100, 0, 3], [-2, -30, 1]], "float32")
UNITS = normal(200, 8) * np.float32([1, 0.5, 0.3, 0.08, 0.05, 0.02, 0, 0]) + np.float32([0, 9, 0, 3, 0, 0.4, -2, 0])

EXAMPLES = {
    "hw3.predictions": [("rate", "distortion", "sigma", "distance")],
    "hw3.rate_distortion": [
        (images(1, 28, 28, 1), images(1, 28, 28, 1), normal(1, 10), normal(1, 10)),
        (images(7, 5, 3, 1), images(7, 5, 3, 1), 3 * normal(7, 1), normal(7, 1)),
        (images(2, 6, 4, 1), images(2, 6, 4, 1), normal(2, 3), NARROW),
        (images(4, 3, 3, 1), images(4, 3, 3, 1), np.zeros((4, 2), "float32"), np.zeros((4, 2), "float32")),
    ],
    "hw3.exchange_rates": [
        (np.array([8.0, 3.0]), np.array([1.0, 11.0])),
        (np.array([30.0, 12.0, 14.0, 2.0, 0.5]), np.array([9.0, 10.0, 10.5, 15.0, 14.0])),
        (np.array([0.1, 5.0, 40.0]), np.array([26.0, 16.0, 10.0])),
    ],
    "hw3.count_active": [
        (UNITS, 0.01),
        (UNITS, 0.1),
        (UNITS[:50], 0.001),
        (np.zeros((5, 3), "float32"), 0.01),
        (normal(3, 12), 1e-4),
    ],
    "hw3.published_betas": [(loss, *sizes) for sizes in [(2, 1024), (64, 3072), (1, 64)] for loss in "ABCD"],
}
