"""The two computation graphs of the slide "Reparametrization Trick" (row L39)."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from vae_keras.plots.style import BLUE, ORANGE, RED, axes_or_new, styled

PALE_BLUE, PALE_ORANGE = "#DCEBF6", "#FCEBCB"
GREY = "0.35"
# half a box's width, half the box of z, half a height
WIDTH, WIDE, HEIGHT, GAP = 0.55, 1.12, 0.42, 0.08
TOP_ROW, BOTTOM_ROW = 5.0, 1.1  # heights of the two graphs


@styled
def plot_reparameterization_graph(title: str | None = None, ax: Axes | None = None) -> Axes:
    """Two graphs from x to the loss: drawing z stops the gradient, drawing epsilon lets it reach
    the encoder (row L39).

    Boxes compute, circles draw at random; grey arrows carry values, red ones gradients.

    Args:
        title: of the axes.
        ax: Matplotlib axes, or None for a new figure.

    Returns:
        The axes.
    """
    ax = axes_or_new(ax, (9, 5.6))
    for y, heading, drawn in (
        (TOP_ROW, "Original form: $z$ itself is drawn", True),
        (
            BOTTOM_ROW,
            "Reparameterized form: only $\\varepsilon$ is drawn, and it depends on no weight",
            False,
        ),
    ):
        _graph(ax, y, drawn)
        ax.text(-0.6, y + 1.75, heading, fontsize=12, fontweight="bold", va="center")
    _legend(ax, -1.5)
    ax.set(xlim=(-0.7, 12.6), ylim=(-1.85, 7.1), aspect="equal", title=title)
    ax.axis("off")
    return ax


def _graph(ax, y, drawn):
    """One row: x → encoder → mu, sigma → z → decoder → loss; `drawn`: whether z is random."""
    x, encoder, z, decoder, loss = (0.0, y), (2.0, y), (7.2, y), (9.6, y), (11.8, y)
    for centre, text in (
        (x, "$x$"),
        (encoder, "$E_\\phi$"),
        (decoder, "$D_\\theta$"),
        (loss, "loss"),
    ):
        _box(ax, centre, text)
    _edge(ax, x, encoder, gradient=False)
    for text, side, derivative in (
        ("$\\mu$", 1, "\\mu = 1"),
        ("$\\sigma$", -1, "\\sigma = \\varepsilon"),
    ):
        head = (4.2, y + 0.8 * side)
        _box(ax, head, text)
        _edge(ax, encoder, head, gradient=not drawn, aside=0.2 * side)
        _edge(
            ax,
            head,
            z,
            gradient=not drawn,
            end_half=WIDE,
            aside_end=(0.35 if drawn else 0.22) * side,
        )
        if not drawn:
            ax.text(
                5.55,
                y + 1.0 * side,
                f"$\\partial z/\\partial {derivative}$",
                color=RED,
                ha="center",
                va="center",
            )
    if drawn:
        _circle(ax, z, "$z \\sim$\n$\\mathcal{N}(\\mu, \\sigma^2)$", WIDE)
        ax.plot(z[0] - WIDE, y, "X", color=RED, markersize=13, markeredgecolor="white", zorder=5)
    else:
        epsilon = (z[0], y - 1.55)
        _box(ax, z, "$z = \\mu + \\sigma\\odot\\varepsilon$", WIDE)
        _circle(ax, epsilon, "$\\varepsilon$")
        ax.text(
            epsilon[0] + 0.65, epsilon[1], "$\\varepsilon \\sim \\mathcal{N}(0, I)$", va="center"
        )
        _arrow(ax, (z[0], epsilon[1] + HEIGHT + GAP), (z[0], y - HEIGHT - GAP), GREY)
    news = "no gradient\nreaches $\\phi$" if drawn else "$\\phi$ gets its\ngradient"
    ax.text(encoder[0], y - HEIGHT - 0.15, news, color=RED, ha="center", va="top")
    _edge(ax, z, decoder, gradient=True, start_half=WIDE)
    _edge(ax, decoder, loss, gradient=True)


def _box(ax, centre, text, width=WIDTH, height=HEIGHT):
    """A node that computes."""
    corner = (centre[0] - width, centre[1] - height)
    shape = FancyBboxPatch(corner, 2 * width, 2 * height, boxstyle="round,pad=0,rounding_size=0.15")
    _node(ax, shape, centre, text, PALE_BLUE, BLUE)


def _circle(ax, centre, text, radius=HEIGHT):
    """A node that draws at random."""
    _node(ax, Circle(centre, radius), centre, text, PALE_ORANGE, ORANGE)


def _node(ax, shape, centre, text, fill, edge):
    shape.set(facecolor=fill, edgecolor=edge, linewidth=1.5)
    ax.add_patch(shape)
    ax.text(*centre, text, ha="center", va="center", fontsize=12)


def _edge(ax, start, end, gradient, start_half=WIDTH, end_half=WIDTH, aside=0.0, aside_end=0.0):
    """A grey arrow from node to node, right to left side, and a red one back if a gradient passes.

    `aside` and `aside_end` move its ends up, so that two edges of one node do not meet.
    """
    start = np.array([start[0] + start_half + GAP, start[1] + aside])
    end = np.array([end[0] - end_half - GAP, end[1] + aside_end])
    apart = np.array([0, 0.1 if gradient else 0])
    _arrow(ax, start + apart, end + apart, GREY)
    if gradient:
        _arrow(ax, end - apart, start - apart, RED)


def _arrow(ax, start, end, colour):
    style = "-|>,head_length=5,head_width=2.6"
    ax.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle=style, color=colour, linewidth=1.5, shrinkA=0, shrinkB=0
        )
    )


def _legend(ax, y):
    _box(ax, (-0.2, y), "", 0.3, 0.24)
    ax.text(0.3, y, "computes", va="center")
    _circle(ax, (2.8, y), "", 0.26)
    ax.text(3.25, y, "draws at random", va="center")
    _arrow(ax, (6.3, y), (7.2, y), GREY)
    ax.text(7.35, y, "value", va="center")
    _arrow(ax, (9.9, y), (9.0, y), RED)
    ax.text(10.05, y, "gradient of the loss", va="center")
