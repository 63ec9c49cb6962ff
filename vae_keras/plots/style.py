"""One style for every figure of the course."""

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any, NamedTuple, ParamSpec, TypeVar

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from vae_keras.plots.alt import WHAT_IS_DRAWN

P = ParamSpec("P")
Drawn = TypeVar("Drawn", Axes, np.ndarray)

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
CLASS_COLOURS = (  # Tol's "muted" scheme and black: for ten classes, each of them also named
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
CLASS_MARKS = (("o", "-"), ("^", "--"), ("s", ":"))  # marker and line, of each next ten classes
INK = "gray_r"  # digits as ink on paper
SIGNED = LinearSegmentedColormap.from_list("signed", (BLUE, "white", RED))
HEAT = "viridis"

STYLE = {
    "axes.grid": False,
    "axes.prop_cycle": plt.cycler(color=COLOURS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": "medium",
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "figure.facecolor": "white",  # opaque, so that a figure can be read on a dark page, too
    "figure.titlesize": "medium",
    "font.size": 10,
    "image.cmap": INK,
    "image.interpolation": "nearest",
    "legend.frameon": False,
}


class ClassStyle(NamedTuple):
    """How a class is drawn, wherever it is."""

    colour: str
    marker: str
    line: str


def class_styles(labels: np.ndarray) -> dict[Any, ClassStyle]:
    """Class → its style. Beyond ten, colours come again with another marker and line.

    Whole numbers from 0 on have theirs whatever other classes there are; texts, and numbers too
    high for that, are counted in their order.
    """
    classes = np.unique(labels)
    count = len(CLASS_COLOURS) * len(CLASS_MARKS)
    low = classes.dtype.kind in "iu" and classes[0] >= 0 and classes[-1] < count
    places = classes if low else range(len(classes))
    styles = {}
    for name, place in zip(classes.tolist(), places, strict=True):
        again, colour = divmod(int(place), len(CLASS_COLOURS))
        styles[name] = ClassStyle(CLASS_COLOURS[colour], *CLASS_MARKS[again % len(CLASS_MARKS)])
    return styles


def styled(plot: Callable[P, Drawn]) -> Callable[P, Drawn]:
    """Draw in the course's style, keep the reader's settings, and record what is on the axes.

    The first sentence of the plot's docstring, without the lecture's rows, begins the alt text.
    """
    first = " ".join((inspect.getdoc(plot) or "").partition("\n\n")[0].split())
    what_is_drawn = re.sub(r" \(rows? L.*?\)", "", first)

    @functools.wraps(plot)
    def in_style(*args: P.args, **kwargs: P.kwargs) -> Drawn:
        # Matplotlib's defaults first: the reader's style may be a dark one.
        with plt.style.context(["default", STYLE]):
            axes = plot(*args, **kwargs)
        for ax in axes.flat if isinstance(axes, np.ndarray) else [axes]:
            WHAT_IS_DRAWN[ax] = what_is_drawn
        return axes

    return in_style


def axes_or_new(ax: Axes | None, figsize: tuple[float, float]) -> Axes:
    """The axes to draw on: those given, or those of a new figure."""
    if ax is None:
        return plt.subplots(figsize=figsize)[1]
    if not isinstance(ax, Axes):
        raise TypeError(
            f"ax must be Matplotlib axes, or None for a new figure. Received: a {type(ax).__name__}"
        )
    return ax


def panels_or_new(
    axes: np.ndarray | None, rows: int, columns: int, figsize: tuple[float, float], **options: Any
) -> np.ndarray:
    """The axes to draw on, `(rows, columns)`: those given, in any shape in reading order, or those
    of a new figure.
    """
    if axes is None:
        return plt.subplots(rows, columns, figsize=figsize, squeeze=False, **options)[1]
    panels = np.ravel(np.asarray(axes, object))
    if len(panels) != rows * columns or not all(isinstance(ax, Axes) for ax in panels):
        kinds = ", ".join(sorted({type(ax).__name__ for ax in panels})) or "none"
        raise TypeError(
            f"axes must be {rows * columns} Matplotlib axes. "
            f"Received: {len(panels)} of type {kinds}"
        )
    return panels.reshape(rows, columns)


def title_above(axes: np.ndarray, title: str | None) -> None:
    """The title of a figure, or of the subfigure that holds the axes."""
    if title is not None:
        axes.flat[0].figure.suptitle(title)
