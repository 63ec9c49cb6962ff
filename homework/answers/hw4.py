"""Assignment 4: right answers, the usual mistakes, and the examples on which answers are graded."""

import numpy as np

from answers import Answer
from vae_keras.homework.hw4 import unevenness
from vae_keras.measures import nearest_distance, step_lengths
from vae_keras.paths import linear_path, spherical_path

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


def _unchecked_line(z_a, z_b, steps):
    t = np.linspace(0, 1, steps)[:, None]
    return (1 - t) * z_a + t * z_b


def _line_that_rounds(z_a, z_b, steps):
    linear_path(z_a, z_b, steps)  # its errors
    return z_a + np.linspace(0, 1, steps)[:, None] * (z_b - z_a)


def _line_without_its_end(z_a, z_b, steps):
    linear_path(z_a, z_b, steps)  # its errors
    return linear_path(z_a, z_b, steps + 1)[:-1]


def _line_with_its_length(z_a, z_b, steps):
    """The straight line, each code scaled to the norm that it should have: its direction turns unevenly."""
    path, wanted = linear_path(z_a, z_b, steps), spherical_path(z_a, z_b, steps)
    norms = np.linalg.norm(path, axis=1, keepdims=True)
    return path * np.linalg.norm(wanted, axis=1, keepdims=True) / np.where(norms > 0, norms, 1)


def _turn(z_a, z_b, steps, unit=True, tiny=0.0):
    t = np.linspace(0, 1, steps)[:, None]
    norm_a, norm_b = np.linalg.norm(z_a), np.linalg.norm(z_b)
    u, v = z_a / max(norm_a, 1e-12), z_b / max(norm_b, 1e-12)
    angle = np.arccos(np.clip(np.dot(u, v), -1, 1))
    weights = (
        np.sin((1 - t) * angle) / (np.sin(angle) + tiny),
        np.sin(t * angle) / (np.sin(angle) + tiny),
    )
    if not unit:
        return weights[0] * z_a + weights[1] * z_b
    return ((1 - t) * norm_a + t * norm_b) * (weights[0] * u + weights[1] * v)


def _turn_of_raw_codes(z_a, z_b, steps):
    line = linear_path(z_a, z_b, steps)
    straight = np.allclose(line, spherical_path(z_a, z_b, steps))
    return line if straight else _turn(z_a, z_b, steps, unit=False)


def _turn_without_the_line(z_a, z_b, steps):
    linear_path(z_a, z_b, steps)  # its errors
    return _turn(z_a, z_b, steps, tiny=1e-8)


def _unchecked_turn(z_a, z_b, steps):
    return spherical_path(z_a, z_b, steps) if steps > 1 and np.shape(z_a) == np.shape(z_b) else z_a


def _decoded_pair_by_pair(decode, paths):
    return np.stack([decode(path) for path in paths])


def _decoded_and_mixed(decode, paths):
    pairs, steps, latent = paths.shape
    images = decode(paths.reshape(-1, latent))
    return images.reshape(steps, pairs, *images.shape[1:]).swapaxes(0, 1)


def _decoded_in_a_row(decode, paths):
    return decode(paths.reshape(-1, paths.shape[-1]))


def decode_paths(decode, paths):
    """Codes `(pairs, steps, latent)` → images `(pairs, steps, 28, 28, 1)`, with one call of the decoder."""
    images = decode(paths.reshape(-1, paths.shape[-1]))
    return images.reshape(*paths.shape[:2], *images.shape[1:])


def distance_to_real(path, real):
    """Mean distance of a path's images, without its two ends, to the nearest real image each."""
    return np.mean(nearest_distance(path[1:-1], real))


def roughness(images):
    """Standard deviation of the step lengths, divided by their mean."""
    lengths = step_lengths(images)
    return lengths.std() / lengths.mean()


NO_CHECK = (
    "the 0 means that no ValueError was raised where the task wants one: for codes of different shape, codes that "
    "are not vectors, or fewer than two steps. NumPy does not complain about all of these by itself."
)

ANSWERS = {
    "linear_path": Answer(
        right=linear_path,
        mistakes={
            "which code stands in your last row? Count the values of t, and look at the largest.": (
                _line_without_its_end
            ),
            "at t = 0 the path should be at z_a.": lambda z_a, z_b, steps: linear_path(z_b, z_a, steps),
            "the last row should be z_b exactly. What is 1 − 1e20 for the computer, and what is left of the 1?": (
                _line_that_rounds
            ),
            NO_CHECK: _unchecked_line,
        },
        hidden=[
            ("path", normal(1), normal(1), 2),
            ("path", wide, normal(32), 8),
            ("path", long, long, 3),
            ("path", f32(-1e25, 0.5, 3), f32(4, 1e25, 3), 4),
            ("path", f32(0, 0), f32(-1e-3, 1e3), 101),
            *ERRORS,
        ],
        same=("linear_path", "spherical_path"),
    ),
    "spherical_path": Answer(
        right=spherical_path,
        mistakes={
            "print the norms along your path. They should go evenly from one end's to the other's; of what should "
            "the turn be made, then?": _turn_of_raw_codes,
            "the norms are right, the directions are not: print the angle between each row and the next.": (
                _line_with_its_length
            ),
            "these two codes point the same way, or in opposite ways, or one is zero. What is your divisor there?": (
                _turn_without_the_line
            ),
            NO_CHECK: _unchecked_turn,
        },
        hidden=[
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
        same=("linear_path", "spherical_path"),
    ),
    "decode_paths": Answer(
        right=decode_paths,
        mistakes={
            "the last number counts the calls of the decoder: one is enough for all paths.": _decoded_pair_by_pair,
            "the images are right, their places are not: which pair does the second image belong to?": (
                _decoded_and_mixed
            ),
            "the images stand in one row. Which shape should come back?": _decoded_in_a_row,
        },
        hidden=[
            (normal(5, 4, 4), normal(1, 3, 5)),  # one pair
            (normal(1, 2, 3), normal(6, 2, 1)),  # one latent dimension
            (normal(3, 1, 2), normal(4, 4, 3)),  # as many pairs as steps
            (normal(16, 28, 28), normal(3, 7, 16)),
        ],
    ),
    "roughness": Answer(
        right=roughness,
        mistakes={
            "half the contrast, half the roughness? Divide out how far the path goes in all.": (
                lambda images: step_lengths(images).std()
            ),
            "the length of a path does not tell a jump from an even walk: look at the steps one by one.": (
                lambda images: step_lengths(images).mean()
            ),
            "is a larger number rougher, or smoother?": lambda images: -roughness(images),
            "this is the given measure, or a multiple of it. The task asks for another.": unevenness,
        },
        hidden=[(100, 12), (200, 5), (300, 4), (400, 15)],
        by_part=True,
    ),
    "distance_to_real": Answer(
        right=distance_to_real,
        mistakes={
            "the ends of a path are reconstructions of real images; which images are in between?": (
                lambda path, real: np.mean(nearest_distance(path, real))
            ),
            "a distance is a length: which operation is still missing after the sum of squares?": (
                lambda path, real: np.mean(nearest_distance(path[1:-1], real) ** 2)
            ),
            "sum or mean over the pixels?": lambda path, real: distance_to_real(path, real) / 28,
        },
        hidden=[
            (pictures(3), pictures(1)),  # one image in between, one real image
            (pictures(9), pictures(20)),
            (0.05 * pictures(4), pictures(6)),
            (pictures(6), np.concatenate([pictures(4), np.zeros((1, 28, 28, 1), "float32")])),
        ],
        same=("nearest_distance",),
    ),
}
