"""Tables of what was measured: in a notebook they look like tables, on a console like text."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


class Table:
    """Rows of numbers or texts, each with its name; the last line of a cell shows it.

    Args:
        rows: name → values, one for each column; or name → (column → value), where a value that is
            missing is shown as a dash; or name → the one value of that row.
        columns: names of the columns; those of the first row where rows are dictionaries.
        digits: decimals of a number that is not whole.
        corner: what the rows' names are.

    Raises:
        TypeError: rows is not a dictionary that holds something.
        ValueError: a row has more or fewer values than there are columns.
    """

    def __init__(
        self,
        rows: Mapping[str, Any],
        columns: Sequence[str] | None = None,
        digits: int = 2,
        corner: str = "",
    ) -> None:
        if not isinstance(rows, Mapping) or not rows:
            received = "an empty one" if isinstance(rows, Mapping) else f"a {type(rows).__name__}"
            raise TypeError(f"rows must be a dictionary, name → values. Received: {received}")
        if not any(isinstance(row, Mapping | tuple | list | np.ndarray) for row in rows.values()):
            rows, columns = {name: [value] for name, value in rows.items()}, columns or ["measured"]
        if columns is None:
            columns = list(dict.fromkeys(name for row in rows.values() for name in dict(row)))
        self.columns = [corner, *map(str, columns)]
        self.rows = []
        for name, row in rows.items():
            values = [row.get(c) for c in columns] if isinstance(row, Mapping) else list(row)
            if len(values) != len(columns):
                raise ValueError(
                    f"a row must have a value for each of the {len(columns)} columns. "
                    f"Received: {len(values)} in {name!r}"
                )
            self.rows.append([str(name), *(_cell(value, digits) for value in values)])

    def _repr_markdown_(self):
        lines = [self.columns, [":--", *["--:"] * (len(self.columns) - 1)], *self.rows]
        rows = (" | ".join(cell.replace("|", "\\|") for cell in cells) for cells in lines)
        return "\n".join(f"| {row} |" for row in rows)

    def __repr__(self):
        widths = [max(map(len, column)) for column in zip(self.columns, *self.rows, strict=True)]
        lines = []
        for first, *others in [self.columns, *self.rows]:
            cells = [first.ljust(widths[0])]
            cells += [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
            lines.append("  ".join(cells).rstrip())
        return "\n".join(lines)


def _cell(value, digits):
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    number = np.asarray(value)
    if number.size != 1 or number.dtype.kind not in "iuf":
        return str(value)
    if number.dtype.kind in "iu":
        return f"{number.item():,}"
    number = number.item()
    if 0 < abs(number) < 0.5 * 10.0**-digits:
        return f"{number:.1e}".replace("-", "−")
    return f"{number:,.{digits}f}".replace("-", "−")
