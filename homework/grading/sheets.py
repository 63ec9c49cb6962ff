"""CSV files as spreadsheets and learning platforms write them."""

import csv
import dataclasses
import io
import re

from vae_keras.support.files import whole_or_not_at_all

FORMULA = re.compile(r"'*[=+\-@＝＋－＠\t\r\n]")
LONGEST = 32_000  # characters of a cell; Excel breaks what is longer
csv.field_size_limit(2**30)


@dataclasses.dataclass
class Sheet:
    """A table, and the way in which its file was written. Each row is a list of cells."""

    header: list
    rows: list
    encoding: str = "utf-8-sig"
    delimiter: str = ","
    end: str = "\r\n"


def readable(text):
    """A text that every file can hold: of names that are not UTF-8, the bytes are written out."""
    return str(text).encode("utf-8", "backslashreplace").decode()


def number(cell):
    """The number in a cell, whichever decimal mark it has; None if there is none."""
    text = str(cell).strip().replace(",", ".")
    return float(text) if re.fullmatch(r"[+-]?\d+\.?\d*|[+-]?\.\d+", text) else None


def in_words(points):
    """Points in few words: 3, 2.5; a text stays."""
    return points if isinstance(points, str) else f"{points:g}"


def safe(cell):
    """A cell that no spreadsheet takes for a formula; `plain` gives back what it was."""
    text = readable(cell)
    text = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return f"'{text}" if FORMULA.match(text) and number(text) is None else text


def plain(cell):
    """The cell without the apostrophe of `safe`."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell


def read(path):
    """Read a CSV file, whatever separates its cells and whatever encodes them.

    Raises:
        ValueError: it is empty or not a CSV file.
    """
    content = path.read_bytes()
    if content.startswith(b"PK"):
        raise ValueError(f"a table must be a CSV file: open it in the spreadsheet, save it as CSV. Received: {path}")
    encoding, text = _decoded(content)
    text = re.sub(r"\Asep=.\r?\n", "", text)  # a hint of Excel's to itself
    if not text.strip():
        raise ValueError(f"a table needs a line of column names: it is empty. Received: {path}")
    delimiter = max(",;\t", key=lambda mark: len(_cells(text, mark)[0]))
    header, *rows = _cells(text, delimiter)
    rows = [row + [""] * (len(header) - len(row)) for row in rows]
    return Sheet(header, rows, encoding, delimiter, "\r\n" if "\r\n" in text else "\n")


def _cells(text, delimiter):
    return [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]


def _decoded(content):
    """(encoding, text) of bytes: UTF-8, or what Excel writes on Windows."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16", content.decode("utf-16")
    mark = "utf-8-sig" if content.startswith(b"\xef\xbb\xbf") else "utf-8"
    for encoding in (mark, "cp1252"):
        try:
            return encoding, content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return "latin-1", content.decode("latin-1")


def write(path, sheet):
    """Write a sheet as its file was written; the old file stays until the new one is whole."""
    with whole_or_not_at_all(path) as new, open(new, "w", newline="", encoding=sheet.encoding) as file:
        writer = csv.writer(file, delimiter=sheet.delimiter, lineterminator=sheet.end)
        writer.writerow(sheet.header)
        writer.writerows(sheet.rows)
