"""Paths between two codes (slide row L34), in NumPy."""

import numpy as np

from vae_keras.support.checks import whole_number


def linear_path(z_a: np.ndarray, z_b: np.ndarray, steps: int = 9) -> np.ndarray:
    """The straight line (1 − t) z_a + t z_b.

    Args:
        z_a, z_b: codes of shape `(latent,)`.
        steps: number of codes on the path, both ends included, at least 2.

    Returns:
        `(steps, latent)`; the first row is z_a, the last is z_b, exactly.

    Raises:
        ValueError: codes of different shape or not finite, or steps below 2.
    """
    z_a, z_b, t = _checked(z_a, z_b, steps)
    path = z_a + t * (z_b - z_a)
    path[0], path[-1] = z_a, z_b  # exactly, not up to rounding
    return path


def spherical_path(z_a: np.ndarray, z_b: np.ndarray, steps: int = 9) -> np.ndarray:
    """The path from z_a to z_b that turns at a constant rate while its norm changes evenly.

    In many dimensions a Gaussian's mass lies near a sphere; the straight line leaves it, this path
    does not. Codes that point in the same or in opposite directions, or are zero, have no such
    turn: there it is the line.

    Args, returns, errors: as `linear_path`.

    Source: Shoemake 1985; White 2016, "Sampling generative networks".
    """
    z_a, z_b, t = _checked(z_a, z_b, steps)
    norm_a, norm_b = np.linalg.norm(z_a), np.linalg.norm(z_b)
    if norm_a == 0 or norm_b == 0:
        return linear_path(z_a, z_b, steps)
    u, v = z_a / norm_a, z_b / norm_b
    # exact also where u and v nearly agree
    angle = 2 * np.arctan2(np.linalg.norm(u - v), np.linalg.norm(u + v))
    if np.sin(angle) < 1e-6:
        return linear_path(z_a, z_b, steps)
    direction = (np.sin((1 - t) * angle) * u + np.sin(t * angle) * v) / np.sin(angle)
    path = ((1 - t) * norm_a + t * norm_b) * direction
    path[0], path[-1] = z_a, z_b
    return path


PATHS = {"linear": linear_path, "spherical": spherical_path}


def _checked(z_a, z_b, steps):
    z_a, z_b = np.asarray(z_a), np.asarray(z_b)
    if z_a.ndim != 1 or z_a.shape != z_b.shape:
        raise ValueError(
            "a path needs two codes of the same shape (latent,). "
            f"Received: z_a.shape={z_a.shape}, z_b.shape={z_b.shape}"
        )
    if not (np.isfinite(z_a).all() and np.isfinite(z_b).all()):
        raise ValueError(f"a path needs finite codes. Received: z_a={z_a}, z_b={z_b}")
    steps = whole_number(steps, "steps", least=2)
    return z_a, z_b, np.linspace(0, 1, steps, dtype=np.result_type(z_a, np.float32))[:, None]
