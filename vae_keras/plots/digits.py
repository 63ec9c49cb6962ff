"""Pictures made of digits."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from scipy.stats import norm

from vae_keras.models import LatentModel
from vae_keras.plots.arguments import at_least_one, rows_of_pictures, takes
from vae_keras.plots.style import INK, SIGNED, axes_or_new, styled


def as_picture(images: np.ndarray) -> np.ndarray:
    """Images `(..., height, width, channels)` → what is shown of them, between 0 and 1.

    Three channels are colours, `(..., height, width, 3)`. One is ink, `(..., height, width)`, 0 for
    paper; of any other number of channels, their mean is.
    """
    images = np.asarray(images, "float32").clip(0, 1)
    return images if images.shape[-1] == 3 else images.mean(axis=-1)


def as_colours(images: np.ndarray) -> np.ndarray:
    """`as_picture` with ink as greys: `(..., height, width, 3)`."""
    pictures = as_picture(images)
    return pictures if np.shape(images)[-1] == 3 else colormaps[INK](pictures)[..., :3]


def signed_pictures(differences: np.ndarray) -> np.ndarray:
    """Differences of images → colours `(..., height, width, 3)`: white for none, orange for more
    ink, blue for less, on one scale.
    """
    values = np.asarray(differences, "float32").mean(axis=-1)
    limit = max(float(np.abs(values).max()), 1e-6)
    return SIGNED(Normalize(-limit, limit)(values))[..., :3]


def mosaic(images: np.ndarray, columns: int) -> np.ndarray:
    """Images `(n, height, width, channels)` → one picture, `columns` wide, filled row by row.

    It is ink `(rows · height, columns · width)` or colour `(…, …, 3)`, as `as_picture` has it.
    Missing images stay as paper.
    """
    pictures = as_picture(images)
    n, height, width, *colour = pictures.shape
    rows = -(-n // columns)
    cells = np.full((rows * columns, height, width, *colour), 1.0 if colour else 0.0, "float32")
    cells[:n] = pictures
    cells = cells.reshape(rows, columns, height, width, *colour).swapaxes(1, 2)
    return cells.reshape(rows * height, columns * width, *colour)


def show(ax: Axes, picture: np.ndarray, **options: Any) -> None:
    """Draw what `as_picture` or `mosaic` made."""
    ax.imshow(picture, cmap=INK, vmin=0, vmax=1, **options)


def inset(ax: Axes, box: tuple[float, float, float, float], image: np.ndarray, anchor: str) -> Axes:
    """An image in a frame, in a part of the axes."""
    frame = ax.inset_axes(box)
    show(frame, as_picture(image))
    frame.set(xticks=[], yticks=[], anchor=anchor)
    frame.spines[:].set(visible=True, color="0.6")
    return frame


def cell_size(shape: Sequence[int], side: float = 0.62) -> tuple[float, float]:
    """Width and height, in inches, of an image that is as large as a square of this side."""
    ratio = np.clip(np.sqrt(shape[1] / shape[0]), 0.5, 2)  # so that a figure of strips stays one
    return side * ratio, side / ratio


def draw_rows(ax: Axes, rows: Mapping[str, np.ndarray], columns: int) -> None:
    """Rows with their names at the left: cells are 1 wide and 1 high, the first row from 0 to -1.

    Codes `(n, latent)` get their row, too, and are drawn by the caller.
    """
    height, width = 1, 1
    for i, row in enumerate(rows.values()):
        if np.ndim(row) == 4:
            height, width = row.shape[1:3]
            show(ax, mosaic(row, columns), extent=(0, columns, -i - 1, -i))
    for edge in range(1, len(rows)):
        ax.axhline(-edge, color="0.8", linewidth=0.8)
    ax.set_yticks(-np.arange(len(rows)) - 0.5, list(rows))
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set(xlim=(0, columns), ylim=(-len(rows), 0), aspect=height / width)


@styled
@takes(rows=rows_of_pictures)
def plot_digit_rows(
    rows: Mapping[str, np.ndarray],
    column_labels: Sequence[str] | None = None,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Rows of digits, each with its name at the left.

    Args:
        rows: name → images `(n, height, width, channels)`, all of one shape; rows may differ in
            length.
        column_labels: one text above each column.
        title: of the axes.
        ax: Matplotlib axes, or None for a new figure.

    Returns:
        The axes.
    """
    columns = max(len(images) for images in rows.values())
    width, height = cell_size(np.shape(next(iter(rows.values())))[1:])
    above = 0.5 if title is None or column_labels is None else 0.7
    ax = axes_or_new(ax, (width * columns + 1.6, height * len(rows) + above))
    draw_rows(ax, {name: np.asarray(images) for name, images in rows.items()}, columns)
    if column_labels is not None:
        ax.set_xticks(np.arange(len(column_labels)) + 0.5, column_labels)
        ax.xaxis.tick_top()
        ax.tick_params(length=0)
    ax.set(title=title)
    return ax


@styled
@takes(n=at_least_one)
def plot_manifold(
    model: LatentModel, n: int = 20, title: str | None = None, ax: Axes | None = None
) -> Axes:
    """Grid of digits: the plane of a 2-d latent space, decoded at the prior's quantiles (i + 0.5) /
    n (rows L10, L36).

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
        raise ValueError(
            f"plot_manifold needs a 2-d latent space. Received: latent_dim={model.latent_dim}"
        )
    ticks = norm.ppf((np.arange(n) + 0.5) / n)
    z1, z2 = np.meshgrid(ticks, ticks[::-1])  # z2 grows upwards
    images = model.decode(np.stack([z1.ravel(), z2.ravel()], axis=1))
    height, width = images.shape[1:3]
    ax = axes_or_new(ax, cell_size(images.shape[1:], 6))
    show(ax, mosaic(images, n), extent=(0, 1, 0, 1), aspect=height / width)
    shown = np.array([-1.5, -0.5, 0, 0.5, 1.5])
    names = [f"{z:g}".replace("-", "−") for z in shown]
    ax.set_xticks(norm.cdf(shown), names)
    ax.set_yticks(norm.cdf(shown), names)
    ax.set(xlabel="$z_1$", ylabel="$z_2$", title=title)
    return ax
