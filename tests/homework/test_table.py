"""No mark is lost: neither when a run is killed, nor when a table with a human's marks is written again."""

import csv
import json
import pathlib
import random
import signal
import subprocess
import sys
import time

import pytest
from grading import sheets, table
from grading.table import Ledger, changes, fill_gradebook, fingerprint, write_table

CHECKS, QUESTIONS = {"check_kl": 4, "check_MyVAE": 5}, {"why": 3}


def row(student, kl=4, vae=5, remarks=(), **more):
    results = {"check_kl": (kl, "" if kl else "not solved"), "check_MyVAE": (vae, "" if vae else "not solved")}
    more = {"files": ["hw2.ipynb"], "fingerprint": "1"} | more
    return {"student": student, "results": results, "remarks": [*remarks], **more}


def write(path, *rows):
    return write_table(path, rows, CHECKS, QUESTIONS)


def read(path):
    """{student: {column: cell}}, as a human sees it."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        return {one["student"]: one for one in csv.DictReader(file)}


def by_hand(path, encoding="utf-8-sig", delimiter=",", decimal=".", **entered):
    """Enter cells, {student: {column: cell}}, and save the table as a spreadsheet does."""
    rows = read(path)
    columns = [*next(iter(rows.values()))]
    for student, cells in entered.items():
        rows.setdefault(student, {"student": student}).update(cells)
        columns += [column for column in cells if column not in columns]
    with open(path, "w", encoding=encoding, newline="", errors="replace") as file:
        writer = csv.DictWriter(file, columns, delimiter=delimiter, restval="")
        writer.writeheader()
        for one in rows.values():
            numbers = {c: cell.replace(".", decimal) for c, cell in one.items() if sheets.number(cell) is not None}
            writer.writerow(one | numbers)


def test_the_columns(tmp_path):
    totals = write(tmp_path / "grades.csv", row("bob", kl=0, vae=0, remarks=["look"]), row("anna", kl=2.5))
    assert totals == {"anna": 7.5, "bob": 0}
    assert [*read(tmp_path / "grades.csv").values()] == [
        {
            **{
                "student": "anna",
                "file": "hw2.ipynb",
                "kl (4)": "2.5",
                "MyVAE (5)": "5",
                "why (3)": "",
                "total": "7.5",
            },
            **{"override": "", "note": "", "remarks": "", "computed": "kl=2.5 MyVAE=5 total=7.5"},
        },
        {
            **{"student": "bob", "file": "hw2.ipynb", "kl (4)": "0", "MyVAE (5)": "0", "why (3)": "", "total": "0"},
            **{"override": "", "note": "", "remarks": "kl, MyVAE: not solved; look"},
            "computed": "kl=0 MyVAE=0 total=0",
        },
    ]


EXCEL = [
    ("utf-8-sig", ",", "."),
    ("utf-8-sig", ";", ","),
    ("cp1252", ";", ","),
    ("utf-8", "\t", "."),
    ("utf-16", "\t", ","),
]


@pytest.mark.parametrize(("encoding", "delimiter", "decimal"), EXCEL)
def test_what_a_human_entered_survives(encoding, delimiter, decimal, tmp_path):
    path = tmp_path / "grades.csv"
    rows = [row(student, kl=0.5) for student in ("anna", "Müller Żaneta", "carl", "dora", "emil")]
    write(path, *rows)
    entered = {
        "anna": {"why (3)": "2.5", "note": "spoke; to her, at noon"},
        "Müller Żaneta": {"override": "8.5", "tutor": "Zoë"},
        "carl": {"kl (4)": "3"},  # points that the grader did not give
        "dora": {"total": "9"},
        "emil": {"why (3)": "very good"},
        "guest": {"total": "7.5", "note": "on paper"},
    }
    by_hand(path, encoding, delimiter, decimal, **entered)
    for _ in range(3):  # and again
        totals = write(path, *rows)
    assert totals == {"anna": 8, "Müller Żaneta": 8.5, "carl": 8, "dora": 9, "emil": 5.5, "guest": 7.5}
    after = read(path)
    assert [*after] == ["Müller Żaneta", "anna", "carl", "dora", "emil", "guest"]
    assert after["anna"]["note"] == "spoke; to her, at noon"
    assert (after["Müller Żaneta"]["tutor"], after["Müller Żaneta"]["total"]) == ("Zoë", "8.5")
    assert after["carl"]["remarks"] == "kl: 3 by hand, 0.5 computed"
    assert after["dora"]["override"] == "9"
    assert after["emil"]["remarks"] == "why: 'very good' is no number and does not count"
    assert after["guest"]["note"] == "on paper"


def test_new_points_replace_computed_ones_only(tmp_path):
    path = tmp_path / "grades.csv"
    write(path, row("anna", kl=0), row("bob", kl=0), row("carl"))
    by_hand(path, bob={"kl (4)": "3"}, anna={"why (3)": "1", "MyVAE (5)": "0"}, carl={"override": "excused"})
    assert write(path, row("anna", kl=4), row("bob", kl=4), row("carl", kl=0)) == {
        "anna": 5,
        "bob": 8,
        "carl": "excused",
    }
    by_hand(path, bob={"kl (4)": "4"}, carl={"override": ""})
    assert write(path, row("anna"), row("bob"), row("carl", kl=0)) == {"anna": 5, "bob": 9, "carl": 5}


def test_a_total_that_a_spreadsheet_summed_is_no_override(tmp_path):
    path = tmp_path / "grades.csv"
    write(path, row("anna"))
    by_hand(path, anna={"why (3)": "2", "total": "11"})
    write(path, row("anna"))
    by_hand(path, anna={"why (3)": "3"})
    assert write(path, row("anna")) == {"anna": 12}


def test_marks_outlive_a_change_of_points_and_a_submission_that_is_gone(tmp_path):
    path = tmp_path / "grades.csv"
    write(path, row("anna"), row("bob"))
    by_hand(path, anna={"why (3)": "2"}, bob={"why (3)": "1"})
    assert write_table(path, [row("anna")], CHECKS, {"why": 6, "how": 2}) == {"anna": 11, "bob": 9}
    assert read(path)["anna"]["why (6)"] == "2"
    assert read(path)["bob"]["why (6)"] == "1"


def test_a_table_of_the_grader_before_this_one_is_read(tmp_path):
    path = tmp_path / "grades.csv"
    old = "student,file,kl (4),MyVAE (5),total,why (3),remarks\nanna,hw2.ipynb,0,5,5,2,'=old\n"
    path.write_text(old, encoding="utf-8-sig")
    assert write(path, row("anna")) == {"anna": 11}


def test_a_table_without_students_is_left_as_it_is(tmp_path):
    path = tmp_path / "grades.csv"
    path.write_text("name,kl\nanna,3\n")
    with pytest.raises(ValueError, match=r"column 'student'.*Received: name, kl in "):
        write(path, row("anna"))
    assert path.read_text() == "name,kl\nanna,3\n"


@pytest.mark.parametrize("text", ["=1+1", "'=1+1", "@SUM(A1)", "-x", "\t=1", "+49 30", "'fine'", "-2", "＝1"])
def test_no_cell_is_a_formula_and_no_apostrophe_multiplies(text, tmp_path):
    path = tmp_path / "grades.csv"
    rows = [row(text, remarks=[text])]
    write(path, *rows)
    by_hand(path, guest={"note": text, text: text})
    write(path, *rows)
    once = path.read_bytes()
    write(path, *rows)
    assert path.read_bytes() == once
    for cells in sheets.read(path).rows:
        assert not any(cell[:1] in "=+-@\t＝" and sheets.number(cell) is None for cell in cells if cell)


def test_a_name_that_no_file_can_hold_ends_no_run(tmp_path):
    names = ["M\udcfcller", "\ud800", "a\x00b", "two\nlines", "x" * 252]
    ledger = Ledger(tmp_path)
    for name in names:
        ledger.add(row(name, files=[name]))
    rows = Ledger(tmp_path).rows
    assert [*rows] == names
    for _ in range(2):
        assert len(write(tmp_path / "grades.csv", *rows.values())) == len(names)
    assert "M\\udcfcller" in read(tmp_path / "grades.csv")


def test_the_ledger_knows_what_was_graded(tmp_path):
    submitted, given = tmp_path / "hw2.ipynb", tmp_path / "release.ipynb"
    submitted.write_text("1")
    given.write_text("1")
    before = fingerprint([submitted], [given], timeout=60)
    ledger = Ledger(tmp_path)
    ledger.add(row("anna", fingerprint=before))
    assert Ledger(tmp_path).done("anna", fingerprint([submitted], [given], timeout=60)) == ledger.rows["anna"]
    assert ledger.done("bob", before) is None
    others = {fingerprint([submitted], [given], timeout=61), fingerprint([], [given], timeout=60)}
    given.write_text("2")
    others.add(fingerprint([submitted], [given], timeout=60))
    submitted.write_text("2")
    others.add(fingerprint([submitted], [given], timeout=60))
    others.add(fingerprint([submitted, tmp_path / "gone"], [given], timeout=60))
    assert len(others - {before}) == 5


def test_the_first_file_handed_in_again_is_the_newest(tmp_path):
    ledger = Ledger(tmp_path)
    for mark in "12":
        ledger.add(row("anna", kl=int(mark), fingerprint=mark))
    assert ledger.done("anna", "1") == Ledger(tmp_path).rows["anna"] == json.loads(json.dumps(row("anna", kl=1)))


def test_a_line_torn_anywhere_costs_that_line_only(tmp_path):
    ledger = Ledger(tmp_path)
    for student in ("anna", "bob"):
        ledger.add(row(student))
    whole = ledger.path.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first, len(whole) - 1):
        ledger.path.write_bytes(whole[:cut])
        again = Ledger(tmp_path)
        assert [*again.rows] == ["anna"]
        again.add(row("carl"))
        assert [*Ledger(tmp_path).rows] == ["anna", "carl"]
    ledger.path.write_bytes(
        whole + b'\0\0\0[1]\n3\n["student", "fingerprint", "results"]\n' + whole[:-1]
    )  # the newline alone is missing
    assert [*Ledger(tmp_path).rows] == ["anna", "bob"]


SCRIPT = """
import importlib.util, pathlib, sys, time, types
course, out = map(pathlib.Path, sys.argv[1:])
package = types.ModuleType("vae_keras")  # without TensorFlow, which takes seconds
package.__path__ = [str(course / "vae_keras")]
sys.modules["vae_keras"] = package
sys.path.insert(0, str(course / "homework"))
from grading.table import Ledger, write_table
ledger, rows = Ledger(out), []
for i in range(120):
    student = f"student{i:03d}"
    row = ledger.done(student, "1")
    if row is None:
        time.sleep(0.003)  # grading
        row = {"student": student, "fingerprint": "1", "files": ["a"], "remarks": ["x" * 3000]}
        row["results"] = {"check_kl": (i % 5, "")}
        ledger.add(row)
        write_table(out / "grades.csv", [*ledger.rows.values()], {"check_kl": 4}, {"why": 3})
write_table(out / "grades.csv", [*ledger.rows.values()], {"check_kl": 4}, {"why": 3})
"""


@pytest.mark.skipif(sys.platform == "win32", reason="grading runs on Linux and macOS")
def test_killed_at_any_moment_it_goes_on_and_ends_the_same(tmp_path):
    course, killed, chance = pathlib.Path(table.__file__).parents[2], 0, random.Random(7)
    command = [sys.executable, "-c", SCRIPT, str(course), str(tmp_path)]
    grades, ledger = tmp_path / "grades.csv", tmp_path / "graded.jsonl"
    seen = {}
    for attempt in range(200):
        process = subprocess.Popen(command)
        begun = ledger.stat().st_size if ledger.exists() else 0
        while process.poll() is None and (not ledger.exists() or ledger.stat().st_size == begun):
            time.sleep(0.001)  # until it has written something
        time.sleep(chance.uniform(0, 0.15))
        process.send_signal((signal.SIGKILL, signal.SIGTERM)[attempt % 2])
        if process.wait() == 0:
            break
        killed += 1
        rows = {one["student"]: one for one in map(table._row, ledger.read_bytes().splitlines()) if one}
        assert seen.items() <= rows.items()
        seen = rows
        if grades.exists() and "student000" in read(grades):  # it is whole, and somebody works on it
            by_hand(grades, student000={"why (3)": "2", "note": "kept"}, guest={"total": "7"})
    assert killed > 3
    lines = [json.loads(line)["student"] for line in ledger.read_bytes().splitlines() if table._row(line)]
    students = [f"student{i:03d}" for i in range(120)]
    assert sorted(lines) == students  # nobody lost, nobody twice
    after = read(grades)
    assert [*after] == [*students, "guest"]
    assert [after[student]["kl (4)"] for student in students] == [str(i % 5) for i in range(120)]
    assert (after["student000"]["why (3)"], after["student000"]["note"], after["student000"]["total"]) == (
        "2",
        "kept",
        "2",
    )


def test_what_changed_is_said_in_lines():
    old = {"anna": row("anna", kl=0), "bob": row("bob"), "carl": row("carl")}
    new = {"anna": row("anna", kl=4, vae=2.5), "bob": row("bob"), "dora": row("dora")}
    assert changes(old, new) == ["anna: kl 0 -> 4, MyVAE 5 -> 2.5", "carl: no longer handed in", "dora: new"]


MOODLE = (
    'Identifier,"Full name","Email address",Grade,"Maximum Grade","Grade can be changed"\r\n'
    '"Participant 0012","Anna Müller",anna@uni.example,,21.00,Yes\r\n'
    '"Participant 0013","Ben Lee",ben@uni.example,,21.00,Yes\r\n'
    '"Participant 0014","Lee Ben",lee@uni.example,,21.00,Yes\r\n'
)
CANVAS = (
    "Student,ID,SIS Login ID,Section,hw2 (4711),hw2 bonus (4712),Final Score\n"
    "    Points Possible,,,,21,1,(read only)\n"
    '"Müller, Anna",0012,amueller,One,,,\n'
    '"Lee, Ben",0013,blee,=One,,,\n'
    '"Żak, Kim",0014,zkim,One,,,\n'
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_a_grading_worksheet_comes_back_with_grades_and_nothing_else(encoding, tmp_path):
    template, out = tmp_path / "worksheet.csv", tmp_path / "upload.csv"
    template.write_bytes(MOODLE.encode(encoding))
    totals = {"Anna Müller_0012": 7.5, "Ben Lee": 3, "guest": 2}
    assert fill_gradebook(template, out, totals, assignment="hw2") == [
        "Ben Lee: may be Ben Lee or Lee Ben",
        "guest: not in the roster",
    ]
    expected = MOODLE.replace("example,,21.00,Yes", "example,7.5,21.00,Yes", 1).replace('"', "")
    assert out.read_bytes().decode(encoding) == expected
    assert out.read_bytes()[:3] == template.read_bytes()[:3]


@pytest.mark.parametrize("column", [None, "hw2", "hw2 (4711)"])
def test_a_gradebook_of_canvas_is_filled_in_the_assignments_column(column, tmp_path):
    template, out = tmp_path / "gradebook.csv", tmp_path / "upload.csv"
    template.write_text(CANVAS, encoding="utf-8", newline="")
    totals = {"jones_0013": 1, "lee.ben": 20, "amueller": 4, "mülleranna_0012": 5, "Kim Żak": "excused"}
    lines = fill_gradebook(template, out, totals, column, "hw2")
    assert lines == [
        "jones_0013: has the number of Lee, Ben, and another name",
        "amueller and mülleranna_0012: both are Müller, Anna",
        "Kim Żak: 'excused' is no number: enter it there by hand",
    ]
    assert out.read_text("utf-8") == CANVAS.replace("=One,,,", "=One,20,,")


@pytest.mark.parametrize(("column", "assignment"), [("typo", "hw2"), (None, "hw7")])
def test_an_unknown_column_is_refused_in_one_line(column, assignment, tmp_path):
    (tmp_path / "gradebook.csv").write_text(CANVAS)
    with pytest.raises(ValueError, match=r"name it as the header does\. Received: Student, ID") as error:
        fill_gradebook(tmp_path / "gradebook.csv", tmp_path / "out.csv", {}, column, assignment)
    assert "\n" not in str(error.value)
