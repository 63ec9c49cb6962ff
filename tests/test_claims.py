import contextlib
import io
import sys

import numpy as np
import pytest
import tensorflow as tf

from vae_keras import claim


@pytest.mark.parametrize(
    "holds", [True, np.bool_(True), np.array(True), tf.constant(True)], ids=["python", "numpy", "array", "tensor"]
)
def test_a_claim_that_holds_prints_its_statement(holds, capsys):
    claim("the code is shorter than the image", holds, evidence="2 < 784")
    assert capsys.readouterr().out == "✓ the code is shorter than the image (measured: 2 < 784)\n"
    claim("the code is shorter than the image", holds)
    assert capsys.readouterr().out == "✓ the code is shorter than the image\n"


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        (0.123456, "0.123"),
        (28, "28"),
        (np.int64(10_000), "10,000"),
        (np.float32(27.94), "27.9"),
        (tf.constant(2.0), "2"),
        (np.arange(3) / 3, "0, 0.333, 0.667"),
        (np.arange(20), "0, 1, 2, 3, 4, 5, 6, 7, …"),
        ((1.5, "two"), "1.5, two"),
        ({"AE": 4.8412, "VAE": [1, 2.5]}, "AE 4.84, VAE 1, 2.5"),
        (None, "None"),
    ],
    ids=repr,
)
def test_what_was_measured_stands_beside_the_statement_in_three_digits(evidence, said, capsys):
    claim("it holds", True, evidence)
    assert capsys.readouterr().out == f"✓ it holds (measured: {said})\n"


@pytest.mark.parametrize("holds", [False, np.bool_(False), tf.constant(False)], ids=["python", "numpy", "tensor"])
def test_a_claim_that_fails_raises_with_statement_and_evidence(holds, capsys):
    with pytest.raises(AssertionError, match=r"(?s)✗ the loss falls.*measured: 3\.5 and then 4"):
        claim("the loss falls", holds, evidence="3.5 and then 4")
    assert capsys.readouterr().out == ""


def test_a_claim_that_fails_without_evidence_does_not_announce_any():
    with pytest.raises(AssertionError) as error:
        claim("the loss falls", False)
    assert str(error.value) == "✗ the loss falls"


@pytest.mark.parametrize("evidence", [np.array([3.5, 4.0]), 0, {"first": 3.5}])
def test_evidence_may_be_any_object(evidence):
    with pytest.raises(AssertionError) as error:
        claim("the loss falls", False, evidence)
    assert str(error.value).endswith(str(evidence))


CODE_PAGES = ["cp1252", "ascii"]  # of consoles that have no ✓, as many a Windows' is


def on_console(encoding, show):
    """What a console with this code page shows of what `show` prints."""
    shown = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n", write_through=True)
    with contextlib.redirect_stdout(shown):
        show()
    return shown.buffer.getvalue().decode(encoding)


@pytest.mark.parametrize("encoding", CODE_PAGES)
def test_a_console_without_a_tick_is_told_in_words(encoding):
    shown = on_console(encoding, lambda: claim("the code is shorter", True))
    assert shown == "OK the code is shorter\n"
    assert on_console(encoding, lambda: claim("σ is learned", True)) == "OK ? is learned\n"


@pytest.mark.parametrize("encoding", CODE_PAGES)
def test_a_claim_that_fails_can_be_shown_on_such_a_console(encoding):
    def show():
        with pytest.raises(AssertionError) as error:
            claim("the loss falls", False, "from 3.5 → 4")
        print(error.value)

    assert on_console(encoding, show) == "FAILS the loss falls\n  measured: from 3.5 ? 4\n"


def test_without_a_console_a_claim_is_silent(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    claim("the loss falls", True)
    with pytest.raises(AssertionError, match="✗ the loss falls"):
        claim("the loss falls", False)
