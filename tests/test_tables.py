import numpy as np
import pytest

from vae_keras import Table


def test_a_table_is_markdown_in_a_notebook_and_text_on_a_console():
    table = Table({"PCA": [43.638, 13], "q(z|x)": [-0.5, None]}, columns=["error", "n"], corner="by")
    assert table._repr_markdown_().splitlines() == [
        "| by | error | n |",
        "| :-- | --: | --: |",
        "| PCA | 43.64 | 13 |",
        "| q(z\\|x) | −0.50 | – |",
    ]
    assert repr(table).splitlines() == ["by      error   n", "PCA     43.64  13", "q(z|x)  −0.50   –"]


def test_rows_may_be_dictionaries_and_the_first_one_orders_the_columns():
    table = Table({"a": {"x": 1, "y": 2}, "b": {"y": 3, "z": 4}})
    assert repr(table).splitlines() == ["   x  y  z", "a  1  2  –", "b  –  3  4"]


def test_rows_may_be_single_values():
    assert repr(Table({"weights": 549_826, "of": "it"})).splitlines() == [
        "         measured",
        "weights   549,826",
        "of             it",
    ]


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [
        (1234567, 2, "1,234,567"),
        (np.float32(0.5), 2, "0.50"),
        (0.0004, 2, "4.0e−04"),
        (-0.0004, 2, "−4.0e−04"),
        (0.0, 2, "0.00"),
        (np.array(2.0), 1, "2.0"),
        (12345.678, 1, "12,345.7"),
        (True, 2, "True"),
        ((1, 2), 2, "(1, 2)"),
    ],
)
def test_a_number_has_as_many_decimals_as_asked_for(value, digits, shown):
    assert repr(Table({"a": [value]}, ["x"], digits)).split()[-len(shown.split()) :] == shown.split()


def test_what_is_no_table_is_refused():
    for rows, received in (({}, "an empty one"), ([1, 2], "a list")):
        with pytest.raises(TypeError, match=f"rows must be a dictionary.* Received: {received}"):
            Table(rows)
    with pytest.raises(ValueError, match=r"each of the 2 columns\. Received: 1 in 'a'"):
        Table({"a": [1]}, ["x", "y"])
