"""Assignment 4, after notebook 04: paths between codes, and how smooth the images on them are."""

import numpy as np
from scipy.stats import spearmanr

from vae_keras.homework import Task
from vae_keras.measures import nearest_distance, step_lengths
from vae_keras.paths import linear_path, spherical_path

AGREES_FROM = 0.6  # Spearman's rank correlation with the given measure
RANDOM_WALKS = 40


def unevenness(images):
    """The given measure: the longest step of a path of images, divided by the mean step (row L35).

    Args:
        images: `(steps, 28, 28, 1)`, not all the same.

    Returns:
        From 1, where all steps are equal, to steps − 1, where the image jumps once and stands still
        otherwise.
    """
    lengths = step_lengths(images)
    return lengths.max() / lengths.mean()


def simple_walks(seed, steps=9):
    """Even, pausing and jumping walks between the same two made images, for six pairs of them.

    Returns:
        `(6, 3, steps, 28, 28, 1)`. Along the second axis: all steps equal; one step of length 0 and
        the others equal; one step that goes all the way, the others of length 0.
    """
    rng = np.random.default_rng(seed)
    walks = []
    for _ in range(6):
        ends, one = (_blobs(rng), _blobs(rng)), np.eye(steps - 1)[rng.integers(1, steps - 2)]
        walks.append([_walk(*ends, lengths) for lengths in (np.ones(steps - 1), 1 - one, one)])
    return np.array(walks)


def random_walks(seed, steps=9, count=RANDOM_WALKS):
    """Walks between made images, from nearly even ones to nearly a jump; every third takes a detour.

    Returns:
        `(count, steps, 28, 28, 1)`.
    """
    rng = np.random.default_rng(seed)
    walks = []
    for number in range(count):
        lengths = rng.gamma(10 ** rng.uniform(-1, 1.5), size=steps - 1) + 1e-6
        walks.append(
            _walk(_blobs(rng), _blobs(rng), lengths, _blobs(rng) if number % 3 == 0 else None)
        )
    return np.array(walks)


def _blobs(rng):
    """An image `(28, 28, 1)` in [0, 1] of four blobs; all images are equally bright."""
    y, x = np.mgrid[:28, :28]
    centres, widths = rng.uniform(5, 22, (4, 2)), rng.uniform(1.5, 3, 4)
    image = sum(
        np.exp(-((y - v) ** 2 + (x - u) ** 2) / (2 * w**2))
        for (v, u), w in zip(centres, widths, strict=True)
    )
    image = np.where(image < 0.1, 0, image)
    return (0.03 * image / image.mean())[..., None]


def _walk(start, end, lengths, detour=None):
    """The cross-fade from start to end with steps of these relative lengths, bent towards a third image."""
    t = np.append(0, np.cumsum(lengths) / np.sum(lengths))[:, None, None, None]
    images = (1 - t) * start + t * end
    if detour is not None:
        images += t * (1 - t) * (detour - (start + end) / 2)
    return images.astype("float32")


# How answers are called


def _path(answer, what, z_a, z_b, steps):
    """The path; or, where `what` is "error", 1 if the answer raises a ValueError and 0 if it does not."""
    if what == "path":
        return np.asarray(answer(z_a, z_b, steps))
    try:
        answer(z_a, z_b, steps)
    except ValueError:
        return 1
    return 0


def _decoded(answer, weights, paths):
    """The images that come back, and how often the decoder was called; its weights are `(latent, height, width)`."""
    calls = []

    def decode(z):
        z = np.asarray(z)
        if z.ndim != 2:
            raise ValueError(f"z must have shape (n, {len(weights)}). Received: shape={z.shape}")
        calls.append(len(z))
        return (1 / (1 + np.exp(-np.tensordot(z, weights, axes=1))))[..., None]

    return np.asarray(answer(decode, paths)), len(calls)


def _ratings(answer, seed, steps):
    """What a measure of roughness gives for made walks, for the same walks backwards, and at half the contrast."""
    walks = _walks(seed, steps)
    rough = _numbers(answer, walks)
    return (
        rough,
        _numbers(answer, [w[::-1] for w in walks]),
        _numbers(answer, [w / 2 for w in walks]),
    )


def _judged(values, seed, steps):
    """Six numbers, 1 where the measure has the property that task 4 names.

    Where it does not give one finite number for each walk, what it gives for the walks.
    """
    walks = _walks(seed, steps)
    if any(numbers.shape != (len(walks),) or not np.isfinite(numbers).all() for numbers in values):
        return values[0]
    rough, backwards, pale = values
    random, simple = rough[-RANDOM_WALKS:], rough[:-RANDOM_WALKS]
    spread = np.subtract(*np.quantile(rough, [0.75, 0.25]))
    rounding = 0.01 * spread + 1e-4 * np.abs(rough)
    even, pause, jump = simple.reshape(-1, 3).T
    given = _numbers(unevenness, walks)
    agreement = spearmanr(random, given[-RANDOM_WALKS:])[0] if spread > 0 else 0
    return (
        float(even.max() <= np.min(rough + rounding)),
        float(np.all(jump - np.maximum(even, pause) > 1e-4 * spread) and spread > 0),
        float(np.all(np.abs(backwards - rough) <= rounding)),
        float(np.all(np.abs(pale - rough) <= rounding)),
        float(agreement >= AGREES_FROM),
        float(spread > 0 and abs(np.corrcoef(rough, given)[0, 1]) < 1 - 1e-6),
    )


def _walks(seed, steps):
    simple, random = simple_walks(seed, steps), random_walks(seed + 1, steps)
    return [*simple.reshape(-1, *random.shape[1:]), *random]


def _numbers(answer, walks):
    return np.array([answer(walk) for walk in walks], "float64")


# The usual mistakes


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


def _f32(*numbers):
    return np.array(numbers, "float32")


def _pictures(seed, count):
    """Noise images, each brighter than the one before."""
    noise = np.random.default_rng(seed).uniform(0, 1, (count, 28, 28, 1))
    return (noise * np.linspace(0.2, 1, count)[:, None, None, None]).astype("float32")


NO_CHECK = (
    "the 0 means that no ValueError was raised where the task wants one: for codes of different shape, codes that "
    "are not vectors, or fewer than two steps. NumPy does not complain about all of these by itself."
)

TASKS = {
    "linear_path": Task(
        right=linear_path,
        probe=_path,
        examples=[
            ("path", _f32(1, 2), _f32(3, -2), 5),
            ("path", _f32(1e20, 1), _f32(1, 2), 3),
            ("error", _f32(1), _f32(1, 2, 3), 5),
            ("error", _f32(1, 2), _f32(3, 4), 1),
        ],
        mistakes={
            "which code stands in your last row? Count the values of t, and look at the largest.": (
                _line_without_its_end
            ),
            "at t = 0 the path should be at z_a.": lambda z_a, z_b, steps: linear_path(
                z_b, z_a, steps
            ),
            "the last row should be z_b exactly. What is 1 − 1e20 for the computer, and what is left of the 1?": (
                _line_that_rounds
            ),
            NO_CHECK: _unchecked_line,
        },
    ),
    "spherical_path": Task(
        right=spherical_path,
        probe=_path,
        atol=1e-4,  # float32, and sines of nearly equal angles
        examples=[
            ("path", _f32(3, 0), _f32(0, 4), 4),
            ("path", _f32(1, 2, 2), _f32(-2, 1, 2), 5),
            ("path", _f32(1, 1, 4), _f32(2, 2, 8), 3),
            ("path", _f32(2, 0), _f32(-1, 0), 5),
            ("path", _f32(0, 0), _f32(1, 2), 3),
            ("error", _f32(1), _f32(1, 2, 3), 5),
            ("error", _f32(1, 2), _f32(3, 4), 1),
        ],
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
    ),
    "decode_paths": Task(
        right=decode_paths,
        probe=_decoded,
        examples=[
            (
                np.linspace(-1, 1, 12, dtype="float32").reshape(2, 2, 3),
                np.linspace(-2, 2, 16, dtype="float32").reshape(2, 4, 2),
            )
        ],
        mistakes={
            "the last number counts the calls of the decoder: one is enough for all paths.": _decoded_pair_by_pair,
            "the images are right, their places are not: which pair does the second image belong to?": (
                _decoded_and_mixed
            ),
            "the images stand in one row. Which shape should come back?": _decoded_in_a_row,
        },
    ),
    "roughness": Task(
        right=roughness,
        probe=_ratings,
        judge=_judged,
        examples=[(0, 9), (10, 6)],
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
    ),
    "distance_to_real": Task(
        right=distance_to_real,
        probe=lambda answer, path, real: answer(path, real),  # with arrays, as the notebook does
        rtol=1e-3,
        examples=[(_pictures(0, 5), _pictures(1, 7)), (_pictures(2, 3), _pictures(3, 4))],
        mistakes={
            "the ends of a path are reconstructions of real images; which images are in between?": (
                lambda path, real: np.mean(nearest_distance(path, real))
            ),
            "a distance is a length: which operation is still missing after the sum of squares?": (
                lambda path, real: np.mean(nearest_distance(path[1:-1], real) ** 2)
            ),
            "sum or mean over the pixels?": lambda path, real: distance_to_real(path, real) / 28,
        },
    ),
}
