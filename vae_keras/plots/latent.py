"""The latent plane and what happens in it."""

import matplotlib.patheffects as effects
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from vae_keras.plots.arguments import codes_2d, labels_of, takes
from vae_keras.plots.style import CLASS_COLOURS, axes_or_new, styled


@styled
@takes(codes=codes_2d, labels=labels_of("codes"))
def plot_codes(codes: np.ndarray, labels: np.ndarray, title: str | None = None, ax: Axes | None = None) -> Axes:
    """Scatter of 2-d codes, coloured by class, each class named at its median.

    Args:
        codes: `(n, 2)`.
        labels: `(n,)` digits.
        title: of the axes.
        ax: Matplotlib axes, or None for a new figure.

    Returns:
        The axes.
    """
    ax = axes_or_new(ax, (5.5, 5))
    colours = np.array(CLASS_COLOURS)[labels]
    size = np.clip(20_000 / len(codes), 4, 20)  # few points are drawn larger
    ax.scatter(codes[:, 0], codes[:, 1], c=colours, s=size, linewidths=0, alpha=0.6)
    name_classes(ax, codes, labels)
    ax.set(xlabel="$z_1$", ylabel="$z_2$", title=title)
    return ax


def name_classes(ax: Axes, codes: np.ndarray, labels: np.ndarray) -> None:
    """Each class's digit at the median of its codes, light ones outlined in black and dark ones in white."""
    for digit in np.unique(labels):
        x, y = np.median(codes[labels == digit], axis=0)
        colour = CLASS_COLOURS[digit]
        outline = "black" if np.dot(to_rgb(colour), (0.3, 0.6, 0.1)) > 0.6 else "white"
        ax.text(x, y, digit, color=colour, fontsize=15, fontweight="bold", ha="center", va="center",
                path_effects=[effects.withStroke(linewidth=3, foreground=outline)], clip_on=True)  # fmt: skip
