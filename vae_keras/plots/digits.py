"""Pictures made of digits."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from scipy.stats import norm

from vae_keras.models import LatentModel
from vae_keras.plots.arguments import at_least_one, each, pictures, takes
from vae_keras.plots.style import INK, axes_or_new, styled


def mosaic(images: np.ndarray, columns: int) -> np.ndarray:
    """Images `(n, 28, 28, 1)` → one picture, `columns` wide, filled row by row; missing ones stay empty."""
    images = np.asarray(images)[..., 0]
    rows = -(-len(images) // columns)
    cells = np.zeros((rows * columns, 28, 28), "float32")
    cells[: len(images)] = images
    return cells.reshape(rows, columns, 28, 28).swapaxes(1, 2).reshape(rows * 28, columns * 28)


@styled
@takes(rows=each(pictures))
def plot_digit_rows(
    rows: Mapping[str, np.ndarray],
    column_labels: Sequence[str] | None = None,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Rows of digits, each with its name at the left.

    Args:
        rows: name → images `(n, 28, 28, 1)`; rows may differ in length.
        column_labels: one text above each column.
        title: of the axes.
        ax: Matplotlib axes, or None for a new figure.

    Returns:
        The axes.
    """
    columns = max(len(images) for images in rows.values())
    ax = axes_or_new(ax, (0.62 * columns + 1.6, 0.62 * len(rows) + 0.5))
    ax.imshow(np.concatenate([mosaic(images, columns) for images in rows.values()]), cmap=INK, vmin=0, vmax=1)
    for edge in range(1, len(rows)):
        ax.axhline(28 * edge - 0.5, color="0.8", linewidth=0.8)
    ax.set_yticks(28 * np.arange(len(rows)) + 13.5, list(rows))
    ax.set_xticks([])
    if column_labels is not None:
        ax.set_xticks(28 * np.arange(len(column_labels)) + 13.5, column_labels)
        ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set(title=title)
    return ax


@styled
@takes(n=at_least_one)
def plot_manifold(model: LatentModel, n: int = 20, title: str | None = None, ax: Axes | None = None) -> Axes:
    """Grid of digits: the plane of a 2-d latent space, decoded at the prior's quantiles (i + 0.5) / n (rows L10, L36).

    Equal areas of the picture then hold equal probability of the prior.

    Args:
        model: with a 2-d latent space and `decode`.
        n: digits per side.
        title, ax: as for `plot_digit_rows`.

    Returns:
        The axes.

    Raises:
        ValueError: the latent space is not 2-d.
    """
    if model.latent_dim != 2:
        raise ValueError(f"plot_manifold needs a 2-d latent space. Received: latent_dim={model.latent_dim}")
    ax = axes_or_new(ax, (6, 6))
    ticks = norm.ppf((np.arange(n) + 0.5) / n)
    z1, z2 = np.meshgrid(ticks, ticks[::-1])  # z2 grows upwards
    images = model.decode(np.stack([z1.ravel(), z2.ravel()], axis=1))
    ax.imshow(mosaic(images, n), cmap=INK, vmin=0, vmax=1)
    shown = np.array([-1.5, -0.5, 0, 0.5, 1.5])
    names = [f"{z:g}".replace("-", "−") for z in shown]
    ax.set_xticks(28 * n * norm.cdf(shown) - 0.5, names)
    ax.set_yticks(28 * n * norm.cdf(-shown) - 0.5, names)
    ax.set(xlabel="$z_1$", ylabel="$z_2$", title=title)
    return ax
