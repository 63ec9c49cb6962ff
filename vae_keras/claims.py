"""A statement of the lecture, checked where it stands."""

import sys
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

SHOWN = 8  # numbers beside a statement; of more, the first ones


def claim(statement: str, holds: ArrayLike, evidence: object = "") -> None:
    """Print `✓ statement (measured: …)` if it holds on this run, else fail with the evidence.

    Args:
        statement: one sentence, the same on every run: numbers belong in `evidence` or in the table
            beside it.
        holds: one truth value, also NumPy's or TensorFlow's.
        evidence: what was measured: a text, numbers, or a dictionary of them by name.

    Raises:
        AssertionError: the claim does not hold.
        TypeError: `holds` is not one truth value.
    """
    truth = np.asarray(holds)
    # bool() would take nan, "False" and any other text as true
    if truth.dtype != bool or truth.size != 1:
        received = f"holds={holds!r}" if truth.size == 1 else f"an array of shape {truth.shape}"
        raise TypeError(
            f"claim needs one truth value: compare, or use .all() or .any(). Received: {received}"
        )
    if not truth:
        measured = f"\n  measured: {evidence}" if str(evidence) else ""
        raise AssertionError(_printable(f"✗ {statement}{measured}"))
    measured = f" (measured: {said(evidence)})" if str(evidence) else ""
    print(_printable(f"✓ {statement}{measured}"))


def said(evidence: object) -> str:
    """Evidence in one line: numbers to three digits."""
    if isinstance(evidence, Mapping):
        return ", ".join(f"{name} {said(value)}" for name, value in evidence.items())
    if isinstance(evidence, tuple | list):
        return ", ".join(map(said, evidence))
    values = np.asarray(evidence)
    if values.dtype.kind not in "iuf":
        return str(evidence)
    form = "{:,}" if values.dtype.kind in "iu" else "{:.3g}"
    shown = [form.format(value) for value in values.flat[:SHOWN]]
    return ", ".join(shown + ["…"] * (values.size > SHOWN))


def _printable(text):
    """As it is, or in words where the console's code page, as Windows' cp1252, has no ✓ or σ."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"  # there may be no console
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.replace("✓", "OK", 1).replace("✗", "FAILS", 1)
        return text.encode(encoding, "replace").decode(encoding)
    return text
