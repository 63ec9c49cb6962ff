"""What an autoencoder loses, keeps and leaves empty (rows L05 to L07)."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from vae_keras.models import LatentModel
from vae_keras.plots.arguments import (
    at_least_one,
    codes_2d,
    each,
    labels_of,
    model_of,
    numbers,
    rows_of_pictures_or_codes,
    takes,
)
from vae_keras.plots.digits import cell_size, draw_rows, mosaic, show
from vae_keras.plots.latent import plot_codes
from vae_keras.plots.style import (
    BLUE,
    COLOURS,
    GREEN,
    ORANGE,
    RED,
    axes_or_new,
    panels_or_new,
    styled,
    title_above,
)


@styled
@takes(pca_errors=each(), autoencoder_errors=each(), linear_errors=each())
def plot_error_against_size(
    pca_errors: Mapping[int, float],
    autoencoder_errors: Mapping[int, float],
    linear_errors: Mapping[int, float],
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Curves of the held-out error against the number of latent dimensions, beside PCA with as many
    (row L05).

    Args:
        pca_errors, autoencoder_errors, linear_errors: n → mean squared distance per image; PCA's is
            drawn as a line.
        title: of the axes.
        ax: Matplotlib axes, or None for a new figure.

    Returns:
        The axes.
    """
    ax = axes_or_new(ax, (6, 3.6))
    ax.plot(list(pca_errors), list(pca_errors.values()), color="0.5", label="PCA")
    ax.plot(
        list(autoencoder_errors),
        list(autoencoder_errors.values()),
        "o-",
        color=BLUE,
        label="autoencoder",
    )
    (diamonds,) = ax.plot(list(linear_errors), list(linear_errors.values()), "D", color=ORANGE)
    diamonds.set(markersize=9, fillstyle="none", markeredgewidth=2, label="linear autoencoder")
    ax.set_xscale("log", base=2)
    ticks = [n for n in (1, 2, 4, 8, 16, 32, 64) if n <= max(pca_errors)]
    ax.set_xticks(ticks, [f"{n}" for n in ticks])
    ax.set(
        xlabel="$n$, numbers in the code",
        ylabel="squared distance per image",
        ylim=(0, None),
        title=title,
    )
    ax.legend()
    return ax


@styled
@takes(rows=rows_of_pictures_or_codes)
def plot_compression_rows(
    rows: Mapping[str, np.ndarray], title: str | None = None, ax: Axes | None = None
) -> Axes:
    """Rows of digits, and of codes as bars, each with its name at the left (row L06).

    Args:
        rows: name → images `(n, height, width, channels)`, all of one shape, or codes `(n,
            latent)`, which are drawn as bars around 0 on one scale.
        title: of the axes.
        ax: Matplotlib axes, or None for a new figure.

    Returns:
        The axes.
    """
    columns = max(len(row) for row in rows.values())
    shapes = [np.shape(row)[1:] for row in rows.values() if np.ndim(row) == 4]
    width, height = cell_size(shapes[0] if shapes else (1, 1), 0.78)
    ax = axes_or_new(ax, (width * columns + 1.9, height * len(rows) + 0.4))
    rows = {name: np.asarray(row) for name, row in rows.items()}
    draw_rows(ax, rows, columns)
    for i, row in enumerate(rows.values()):
        if row.ndim == 2:
            _bars(ax, row, base=-i - 0.5)
    ax.set(xlim=(0, columns), ylim=(-len(rows), 0), title=title)
    return ax


def _bars(ax, codes, base):
    count, latent = codes.shape
    heights = 0.45 * codes / np.abs(codes).max()
    # (count, latent)
    places = np.arange(count)[:, None] + 0.1 + 0.8 * (np.arange(latent) + 0.5) / latent
    colours = np.where(heights.ravel() < 0, BLUE, RED)
    ax.bar(places.ravel(), heights.ravel(), 0.8 / latent, bottom=base, color=colours)
    ax.hlines(
        np.full(count, base),
        np.arange(count) + 0.08,
        np.arange(count) + 0.92,
        color="0.6",
        linewidth=0.6,
    )


@styled
@takes(model=model_of(LatentModel, 2), codes=codes_2d, labels=labels_of("codes"), n=at_least_one)
def plot_code_box(
    model: LatentModel,
    codes: np.ndarray,
    labels: np.ndarray,
    n: int = 15,
    title: str | None = None,
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Scatter of the codes in the plane with a box around them, and the box decoded on a grid: all
    of it, and the part that holds the middle 90 % of the codes in each dimension (row L07).

    Args:
        model: with a 2-d latent space.
        codes: `(m, 2)`, of the training images: the box reaches from the least to the greatest in
            each dimension.
        labels: `(m,)` classes.
        n: decoded images per side.
        title: of the figure.
        axes: three Matplotlib axes, or None for a new figure.

    Returns:
        The three axes.
    """
    height, width = model.image_shape[:2]
    size = (10.4, np.clip(3.1 * height / width + 0.5, 2.5, 8))
    axes = panels_or_new(axes, 1, 3, figsize=size, width_ratios=(1.15, 1, 1))[0]
    boxes = {
        "the whole box": (codes.min(axis=0), codes.max(axis=0), RED),
        "where most codes lie": (*np.quantile(codes, (0.05, 0.95), axis=0), BLUE),
    }
    plot_codes(codes, labels, title="codes of training images", ax=axes[0])
    axes[0].set_box_aspect(height / width)
    cells = (np.arange(n) + 0.5) / n
    for ax, (name, (low, high, colour)) in zip(axes[1:], boxes.items(), strict=True):
        frame = Rectangle(low, *(high - low), fill=False, edgecolor=colour, linewidth=1.5)
        axes[0].add_patch(frame)
        z1, z2 = (low[j] + (high[j] - low[j]) * cells for j in (0, 1))
        grid = np.stack(np.meshgrid(z1, z2[::-1]), axis=-1).reshape(-1, 2)  # z2 grows upwards
        show(ax, mosaic(model.decode(grid), n), extent=(low[0], high[0], low[1], high[1]))
        ax.set(xlabel="$z_1$", ylabel="$z_2$", title=f"{name}, decoded")
        ax.spines[:].set(visible=True, color=colour, linewidth=1.5)
        ax.set_aspect("auto")
        ax.set_box_aspect(height / width)  # as an image's, since there are as many rows as columns
    title_above(axes, title)
    return axes


@styled
@takes(distances=each(each(numbers)))
def plot_nearest_distances(
    distances: Mapping[str, Mapping[str, np.ndarray]],
    title: str | None = None,
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Histograms of the distance to the nearest real digit, a panel for each model (row L07).

    Dotted lines are medians. The axis ends at the distance that 99.5 % of all keep below.

    Args:
        distances: name of a panel → (name of what was measured → distances).
        title: of the figure.
        axes: as many Matplotlib axes as panels, or None for a new figure.

    Returns:
        The axes.
    """
    axes = panels_or_new(axes, 1, len(distances), figsize=(9, 2.8), sharex=True, sharey=True)[0]
    every = np.concatenate([values for panel in distances.values() for values in panel.values()])
    bins = np.linspace(0, np.quantile(every, 0.995), 45)
    for ax, (name, panel) in zip(axes, distances.items(), strict=True):
        for colour, (label, values) in zip(
            (GREEN, BLUE, RED, *COLOURS), panel.items(), strict=False
        ):
            # a density of all, also of those beyond the axis
            each = np.full(len(values), 1 / (len(values) * bins[1]))
            ax.hist(
                values,
                bins,
                weights=each,
                histtype="step",
                linewidth=1.6,
                color=colour,
                label=label,
            )
            ax.axvline(np.median(values), color=colour, linestyle=":", linewidth=1.2)
        ax.set(xlabel="distance to the nearest\nheld-out image", title=name)
    axes[0].plot([], [], ":", color="0.3", label="their medians")
    axes[0].set_ylabel("density")
    handles, labels = axes[0].get_legend_handles_labels()
    axes[0].figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    title_above(axes, title)
    return axes
