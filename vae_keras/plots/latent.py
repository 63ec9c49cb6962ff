"""The latent plane and what happens in it."""

import matplotlib.patheffects as effects
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.transforms import Bbox

from vae_keras.plots.arguments import codes_2d, labels_of, takes
from vae_keras.plots.style import axes_or_new, class_styles, styled


@styled
@takes(codes=codes_2d, labels=labels_of("codes"))
def plot_codes(
    codes: np.ndarray, labels: np.ndarray, title: str | None = None, ax: Axes | None = None
) -> Axes:
    """Scatter of 2-d codes, coloured by class, each class named at its median.

    Args:
        codes: `(n, 2)`.
        labels: `(n,)` classes, numbers or texts.
        title: of the axes.
        ax: Matplotlib axes, or None for a new figure.

    Returns:
        The axes.
    """
    ax = axes_or_new(ax, (5.5, 5))
    scatter_classes(ax, codes, labels)
    name_classes(ax, codes, labels)
    ax.set(xlabel="$z_1$", ylabel="$z_2$", title=title)
    return ax


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
