"""Homework 4, paths between codes: the examples that students see, and how answers are tried on them."""

import numpy as np
from scipy.stats import spearmanr

from vae_keras.homework import Task
from vae_keras.measures import step_lengths

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
        float(spread > 0 and abs(spearmanr(rough, given)[0]) < 1 - 1e-9),  # no function of it
    )


def _walks(seed, steps):
    simple, random = simple_walks(seed, steps), random_walks(seed + 1, steps)
    return [*simple.reshape(-1, *random.shape[1:]), *random]


def _numbers(answer, walks):
    return np.array([answer(walk) for walk in walks], "float64")


def _f32(*numbers):
    return np.array(numbers, "float32")


def _pictures(seed, count):
    """Noise images, each brighter than the one before."""
    noise = np.random.default_rng(seed).uniform(0, 1, (count, 28, 28, 1))
    return (noise * np.linspace(0.2, 1, count)[:, None, None, None]).astype("float32")


TASKS = {
    "linear_path": Task(
        [
            ("path", _f32(1, 2), _f32(3, -2), 5),
            ("path", _f32(1e20, 1), _f32(1, 2), 3),
            ("error", _f32(1), _f32(1, 2, 3), 5),
            ("error", _f32(1, 2), _f32(3, 4), 1),
        ],
        _path,
    ),
    "spherical_path": Task(
        [
            ("path", _f32(3, 0), _f32(0, 4), 4),
            ("path", _f32(1, 2, 2), _f32(-2, 1, 2), 5),
            ("path", _f32(1, 1, 4), _f32(2, 2, 8), 3),
            ("path", _f32(2, 0), _f32(-1, 0), 5),
            ("path", _f32(0, 0), _f32(1, 2), 3),
            ("error", _f32(1), _f32(1, 2, 3), 5),
            ("error", _f32(1, 2), _f32(3, 4), 1),
        ],
        _path,
        atol=1e-4,  # float32, and sines of nearly equal angles
    ),
    "decode_paths": Task(
        [
            (
                np.linspace(-1, 1, 12, dtype="float32").reshape(2, 2, 3),
                np.linspace(-2, 2, 16, dtype="float32").reshape(2, 4, 2),
            )
        ],
        _decoded,
    ),
    "roughness": Task([(0, 9), (10, 6)], _ratings, _judged),
    "distance_to_real": Task(
        [(_pictures(0, 5), _pictures(1, 7)), (_pictures(2, 3), _pictures(3, 4))],
        lambda answer, path, real: answer(path, real),  # with arrays, as the notebook does
        rtol=1e-3,
    ),
}
