"""The latent plane and what happens in it."""

from typing import Any

import matplotlib.patheffects as effects
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle
from matplotlib.transforms import Bbox
from scipy.stats import norm

from vae_keras.models import LatentModel
from vae_keras.plots.arguments import a_planar_model, at_least_one, codes_2d, labels_of, takes
from vae_keras.plots.digits import plot_manifold
from vae_keras.plots.style import (
    RED,
    axes_or_new,
    class_styles,
    panels_or_new,
    styled,
    title_above,
)

DEVIATIONS = 2  # an ellipse is drawn at mu ± 2 sigma along each axis


@styled
@takes(codes=codes_2d, labels=labels_of("codes"))
def plot_codes(
    codes: np.ndarray, labels: np.ndarray, title: str | None = None, ax: Axes | None = None
) -> Axes:
    """Scatter of 2-d codes, coloured by class.

    Args:
        codes: `(n, 2)`.
        labels: `(n,)` classes, numbers or texts.
        title: of the axes.
        ax: Matplotlib axes, or None for a new figure.

    Returns:
        The axes.
    """
    ax = axes_or_new(ax, (5.8, 4.8))
    scatter_classes(ax, codes, labels)
    class_legend(ax, labels)
    ax.set(xlabel="$z_1$", ylabel="$z_2$", title=title)
    return ax


@styled
@takes(model=a_planar_model, codes=codes_2d, labels=labels_of("codes"), n=at_least_one)
def plot_codes_and_manifold(
    model: LatentModel,
    codes: np.ndarray,
    labels: np.ndarray,
    n: int = 15,
    title: str | None = None,
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Scatter of 2-d codes with the grid of the prior's quantiles, and the same grid decoded.

    Row L10.

    Args:
        model: with a 2-d latent space.
        codes: `(m, 2)` of real images.
        labels: `(m,)` classes.
        n: digits per side, and lines of the grid.
        title: of the figure.
        axes: two Matplotlib axes, or None for a new figure.

    Returns:
        The two axes.
    """
    axes = panels_or_new(axes, 1, 2, figsize=(9.4, 4.4))[0]
    scatter, grid = axes
    plot_codes(codes, labels, title="codes, and where the pictures stand", ax=scatter)
    lines = norm.ppf((np.arange(n) + 0.5) / n)
    options = {"color": "0.35", "linewidth": 0.5, "alpha": 0.6}
    scatter.vlines(lines, lines[0], lines[-1], **options)
    scatter.hlines(lines, lines[0], lines[-1], **options)
    corner, side = (lines[0],) * 2, lines[-1] - lines[0]
    scatter.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=RED, linewidth=1.5))
    scatter.set_aspect("equal")
    plot_manifold(model, n, title="each crossing, decoded", ax=grid)
    grid.spines[:].set(visible=True, color=RED, linewidth=1.5)
    title_above(axes, title)
    return axes


def scatter_classes(ax: Axes, codes: np.ndarray, labels: np.ndarray) -> None:
    """A dot for each code `(n, 2)`, with the colour and the marker of its class."""
    styles = class_styles(labels)
    size = np.clip(20_000 / len(codes), 4, 20)  # few points are drawn larger
    for marker in dict.fromkeys(style.marker for style in styles.values()):
        colours = {name: style.colour for name, style in styles.items() if style.marker == marker}
        chosen = np.isin(labels, list(colours))
        c = [colours[name] for name in labels[chosen].tolist()]
        x, y = codes[chosen].T
        ax.scatter(x, y, c=c, s=size, marker=marker, linewidths=0, alpha=0.6)


def draw_ellipses(ax: Axes, mean: np.ndarray, sigma: np.ndarray, **options: Any) -> None:
    """One ellipse at mean ± DEVIATIONS · sigma for each row."""
    size = 2 * DEVIATIONS * sigma
    options = {"facecolors": "none", "linewidths": 1.2, **options}
    widths, heights = size.T
    ellipses = EllipseCollection(
        widths,
        heights,
        np.zeros(len(mean)),
        units="xy",
        offsets=mean,
        offset_transform=ax.transData,
        **options,
    )
    ax.add_collection(ellipses)
    ax.update_datalim(np.concatenate([mean - size / 2, mean + size / 2]))


def class_legend(ax: Axes, labels: np.ndarray) -> None:
    """The classes' names and colours, to the right of the axes."""
    styles = class_styles(labels)
    for name, (colour, marker, _) in styles.items():
        ax.plot([], [], marker, color=colour, label=f"{name}")
    columns = -(-len(styles) // 14)
    place: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1, 0.5), "handletextpad": 0.1}
    ax.legend(**place, ncols=columns, borderaxespad=0.2, handlelength=1.2)


def name_classes(ax: Axes, codes: np.ndarray, labels: np.ndarray) -> None:
    """Each class's name at the median of its codes, or as near above or below as others leave room.

    Light names are outlined in black, dark ones in white.
    """
    middle = np.mean(ax.get_ylim())
    taken: list[Bbox] = []
    for name, style in class_styles(labels).items():
        place = np.median(codes[labels == name], axis=0)
        if not ax.viewLim.contains(*place):
            continue
        text = ax.annotate(f"{name}", place, (0, 0), textcoords="offset points")
        text.set_annotation_clip(False)  # else one on the very edge has no extent to move
        text.set(color=style.colour, fontweight="bold", ha="center", va="center")
        text.set_fontsize(15 if len(f"{name}") <= 2 else 10)
        outline = "black" if np.dot(to_rgb(style.colour), (0.3, 0.6, 0.1)) > 0.6 else "white"
        text.set_path_effects([effects.withStroke(linewidth=3, foreground=outline)])
        box = text.get_window_extent().padded(0.5)  # half a pixel: texts are drawn on whole ones
        point, up = text.figure.dpi / 72, 0
        while any(box.translated(0, point * up).overlaps(other) for other in taken):
            up += 1 if place[1] < middle else -1
        text.xyann = (0, up)
        taken.append(box.translated(0, point * up))
