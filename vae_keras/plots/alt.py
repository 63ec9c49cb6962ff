"""Alt text: what a figure says to those who do not see it."""

import re
import sys
from typing import Any
from weakref import WeakKeyDictionary

from matplotlib.axes import Axes
from matplotlib.figure import Figure

# What `_plain` would leave unreadable: \mu becomes mu, \sigma_\phi(x) becomes sigma_phi(x).
SPOKEN = {
    r"\hat{x}": "x hat",
    r"\mathcal": "",
    r"\varepsilon": "epsilon",
    r"\partial": "∂",
    r"\odot": "·",
    r"\leq": "≤",
    r"\pm": "±",
    r"\sim": "~",
    r"\|": "‖",
    r"\,": " ",
    r"\;": " ",
}
# by a plot of this course: see `styled`
WHAT_IS_DRAWN: WeakKeyDictionary[Axes, str] = WeakKeyDictionary()
LONGEST_LIST = 8  # names; of more, the first two and the last


def alt_text(figure: Figure) -> str:
    """Alt text of a figure: what its plots draw, then titles, axes and legends, as they are now.

    What a plot draws is said by the first sentence of its docstring. A figure that somebody else
    drew is described by its titles, axes and legends alone. What a panel has in common with the one
    before it is not said again.

    Args:
        figure: any Matplotlib figure.

    Returns:
        One line; empty where the figure has no axes or says nothing.
    """
    panels = [ax for ax in figure.axes if ax.get_visible() and ax.get_label() != "<colorbar>"]
    parents = dict.fromkeys([figure, *(ax.figure for ax in panels)])  # subfigures, too
    said = [_plain(parent.get_suptitle()) for parent in parents]
    last: dict[str, str] = {}
    for number, ax in enumerate(panels, start=1):
        facts = {
            "drawn": WHAT_IS_DRAWN.get(ax, ""),
            "title": _plain((ax.get_title() or str(ax.get_label())).replace("\n", ", ")),
        }
        facts |= {"x axis": _axis(ax, "x"), "y axis": _axis(ax, "y")} if ax.axison else {}
        new = {name: fact for name, fact in facts.items() if fact and fact != last.get(name)}
        last |= facts
        said.append(new.pop("drawn", ""))
        named = "; ".join(f"{name}: {fact}" for name, fact in new.items())
        said.append(
            f"Panel {number}, {named}"
            if named and len(panels) > 1
            else named[:1].upper() + named[1:]
        )
    colours = [
        ax.get_ylabel() or ax.get_xlabel() for ax in figure.axes if ax.get_label() == "<colorbar>"
    ]
    legends = [
        *(ax.get_legend() for ax in panels),
        *(legend for parent in parents for legend in parent.legends),
    ]
    names = [text.get_text() for legend in legends if legend for text in legend.get_texts()]
    said += [
        f"{what}: {_list(them)}"
        for what, them in (("Colours", colours), ("Legend", names))
        if any(them)
    ]
    return " ".join(sentence.rstrip(".") + "." for sentence in said if sentence)


def describe_figures() -> None:
    """In a notebook, give every figure that is shown its alt text; elsewhere, do nothing."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        register(shell.display_formatter)


def register(display_formatter: Any) -> None:
    """Let an IPython `DisplayFormatter` add the alt text to each figure.

    VS Code and MyST read it from the plain text, which otherwise says `<Figure size 640x480 with 1
    Axes>`, nbconvert's classic template from the picture's metadata. A mime bundle outlasts
    `%matplotlib inline`, which takes away all formatters that are registered for one kind of
    picture. It is asked first, and sees to it that the picture's own formatter says the text, too:
    a sharp ("retina") one would otherwise leave nothing but its size in the metadata.
    """
    pictures = display_formatter.formatters["image/png"]

    def mime_bundle(figure):
        drawn = pictures.type_printers.get(Figure)
        if drawn is not None and not isinstance(drawn, _WithAltText):
            pictures.for_type(Figure, _WithAltText(drawn))
        text = alt_text(figure)
        return ({"text/plain": text}, {"image/png": {"alt": text}}) if text else ({}, {})

    display_formatter.mimebundle_formatter.for_type(Figure, mime_bundle)


class _WithAltText:
    """A formatter of figures whose metadata say the alt text."""

    def __init__(self, draw):
        self.draw = draw

    def __call__(self, figure):
        drawn, text = self.draw(figure), alt_text(figure)
        picture, metadata = drawn if isinstance(drawn, tuple) else (drawn, {})
        return (picture, {**metadata, "alt": text}) if picture and text else drawn


def _axis(ax: Axes, which: str) -> str:
    """Label of an axis, or of one that shares it; without one, its ticks where they are names."""
    shared = getattr(ax, f"get_shared_{which}_axes")().get_siblings(ax)
    labels = [getattr(sibling, f"get_{which}label")() for sibling in (ax, *shared)]
    ticks = (
        [] if any(labels) else [text.get_text() for text in getattr(ax, f"get_{which}ticklabels")()]
    )
    names = [name for name in ticks if any(map(str.isalpha, _plain(name)))]
    return _plain(next(filter(None, labels), "")) or _list(names)


def _list(names):
    names = [name for name in dict.fromkeys(map(_plain, names)) if name]
    return "; ".join(names if len(names) <= LONGEST_LIST else [*names[:2], "…", names[-1]])


def _plain(text):
    """Text with mathtext in it as text without, in one line."""
    text = re.sub(r"\$(.*?)\$", lambda formula: _spoken(formula[1]), text, flags=re.DOTALL)
    return " ".join(text.split())


def _spoken(formula):
    formula = re.sub(r"\\mathdefault\{.*?\}+", "", formula)  # a number on a logarithmic axis
    for sign, word in SPOKEN.items():
        formula = formula.replace(sign, word)
    return re.sub(r"[\\{}]", "", formula)
