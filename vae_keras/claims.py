"""A statement of the lecture, checked where it stands."""

import numpy as np
from numpy.typing import ArrayLike


def claim(statement: str, holds: ArrayLike, evidence: object = "") -> None:
    """Print `✓ statement` if it holds on this run, else fail with the evidence.

    Args:
        statement: one sentence, the same on every run: numbers belong in `evidence` or in the table beside it.
        holds: one truth value, also NumPy's or TensorFlow's.
        evidence: what was measured; shown when the claim fails.

    Raises:
        AssertionError: the claim does not hold.
        TypeError: `holds` is not one truth value.
    """
    truth = np.asarray(holds)
    if truth.dtype != bool or truth.size != 1:  # bool() would take nan, "False" and any other text as true
        received = f"holds={holds!r}" if truth.size == 1 else f"an array of shape {truth.shape}"
        raise TypeError(f"claim needs one truth value: compare, or use .all() or .any(). Received: {received}")
    if not truth:
        raise AssertionError(f"✗ {statement}" + (f"\n  measured: {evidence}" if str(evidence) else ""))
    print(f"✓ {statement}")
