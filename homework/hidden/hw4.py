"""The grader's examples for assignment 4. They stay with the lecturer."""

import numpy as np

rng = np.random.default_rng(44)


def f32(*numbers):
    return np.array(numbers, "float32")


def normal(*shape):
    return rng.standard_normal(shape).astype("float32")


def pictures(count):
    return (rng.uniform(0, 1, (count, 28, 28, 1)) * rng.uniform(0.1, 1, (count, 1, 1, 1))).astype("float32")


wide, long = normal(32), normal(16)
ERRORS = [
    ("error", normal(3), normal(1), 5),
    ("error", normal(3), normal(4), 5),
    ("error", normal(2, 3), normal(2, 3), 5),
    ("error", normal(3), normal(3), 1),
    ("error", normal(3), normal(3), 0),
]

EXAMPLES = {
    "hw4.linear_path": [
        ("path", normal(1), normal(1), 2),
        ("path", wide, normal(32), 8),
        ("path", long, long, 3),
        ("path", f32(-1e25, 0.5, 3), f32(4, 1e25, 3), 4),
        ("path", f32(0, 0), f32(-1e-3, 1e3), 101),
        *ERRORS,
    ],
    "hw4.spherical_path": [
        ("path", wide, 3 * normal(32), 8),
        ("path", normal(16), -0.1 * normal(16), 11),
        ("path", f32(1, 0, 0), f32(2, 1e-5, 0), 5),  # nearly parallel
        ("path", long, 3 * long, 4),
        ("path", long, long, 5),
        ("path", f32(1, 1, 10), f32(2, 2, 20), 4),  # the cosine rounds to more than 1
        ("path", f32(0, 0, -4), f32(0, 0, 1), 6),  # opposite
        ("path", f32(1, 4, 1), f32(-2, -8, -2), 5),
        ("path", f32(5), f32(-1), 3),  # on a line there is no turn
        ("path", f32(3, -1), f32(0, 0), 4),
        ("path", f32(0, 0, 0), f32(0, 0, 0), 3),
        ("path", f32(20, 20), f32(-1e-3, 0), 7),  # norms far apart, and a turn by 135°
        ("path", normal(2), normal(2), 2),
        *ERRORS,
    ],
    "hw4.decode_paths": [
        (normal(5, 4, 4), normal(1, 3, 5)),  # one pair
        (normal(1, 2, 3), normal(6, 2, 1)),  # one latent dimension
        (normal(3, 1, 2), normal(4, 4, 3)),  # as many pairs as steps
        (normal(16, 28, 28), normal(3, 7, 16)),
    ],
    "hw4.roughness": [(100, 12), (200, 5), (300, 4), (400, 15)],
    "hw4.distance_to_real": [
        (pictures(3), pictures(1)),  # one image in between, one real image
        (pictures(9), pictures(20)),
        (0.05 * pictures(4), pictures(6)),
        (pictures(6), np.concatenate([pictures(4), np.zeros((1, 28, 28, 1), "float32")])),
    ],
}
