"""The lecturer's examples for assignment 2: never given to students."""

import numpy as np

rng = np.random.default_rng(22)


def normal(*shape):
    return rng.normal(size=shape).astype("float32")


def array(*values):
    return np.array(values, "float32")


def images(*shape):
    return rng.random(shape).astype("float32")


FAR = array([[[-17.0], [-200.0], [200.0]]], [[[200.0], [17.0], [-200.0]]])  # (2, 1, 3, 1)

EXAMPLES = {
    "hw2.sample_z": [
        (normal(1, 5), normal(1, 5), normal(1, 5)),
        (normal(7, 1), normal(7, 1), normal(7, 1)),
        (array([3, 0, -1]), array([-100, 100, 60]), array([-0.4, 0.7, -2.5])),
    ],
    "hw2.SamplingLayer": [
        (array(0.4, 3, -1), array(2, -3, 0.2), 50_000, 1),
        (array(0, 0.1), array(-6, 5), 50_000, 2),
    ],
    "hw2.squared_error": [
        (images(1, 3, 5, 1), images(1, 3, 5, 1), 0.1),
        (images(4, 28, 28, 1), images(4, 28, 28, 1), 1.0),
        (images(2, 6, 1, 1), images(2, 6, 1, 1), 25.0),
    ],
    "hw2.cross_entropy": [
        (images(1, 5, 3, 1), 4 * normal(1, 5, 3, 1)),
        (images(3, 28, 28, 1), normal(3, 28, 28, 1)),
        (array([[[1], [1], [0]]], [[[1], [0], [0]]]), FAR),
        (array([[[0.5], [0.25], [1]]], [[[0], [1], [0.75]]]), -FAR),
    ],
    "hw2.kl": [
        (normal(1, 5), normal(1, 5)),
        (normal(6, 1), 3 * normal(6, 1)),
        (array([0, 2, -3], [0, 0, 1]), array([-100, 80, 0], [-100, -100, 5])),
    ],
    "hw2.MyVAE": [
        (7, 3, 4, 0.5, 1),
        (3, 1, 2, 4.0, 2),
    ],
}
