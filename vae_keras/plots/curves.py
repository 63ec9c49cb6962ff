"""Curves: training, and quantities along a sweep."""

from collections.abc import Sequence

import keras
from matplotlib.axes import Axes

from vae_keras.plots.arguments import a_history, takes
from vae_keras.plots.style import COLOURS, axes_or_new, styled

TERM_NAMES = {"loss": "loss", "reconstruction_loss": "reconstruction", "kl_loss": "KL"}


@styled
@takes(history=a_history)
def plot_history(
    history: keras.callbacks.History,
    terms: Sequence[str] = ("loss",),
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Curves of loss terms over training: solid on the training images, dashed on the held-out
    ones.

    Args:
        history: what `train` or `fit` returned.
        terms: which of "loss", "reconstruction_loss", "kl_loss".
        title: of the axes.
        ax: Matplotlib axes, or None for a new figure.

    Returns:
        The axes.
    """
    ax = axes_or_new(ax, (5, 3.4))
    for term, colour in zip(terms, COLOURS, strict=False):
        for prefix, line, name in (("", "-", "training"), ("val_", "--", "held-out")):
            if prefix + term in history.history:
                values = history.history[prefix + term]
                ax.plot(
                    range(1, len(values) + 1),
                    values,
                    line,
                    color=colour,
                    label=f"{TERM_NAMES[term]}, {name}",
                )
    ax.locator_params(axis="x", integer=True)
    ax.set(xlabel="epoch", ylabel="nats per image", title=title)
    ax.legend()
    return ax
