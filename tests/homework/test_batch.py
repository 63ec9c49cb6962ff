"""A class graded by the command: killed in the middle and started again; a second time; with roster and gradebook."""

import csv
import json
import signal
import subprocess
import sys
import time

import pytest
from submissions import COURSE, Book, changed, grade

pytestmark = pytest.mark.slow

NO_SANDBOX = ["--no-sandbox"] * bool(grade.sandbox.problem())


@pytest.fixture
def room(course, tmp_path):
    """The folder of three who hand in, one of them a wrong KL, and the command that grades them."""
    for student in ("anna", "ben", "zoë"):
        book = Book(course)
        content = changed(course, "kl", book["kl"].replace("ops.sum", "ops.mean")) if student == "ben" else book.bytes()
        (tmp_path / "in" / student).mkdir(parents=True)
        (tmp_path / "in" / student / "hw2.ipynb").write_bytes(content)
    (tmp_path / "class.csv").write_text("Student,ID\nAnna,1\nBen,2\nZoe,3\nDora,4\n", encoding="utf-8")
    command = [sys.executable, str(COURSE / "grade.py"), "hw2", str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    return tmp_path, [*command, "--jobs", "1", "--course", str(course), *NO_SANDBOX]


def rows(folder):
    with open(folder / "out" / "grades.csv", encoding="utf-8-sig", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def graded(folder):
    path = folder / "out" / "graded.jsonl"
    return [json.loads(line)["student"] for line in path.read_text().splitlines()] if path.exists() else []


def run(command):
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_what_is_killed_goes_on_and_ends_the_same(room):
    folder, command = room
    for number, how in enumerate([signal.SIGKILL, signal.SIGTERM]):
        killed = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while len(graded(folder)) <= number:
            time.sleep(0.05)
            assert killed.poll() is None
        killed.send_signal(how)
        killed.wait(timeout=60)
        assert len(graded(folder)) == number + 1
    run(command)
    assert sorted(graded(folder)) == ["anna", "ben", "zoë"]  # nobody twice
    table = rows(folder)
    assert [table[student]["total"] for student in table] == ["13", "9", "13"]
    assert len(list((folder / "out" / "feedback").glob("*.html"))) == 3


def test_a_second_time_only_what_changed_is_graded_and_nothing_entered_is_lost(room):
    folder, command = room
    run([*command, "--jobs", "2"])
    table = folder / "out" / "grades.csv"
    header, *lines = table.read_text("utf-8-sig").splitlines()
    place = header.split(",").index("question_trick (2)")
    lines = [",".join([*line.split(",")[:place], "1.5", *line.split(",")[place + 1 :]]) for line in lines]
    table.write_text("\n".join([header, *lines]), encoding="utf-8")
    content = (folder / "in" / "anna" / "hw2.ipynb").read_bytes()
    (folder / "in" / "ben" / "hw2.ipynb").write_bytes(content)
    (folder / "moodle.csv").write_text("Identifier,Full name,Grade\nParticipant 1,Anna,\nParticipant 2,Ben,\n")
    more = ["--roster", str(folder / "class.csv"), "--gradebook", str(folder / "moodle.csv")]
    told = run([*command, *more])
    assert graded(folder)[3:] == ["ben"]
    assert [row["question_trick (2)"] for row in rows(folder).values()] == ["1.5"] * 3
    assert [row["total"] for row in rows(folder).values()] == ["14.5"] * 3
    assert "changed: 1\n  ben: kl 0 -> 4\n" in told
    assert "handed in nothing: 1\n  Dora\n" in told
    assert "not in upload.csv: 1\n  zoë: not in the roster\n" in told
    filled = (folder / "out" / "upload.csv").read_text().splitlines()
    assert filled == ["Identifier,Full name,Grade", "Participant 1,Anna,14.5", "Participant 2,Ben,14.5"]
