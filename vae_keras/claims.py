"""A statement of the lecture, checked where it stands."""


def claim(statement, holds, evidence=""):
    """Print `✓ statement` if it holds on this run, else fail with the evidence.

    Args:
        statement: one sentence, the same on every run: numbers belong in `evidence` or in the table beside it.
        holds: one truth value, also NumPy's or TensorFlow's.
        evidence: what was measured; shown when the claim fails.

    Raises:
        AssertionError: the claim does not hold.
        TypeError: `holds` is not one truth value.
    """
    try:
        holds = bool(holds)
    except (ValueError, TypeError) as error:
        raise TypeError(f"claim needs one truth value; use .all() or .any(). Received: holds={holds!r}") from error
    if not holds:
        raise AssertionError(f"✗ {statement}" + (f"\n  measured: {evidence}" if evidence != "" else ""))
    print(f"✓ {statement}")
