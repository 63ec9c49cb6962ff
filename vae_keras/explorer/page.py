"""The page: explorer.js, its styles and what it is told, in one file of HTML."""

import json
import pathlib

FOLDER = pathlib.Path(__file__).parent


def whole_page(data):
    """The whole page, as text."""
    parts = {"STYLE": (FOLDER / "explorer.css"), "SCRIPT": (FOLDER / "explorer.js")}
    text = (FOLDER / "explorer.html").read_text(encoding="utf-8")
    for name, file in parts.items():
        text = text.replace(f"__{name}__", file.read_text(encoding="utf-8"))
    told = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")  # no "</script>"
    return text.replace("__DATA__", told)
