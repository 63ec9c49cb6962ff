"""On the way from one image to another: paths of codes, and how good their images are."""

from collections.abc import Mapping

import keras
import numpy as np

from vae_keras.latent_model import LatentModel
from vae_keras.measures.latent_space import local_stretch
from vae_keras.measures.likeness import digit_features, nearest_distance
from vae_keras.paths import PATHS
from vae_keras.support.checks import one_of, whole_number


def pairs_of_classes(labels: np.ndarray, n: int, seed: int = 0) -> np.ndarray:
    """Indices of n random pairs of images of different classes, `(n, 2)` (row L35).

    Raises:
        ValueError: all labels are the same.
    """
    labels, n = np.asarray(labels), whole_number(n, "n")
    if len(np.unique(labels)) < 2:
        raise ValueError("pairs_of_classes needs two classes. Received: one")
    rng, pairs = np.random.default_rng(seed), np.zeros((0, 2), int)
    while len(pairs) < n:
        drawn = rng.integers(len(labels), size=(2 * n, 2))
        pairs = np.concatenate([pairs, drawn[labels[drawn[:, 0]] != labels[drawn[:, 1]]]])
    return pairs[:n]


def paths_between(
    z_a: np.ndarray, z_b: np.ndarray, steps: int = 11, path: str = "linear"
) -> np.ndarray:
    """Paths from each code of z_a to that of z_b: `(pairs, steps, latent)`.

    Args:
        z_a, z_b: `(pairs, latent)`.
        steps: codes on each path, both ends included.
        path: "linear" or "spherical".
    """
    one_of(path, PATHS, "path")
    return np.stack([PATHS[path](a, b, steps) for a, b in zip(z_a, z_b, strict=True)])


def decode_paths(model: LatentModel, paths: np.ndarray) -> np.ndarray:
    """Paths of codes `(pairs, steps, latent)` → `(pairs, steps, height, width, channels)`."""
    images = model.decode(paths.reshape(-1, model.latent_dim))
    return images.reshape(*paths.shape[:2], *model.image_shape)


def distances_along(
    images: Mapping[str, np.ndarray], real: np.ndarray, classifier: keras.Model
) -> dict[str, dict[str, np.ndarray]]:
    """Distance to the nearest real image at each step of a path, by two rulers (row L35).

    Args:
        images: name of the way → `(pairs, steps, height, width, channels)`.
        real: images that are no ends of the paths.
        classifier: as for `digit_features`.

    Returns:
        "in pixels" and "in features" → name of the way → `(pairs, steps)`.
    """
    features = digit_features(classifier, real)
    along: dict[str, dict[str, np.ndarray]] = {"in pixels": {}, "in features": {}}
    for way, steps in images.items():
        x, shape = np.clip(steps.reshape(-1, *real.shape[1:]), 0, 1), steps.shape[:2]
        along["in pixels"][way] = nearest_distance(x, real).reshape(shape)
        in_features = nearest_distance(digit_features(classifier, x), features)
        along["in features"][way] = in_features.reshape(shape)
    return along


def rises(distances: Mapping[str, np.ndarray]) -> dict[str, float]:
    """How much worse the middle of paths is than their ends, by each ruler (row L35).

    Args:
        distances: ruler → `(pairs, steps)`, of one way of `distances_along`.

    Returns:
        For each ruler the mean over pairs at the ends, in the middle, and the rise between them.
    """
    found: dict[str, float] = {}
    for ruler, values in distances.items():
        ends, middle = values[:, [0, -1]].mean(), values[:, values.shape[1] // 2].mean()
        found |= {f"ends {ruler}": ends, f"middle {ruler}": middle, f"rise {ruler}": middle - ends}
    return {name: float(value) for name, value in found.items()}


def centre_and_spread(codes: np.ndarray) -> tuple[np.ndarray, float]:
    """Mean of codes `(latent,)`, and their standard deviation, one number for all dimensions."""
    return codes.mean(axis=0), float(np.sqrt(np.mean(np.var(codes, axis=0))))


def stretch_of_codes(model: LatentModel, x: np.ndarray) -> float:
    """Median over images of the stretch at their codes, in units of the codes' spread (row L38).

    So a model's own scale of its codes does not count. In pixel distance per standard deviation.
    """
    codes = model.encode(x) if model.heads == 1 else model.encode(x)[0]
    _, spread = centre_and_spread(codes)
    return float(np.median(spread * local_stretch(model, codes)))


def verdict(ours: float, other: float, level: float = 0.05) -> str:
    """Whether ours is smaller: "better", "worse", or "level" within this share (row L37)."""
    if abs(np.log(ours / other)) <= np.log1p(level):
        return "level"
    return "better" if ours < other else "worse"
