"""The page: scripts, styles and what they are told, in one file of HTML."""

import json
import pathlib
import re

FOLDER = pathlib.Path(__file__).parent
SCRIPTS = ("networks.js", "drawing.js", "tour.js", "explorer.js")  # one after the other: one module
TOUR_ROWS = sorted(
    set(re.findall(r'"(L\d\d)"', (FOLDER / "tour.js").read_text(encoding="utf-8")))
)  # of the lecture, those that a step of the tour is about


def rows_of_tour(models):
    """Those that the tour of these models has, given what the front end is told: as in tour.js."""
    kinds = {model["kind"] for model in models}
    last = "L35" if len(models) == 1 else "L08" if len(kinds) == 2 else "L26"
    left_out = {"L08", "L26", "L35"} - {last}
    if "VAE" not in kinds:
        left_out |= {"L09", "L14"}
    return [row for row in TOUR_ROWS if row not in left_out]


def script():
    """The front end, of the widget and of the page alike."""
    return "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in SCRIPTS)


def styles():
    """Its styles."""
    return (FOLDER / "explorer.css").read_text(encoding="utf-8")


def whole_page(data):
    """The whole page, as text."""
    text = (FOLDER / "explorer.html").read_text(encoding="utf-8")
    told = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")  # no "</script>"
    parts = {"STYLE": styles(), "SCRIPT": script(), "DATA": told}
    for name, part in parts.items():
        text = text.replace(f"__{name}__", part)
    return text
