"""Whose file is it, and who of the class is missing?"""

import os
import pathlib
import unicodedata

import pytest
from grading.submissions import Roster, age, collect, is_notebook, page_names, student_of

MAC = unicodedata.normalize("NFD", "Müller Zoë")

PATHS = [  # as Moodle packs them
    ("Anna Maria Müller_12345_assignsubmission_file_/hw2.ipynb", "Anna Maria Müller_12345"),
    ("Anna Maria Müller_12345_assignsubmission_file_hw2.ipynb", "Anna Maria Müller_12345"),
    ("Anna Maria Müller_12345_assignsubmission_onlinetext_/onlinetext.html", "Anna Maria Müller_12345"),
    ("VAE-hw2-99/Jean-Luc O'Neil_7_assignsubmission_file_/work/hw2.ipynb", "Jean-Luc O'Neil_7"),
    ("Group A-Anna Lee_55_assignsubmission_file_/Copy of hw2.ipynb", "Group A-Anna Lee_55"),
    ("Participant_31_assignsubmission_file_/hw2.ipynb", "Participant_31"),
    ("Anna Lee_55_assignsubmission_file_\\hw2.ipynb", "Anna Lee_55"),  # a Windows archive, unpacked elsewhere
    # as Canvas packs them
    ("muelleranna_123_456_hw2.ipynb", "muelleranna_123"),
    ("muelleranna_LATE_123_456_hw2-1.ipynb", "muelleranna_123"),
    ("submissions/muelleranna_123_457_hw2-2.ipynb", "muelleranna_123"),
    ("the_a_team_123_456_hw2.ipynb", "the_a_team_123"),
    ("muelleranna_123_text.html", "muelleranna_123"),
    ("LATE_anon_aB3x9_456_hw2.ipynb", "anon_aB3x9"),
    # in folders
    ("anna/hw2.ipynb", "anna"),
    ("anna/Copy of hw2.ipynb", "anna"),
    ("anna.lee/hw2 (1).ipynb", "anna.lee"),
    ("anna/hw2/hw2.ipynb", "anna"),
    ("hw2/anna/hw2.ipynb", "anna"),
    ("hw2 submissions/anna-2/hw2.ipynb", "anna-2"),
    ("hw2-12/hw2.ipynb", "12"),
    ("anna (1)/hw2.ipynb", "anna (1)"),
    # by the file's name
    ("anna.maria.mueller.ipynb", "anna.maria.mueller"),
    ("anna-2.ipynb", "anna-2"),
    ("mueller_97.ipynb", "mueller_97"),
    ("anna_hw2-1.ipynb", "anna"),
    ("anna_hw2_final.ipynb", "anna_final"),
    ("hw2-anna.lee (2).ipynb", "anna.lee"),
    ("Kopie von hw2_anna.ipynb", "anna"),
    ("Copy of Copy of anna-hw2(3).ipynb", "anna"),
    ("anna hw2 - Kopie (2).ipynb", "anna"),
    ("anna.ipynb.txt", "anna"),
    ("hw2/anna.ipynb", "anna"),
    ("hw2_2024_05_anna.ipynb", "2024_05_anna"),
    ("hw2.ipynb", "hw2"),
    ("hw2 (1).ipynb", "hw2 (1)"),
    ("Copy of hw2.ipynb", "Copy of hw2"),
    ("hw20-anna.ipynb", "hw20-anna"),
    (f"{MAC}/hw2.ipynb", "Müller Zoë"),
    (f"{'ä' * 123}.ipynb", "ä" * 123),
    (os.fsdecode(b"M\xfcller.ipynb"), "M\\udcfcller"),
    ("ANNA/hw2.ipynb", "ANNA"),
]


@pytest.mark.parametrize(("path", "student"), PATHS)
def test_the_rule(path, student):
    assert student_of(pathlib.Path("in", path), pathlib.Path("in"), "hw2") == student


def put(folder, *paths):
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)


def test_an_assignment_of_two_notebooks_has_both_names(tmp_path):
    put(tmp_path, "anna-hw3.ipynb", "clinic_anna.ipynb")
    assert [*collect(tmp_path, "hw3", "hw3", "clinic")] == ["anna"]


def test_what_nobody_handed_in_is_left_out(tmp_path):
    put(tmp_path, "a/hw2.ipynb", "a/notes.txt", "a/.ipynb_checkpoints/hw2-checkpoint.ipynb", "__MACOSX/a/._hw2.ipynb")
    put(tmp_path, "b/hw2.pdf", "desktop.ini", "__MACOSX\\._hw2.ipynb", "c/hw2.ipynb.txt", "d/HW2.IPYNB")
    assert {student: [path.name for path in paths] for student, paths in collect(tmp_path, "hw2").items()} == {
        "a": ["hw2.ipynb"],
        "b": ["hw2.pdf"],
        "c": ["hw2.ipynb.txt"],
        "d": ["HW2.IPYNB"],
    }
    assert [is_notebook(pathlib.Path(name)) for name in ("a.ipynb.txt", "a.ipynb", "a.pdf")] == [True, True, False]


def test_a_link_is_not_followed_but_has_a_row(tmp_path):
    put(tmp_path, "secret/hw2.ipynb", "in/right/hw2.ipynb")
    inside = tmp_path / "in"
    for student, target in {"broken": "nowhere", "out": tmp_path / "secret/hw2.ipynb", "round": inside}.items():
        (inside / student).mkdir()
        (inside / student / "hw2.ipynb").symlink_to(target)
    (inside / "whole.folder").symlink_to(tmp_path / "secret")
    students = collect(inside, "hw2")
    assert [student for student, paths in students.items() if paths] == ["right"]
    assert set(students) - {"right"} == set(students.remarks) == {"broken", "out", "round", "whole.folder"}
    assert students.remarks["out"] == ["hw2.ipynb: a link, or no file: left out"]


def test_a_folder_that_cannot_be_opened_has_a_row(tmp_path, monkeypatch):
    put(tmp_path, "a.lee/hw2.ipynb", "b/hw2.ipynb")
    scandir = os.scandir

    def closed(folder):  # also for root, who opens every folder
        if str(folder).endswith("a.lee"):
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", closed)
    students = collect(tmp_path, "hw2")
    assert [*students] == ["a.lee", "b"]
    assert students.remarks == {"a.lee": ["a.lee: cannot be opened: Permission denied"]}


def test_both_spellings_of_an_umlaut_are_one_student_and_case_makes_two(tmp_path):
    put(tmp_path, "zoë/hw2.ipynb", unicodedata.normalize("NFD", "zoë") + "/Copy of hw2.ipynb", "anna/a.ipynb")
    put(tmp_path, "Anna/a.ipynb")
    assert {student: len(paths) for student, paths in collect(tmp_path, "hw2").items()} == {
        "Anna": 1,
        "anna": 1,
        "zoë": 2,
    }


def test_the_newest_file_is_the_last(tmp_path):
    put(tmp_path, "a/hw2.ipynb", "a/hw2 (1).ipynb", "a/old.ipynb")
    for name, time in {"hw2.ipynb": 10, "hw2 (1).ipynb": 10, "old.ipynb": 5}.items():
        os.utime(tmp_path / "a" / name, (time, time))
    put(tmp_path, "b_LATE_1_30_hw2-2.ipynb", "b_1_29_hw2-1.ipynb", "b_1_4_hw2.ipynb")
    students = collect(tmp_path, "hw2")
    assert [path.name for path in students["a"]] == ["old.ipynb", "hw2.ipynb", "hw2 (1).ipynb"]
    assert [path.name[-11:] for path in students["b_1"]] == ["4_hw2.ipynb", "hw2-1.ipynb", "hw2-2.ipynb"]
    assert age(students["b_1"][-1])[:2] == (30, 2)


def test_pages_have_names_that_every_system_takes():
    students = ["Anna", "anna", "ä" * 126, "ä" * 127, "a/b", "a_b", "\udcfc", "Zoë"]
    names = page_names(students)
    assert names["Zoë"] == "Zoë"
    assert len({name.casefold() for name in names.values()}) == len(students)
    assert all(len(f"{name}.html".encode()) <= 255 and "/" not in name for name in names.values())


MOODLE = """Identifier,"Full name","ID number","Email address",Status,Grade,"Maximum Grade"
"Participant 12345","Anna Maria Müller",s777,anna.mueller@uni.example,Submitted,,21
"Participant 12346","Ben O'Neil",s778,ben@uni.example,-,,21
"Participant 12347","Zoë Łoś",s779,zoe@uni.example,-,,21
"Participant 12348","Lee Kim",s780,lee@uni.example,-,,21
"Participant 12349","Kim Lee",s781,kim@uni.example,-,,21
"""
CANVAS = """Student,ID,SIS User ID,SIS Login ID,Section,hw2 (4711),Final Score
,,,,,Manual Posting,
    Points Possible,,,,,21,(read only)
"Müller, Anna Maria",12345,s777,amueller,One,,
"O'Neil, Ben",12346,s778,boneil,One,,
"Łoś, Zoë",12347,s779,zlos,Two,,
"Lee, Kim",12349,s781,klee,Two,,
"Student, Test",99,,aaa,Two,,
"""


@pytest.fixture(params=["moodle", "canvas", "german"])
def roster(request, tmp_path):
    text = {"moodle": MOODLE, "canvas": CANVAS, "german": MOODLE}[request.param]
    if request.param == "german":  # saved by Excel
        heads = {"Identifier": "ID", "Full name": "Vollständiger Name", "ID number": "Matrikelnummer"}
        for old, new in (
            heads | {"Participant ": "Teilnehmer/in", ",": ";", "Email address": "E-Mail-Adresse"}
        ).items():
            text = text.replace(old, new)
        text = text.replace("Ł", "L").replace("ś", "s")
    (tmp_path / "class.csv").write_bytes(text.encode("cp1252" if request.param == "german" else "utf-8"))
    return Roster.read(tmp_path / "class.csv")


def number_of(row):
    return (
        None if row is None else next(cell for cell in row.values() if cell in ("s777", "s778", "s779", "s780", "s781"))
    )


@pytest.mark.parametrize(
    ("student", "number"),
    [
        ("Anna Maria Müller_12345", "s777"),
        ("Group A-Anna Maria Müller_12345", "s777"),
        ("muelleranna_12345", "s777"),
        ("müllerannamaria_8", "s777"),
        ("Mueller, Anna Maria", "s777"),
        ("anna.maria.muller", "s777"),
        ("ANNA MARIA MÜLLER", "s777"),
        ("s778", "s778"),
        ("oneilben_LATE", None),
        ("Ben ONeil", "s778"),
        ("los-zoe", "s779"),
        ("anna_12346", None),  # a number of Ben's
        ("somebody", None),
    ],
)
def test_a_student_is_found_by_number_then_by_name(student, number, roster):
    assert number_of(roster.match(student)) == number


def test_one_or_another_is_none(tmp_path):
    (tmp_path / "class.csv").write_text(MOODLE)
    roster = Roster.read(tmp_path / "class.csv")
    assert roster.match("Kim Lee") is None
    assert number_of(roster.match("Kim Lee_12349")) == "s781"
    assert number_of(roster.match("Participant_12346")) == "s778"
    assert number_of(roster.match("anna.mueller")) == "s777"
    students = ["Kim Lee", "guest", "Ben O'Neil_12346", "boneil", "Zoë Łoś", "zoe.los"]
    assert roster.missing(students) == ["Anna Maria Müller", "Lee Kim", "Kim Lee"]
    assert roster.unknown(students) == [
        "Kim Lee: may be Kim Lee or Lee Kim",
        "guest: not in the roster",
        "boneil: not in the roster",
        "Zoë Łoś and zoe.los: both are Zoë Łoś",
    ]


def test_a_roster_may_have_numbers_alone_or_names_in_two_columns(tmp_path):
    assert Roster(["Matrikelnummer"], [["777"], ["778"]]).match("anna_777") == {"Matrikelnummer": "777"}
    roster = Roster(["Vorname", "Nachname"], [["Anna", "Müller"], ["", ""]])
    assert roster.missing([]) == ["Anna Müller"]
    assert roster.match("muelleranna_1")["Vorname"] == "Anna"


def test_canvas_own_rows_are_no_students(tmp_path):
    (tmp_path / "class.csv").write_text(CANVAS)
    assert Roster.read(tmp_path / "class.csv").missing([]) == [
        "Müller, Anna Maria",
        "O'Neil, Ben",
        "Łoś, Zoë",
        "Lee, Kim",
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "empty"), (b"PK\x03\x04", "save it as CSV"), (b"a,b\n1,2\n", "a column of names or of numbers")],
)
def test_a_file_that_is_no_roster_is_refused_in_one_line(content, words, tmp_path):
    (tmp_path / "class.csv").write_bytes(content)
    with pytest.raises(ValueError, match=words) as error:
        Roster.read(tmp_path / "class.csv")
    assert "class.csv" in str(error.value)
    assert "\n" not in str(error.value)
