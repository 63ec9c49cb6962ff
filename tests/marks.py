"""Marks for one row of a parametrised test."""

import pytest


def slow(*values):
    """A row that runs with --everything, beside quick ones that resemble it."""
    return pytest.param(*values, marks=pytest.mark.slow)
