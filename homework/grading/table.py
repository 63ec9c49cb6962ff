"""The table of grades, so written that no mark is lost: neither a computed one nor one entered by hand.

`Ledger` keeps what is computed, a line for each student, from the moment it is known: a run that was ended goes on.
`write_table` writes grades.csv out of it, and takes over what a human has entered in the old one. `fill_gradebook`
carries the totals into the table that Moodle or Canvas wants back.
"""

import hashlib
import json
import os
import pathlib
import re
import unicodedata

from grading import sheets
from grading.sheets import in_words, number
from grading.submissions import Roster

ENTERED = ("override", "note")  # columns for a human


class Ledger:
    """GRADES/graded.jsonl: a line for each student that is done, on the disk before the next one begins.

    A row is {"student", "fingerprint", "results": {check: (points, reason)}, "remarks": [], "files": [], …}; what else
    it holds is kept too. `rows` is {student: the newest row}.
    """

    def __init__(self, folder):
        self.path = pathlib.Path(folder) / "graded.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.rows, self._known = {}, {}
        lines = self.path.read_bytes().splitlines(keepends=True) if self.path.exists() else []
        for line in lines:
            self._keep(_row(line))
        if lines and not lines[-1].endswith(b"\n"):  # torn: the process was killed while it wrote
            self._append(b"\n")

    def done(self, student, fingerprint):
        """The row of this student, if the same was graded before; else None."""
        row = self._known.get((student, fingerprint))
        if row and row is not self.rows[student]:  # after another file, the first one again
            self.add(row)
        return row and self.rows[student]

    def add(self, row):
        """Keep a row, on the disk."""
        line = json.dumps(row, default=str)  # in ASCII: also a name that UTF-8 cannot hold
        self._append(line.encode() + b"\n")
        self._keep(json.loads(line))

    def _append(self, content):
        with open(self.path, "ab") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def _keep(self, row):
        if row:
            self.rows[row["student"]] = self._known[row["student"], row["fingerprint"]] = row


def _row(line):
    """The row in a line; None if the line is damaged."""
    try:
        row = json.loads(line)
        return row if isinstance(row, dict) and {"student", "fingerprint", "results"} <= set(row) else None
    except ValueError:
        return None


def fingerprint(submitted, assignment=(), **options):
    """What a grade depends on, as one short text: the files handed in, those of the assignment, the options."""
    digest = hashlib.sha256(json.dumps(options, sort_keys=True, default=str).encode())
    for path in (*submitted, *sorted(assignment)):
        digest.update(f"\n{sheets.readable(path.name)} ".encode())
        try:
            with open(path, "rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:  # the grader says so in the table
            digest.update(str(error.errno).encode())
    return digest.hexdigest()


def write_table(path, rows, checks, questions):
    """Write grades.csv: a row for each student, then those that only the old table has.

    Of the old table, what a human has entered is kept: marks of written questions, points and totals that were
    changed, overrides, notes, columns and rows of its own. The last column says what was computed, so that a changed
    number is known by it.

    Args:
        rows: of the ledger.
        checks, questions: {name: points}.

    Returns:
        {student: total}; a total is a text if a human has entered one.

    Raises:
        ValueError: the old file is no table of students.
    """
    path = pathlib.Path(path)
    old, titles = _entered(path)
    points = {_task(check): most for check, most in checks.items()} | dict(questions)
    known = ["student", "file", *points, "total", *ENTERED, "remarks"]
    own = [column for column in titles if column not in (*known, "computed")]
    columns = [*known, *own, "computed"]
    tasks = list(points)[: len(checks)]
    table = []
    for row in sorted(rows, key=lambda row: row["student"]):
        before = _taken(old, row["student"])
        table.append(_merged(row, before, tasks, list(questions)))
    table += [kept for kept in old if any(kept.values())]
    titles = {column: titles[column] for column in own} | {name: f"{name} ({most:g})" for name, most in points.items()}
    header = [sheets.safe(titles.get(column, column)) for column in columns]
    sheets.write(path, sheets.Sheet(header, [[sheets.safe(one.get(c, "")) for c in columns] for one in table]))
    totals = {one["student"]: _total(one) for one in reversed(table)}  # of two rows the first, which is the graded one
    return {student: total for student, total in reversed(totals.items()) if student and total is not None}


def _entered(path):
    """The old table: its rows as {column without its points: cell}, and {column: the title it had}."""
    if not path.exists():
        return [], {}
    sheet = sheets.read(path)
    widest = max([len(sheet.header), *map(len, sheet.rows)])
    titles = {}
    for place, title in enumerate(sheet.header + [""] * (widest - len(sheet.header))):
        title = sheets.plain(title.strip()) or f"column {place + 1}"
        column = re.sub(r" \([\d.,]+\)$", "", title)
        titles[column if column not in titles else f"{title}, column {place + 1}"] = title
    if "student" not in titles:
        raise ValueError(
            "the old table needs its column 'student' to find whose marks are whose: name it so again, or move the "
            f"file away. Received: {', '.join(titles)} in {path}"
        )
    return [dict(zip(titles, map(sheets.plain, row), strict=False)) for row in sheet.rows], titles


def _taken(old, student):
    """Take a student's row out of the old table; {} if there is none."""
    name = sheets.readable(student)
    lossy = name.encode("cp1252", "replace").decode("cp1252")  # what Excel may have made of it
    for spelling in dict.fromkeys((name, lossy)):
        those = [row for row in old if unicodedata.normalize("NFC", row["student"]) == spelling]
        if len(those) == 1 or (those and spelling == name):
            old.remove(those[0])
            return those[0]
    return {}


def _merged(row, before, tasks, questions):
    """A row of the new table: what is computed, and what a human has entered before."""
    results = {_task(check): result for check, result in row["results"].items()}
    last = dict(re.findall(r"(\S+)=(\S+)", before.get("computed", "")))
    computed, remarks = {}, [*_reasons(results, row["remarks"]), *row["remarks"]]
    merged = before | {"student": sheets.readable(row["student"]), "file": ", ".join(map(str, row["files"]))}
    for task in tasks:
        merged[task] = computed[task] = in_words(results[task][0] if task in results else 0)
        by_hand = number(before.get(task, ""))
        if by_hand is not None and in_words(by_hand) not in (last.get(task, in_words(by_hand)), computed[task]):
            merged[task] = in_words(by_hand)
            remarks.append(f"{task}: {merged[task]} by hand, {computed[task]} computed")
    for question in questions:
        mark = merged.setdefault(question, "")
        if mark.strip() and number(mark) is None:
            remarks.append(f"{question}: {mark!r} is no number and does not count")
    typed = number(before.get("total", ""))
    usual = last.get("total"), _sum(before, tasks + questions)
    if typed is not None and usual[0] and in_words(typed) not in usual and not before.get("override", "").strip():
        merged["override"] = in_words(typed)
    override = merged.setdefault("override", "").strip()
    merged["total"] = override or _sum(merged, tasks + questions)
    if number(merged["total"]) is not None:
        merged["total"] = computed["total"] = in_words(number(merged["total"]))
    merged["remarks"] = "; ".join(remarks)
    merged["computed"] = " ".join(f"{name}={points}" for name, points in computed.items())
    return merged


def _sum(row, columns):
    return in_words(sum(number(row.get(column, "")) or 0 for column in columns))


def _total(row):
    """A row's total: a number, the text that a human has entered, or None."""
    text = row.get("override", "").strip() or row.get("total", "").strip()
    return text or None if number(text) is None else number(text)


def _reasons(results, said):
    """What lost the points: "kl, MyVAE: not solved"."""
    tasks = {}
    for task, (_, reason) in results.items():
        if reason and reason not in said:
            tasks.setdefault(reason, []).append(task)
    return [f"{', '.join(names)}: {reason}" for reason, names in tasks.items()]


def _task(check):
    return check.removeprefix("check_")


def changes(old_rows, new_rows):
    """What a second grading changed, as lines: "anna: kl 0 -> 4". Both are {student: row of the ledger}."""
    lines = []
    for student in sorted({*old_rows, *new_rows}):
        if student not in new_rows or student not in old_rows:
            lines.append(f"{student}: {'new' if student in new_rows else 'no longer handed in'}")
            continue
        old, new = (
            {_task(check): in_words(points) for check, (points, _) in rows[student]["results"].items()}
            for rows in (old_rows, new_rows)
        )
        different = [task for task in {**old, **new} if old.get(task) != new.get(task)]
        if different:
            moves = [f"{task} {old.get(task, '-')} -> {new.get(task, '-')}" for task in different]
            lines.append(f"{student}: {', '.join(moves)}")
    return lines


def fill_gradebook(template, out, totals, column=None, assignment=""):
    """Copy the table that Moodle (grading worksheet) or Canvas (gradebook) gave, with the grades filled in.

    Args:
        template, out: the CSV file as it was downloaded; the one to upload.
        totals: {student: total}, as `write_table` gives them.
        column: the name of the column to fill; None: the assignment's in Canvas, "Grade" in Moodle.

    Returns:
        A line for each student whose total is not filled in, and why.

    Raises:
        ValueError: no such column, no column that tells the students, or no CSV file.
    """
    sheet = sheets.read(pathlib.Path(template))
    roster = Roster(sheet.header, sheet.rows, template)
    place = _grade_column(sheet.header, column, assignment, template)
    found, lines = {}, roster.unknown(totals)
    for student in totals:
        row, _ = roster.find(student)
        if row is not None:
            found.setdefault(row, []).append(student)
    for row, (student, *others) in found.items():
        if isinstance(totals[student], str):
            lines.append(f"{student}: {totals[student]!r} is no number: enter it there by hand")
        elif not others:  # of two a human decides
            sheet.rows[row][place] = in_words(totals[student])
    sheets.write(out, sheet)
    return lines


def _grade_column(header, column, assignment, template):
    """The place of the column that is to be filled: of this name, of it in Canvas ("hw2 (4711)"), or Moodle's."""
    name = re.escape(column or assignment or "-")
    kinds = [name, rf"{name} \(\d+\)", rf"{name}\b.*\(\d+\)", *["grade|bewertung"] * (not column)]
    found = ([i for i, title in enumerate(header) if re.fullmatch(f"(?i){kind}", title.strip())] for kind in kinds)
    places = next(filter(None, found), [])
    if len(places) != 1:
        raise ValueError(
            f"one column is for the grades, {len(places)} fit {column or assignment!r}: name it as the header does. "
            f"Received: {', '.join(header)} in {template}"
        )
    return places[0]
