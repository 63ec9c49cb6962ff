"""One style for every figure of the course."""

import functools

import matplotlib.pyplot as plt

# Okabe and Ito 2008: told apart with every kind of colour vision.
BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, RED, PINK = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)
COLOURS = (BLUE, ORANGE, GREEN, RED, PINK, SKY, BLACK, YELLOW)
CLASS_COLOURS = (  # Tol's "muted" scheme and black: ten classes, each also marked by its digit
    "#332288",
    "#88CCEE",
    "#44AA99",
    "#117733",
    "#999933",
    "#DDCC77",
    "#CC6677",
    "#882255",
    "#AA4499",
    "#000000",
)
INK = "gray_r"  # digits as ink on paper
HEAT = "viridis"

STYLE = {
    "axes.grid": False,
    "axes.prop_cycle": plt.cycler(color=COLOURS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": "medium",
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "font.size": 10,
    "image.cmap": INK,
    "image.interpolation": "nearest",
    "legend.frameon": False,
    "savefig.facecolor": "white",
}


def styled(plot):
    """Draw in the course's style without changing the reader's own settings."""

    @functools.wraps(plot)
    def in_style(*args, **kwargs):
        with plt.rc_context(STYLE):
            return plot(*args, **kwargs)

    return in_style


def axes_or_new(ax, figsize):
    """The axes to draw on: those given, or those of a new figure."""
    return ax if ax is not None else plt.subplots(figsize=figsize)[1]
