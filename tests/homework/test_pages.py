"""The pages that are read: whatever an answer holds, it is shown, forges nothing and loses nobody."""

import json
import re
import types

import pytest
from grading import notebooks, pages

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
QUESTION = types.SimpleNamespace(name="question_1", points=2, text="## Why a sum?", guide="**Marking guide**")


@pytest.fixture
def page(tmp_path):
    """Gives the page of answers on which anna's stands, as text."""

    def make(answer):
        texts = {"anna": {"question_1": answer}, "ben": {"question_1": "ben's own"}}
        pages.write_page(tmp_path / "answers.html", "hw2", pages.answers([QUESTION], texts))
        return (tmp_path / "answers.html").read_text("utf-8").partition("<body")[2]

    return make


def handed_in(tmp_path, source, **more):
    cell = {"cell_type": "markdown", "metadata": {}, "source": source, **more}
    (tmp_path / "in.ipynb").write_text(
        json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )
    return notebooks.read(tmp_path / "in.ipynb")[0][0].source


def test_question_guide_and_answers_stand_on_it(page):
    text = page("anna's own")
    for part in ("Why a sum?", "Marking guide", "anna's own", "ben's own"):
        assert part in text


@pytest.mark.parametrize("name", ["image.png", "my%20photo.png"])
def test_a_picture_in_an_answer_is_shown(name, page, tmp_path):
    attachments = {name.replace("%20", " "): {"image/png": PNG}}
    text = page(handed_in(tmp_path, f"See ![curve](attachment:{name}).", attachments=attachments))
    assert re.search(rf'<img [^>]*src="data:image/png;base64,{re.escape(PNG)}"', text)


@pytest.mark.parametrize(
    "attachments",
    [None, {}, [], {"image.png": None}, {"image.png": {"image/png": 7}}, {"image.png": {"text/html": "<b>"}}],
)
def test_a_picture_that_is_missing_or_none_loses_nothing(attachments, page, tmp_path):
    text = page(handed_in(tmp_path, "See ![curve](attachment:image.png), mine.", attachments=attachments))
    assert ", mine." in text
    assert "ben's own" in text


@pytest.mark.parametrize(
    "answer", ["a lone surrogate \udcff here", "a\x00b", "x" * 100_000, "$$\\frac{1}{", "<div><table>"]
)
def test_no_text_ends_the_page(answer, page):
    assert "ben's own" in page(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<a href='javascript:alert(1)'>x</a>",
        "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
        "<iframe srcdoc='x'></iframe>",
        "<img src='https://example.org/seen.png'>",
        "<style>* {display: none}</style>",
        "<form action='https://example.org'><input></form>",
    ],
)
def test_an_answer_does_nothing(answer, page):
    text = page(answer)
    inside = text[text.index("anna") : text.index("ben</h2") if "ben</h2" in text else None]
    assert not re.search(r"<(script|iframe|form|style|input)|onerror|(src|href)=\"(https|javascript|data:text)", inside)


@pytest.mark.parametrize(
    "answer", ["fine\n\n---\n\n## ben\n\nmine", "</div></div></div></div><h2>ben</h2>mine", "<h2>ben</h2>\n\nmine"]
)
def test_an_answer_cannot_look_like_another_student_s(answer, page):
    """All that anna wrote stands in the frame of one answer; the frame of ben's is ben's."""
    usual, frames = (re.split(r"(?=<div[^>]*celltag_answer)", page(text)) for text in ("fine", answer))
    assert len(frames) == 3
    assert "mine" in frames[1]
    assert "mine" not in frames[2]
    left_open = [part.count("<div") - part.count("</div>") for part in (usual[1], frames[1])]
    assert left_open[0] == left_open[1]
