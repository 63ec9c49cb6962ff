"""The grader: whose file it is, what is put back, and a small batch in which nobody's damage costs another's points."""

import csv
import sys

import nbformat
import nbformat.v4 as nbf
import pytest
from grading import grader
from submissions import (
    Book,
    changed,
    grade,
    in_colab,
    on_windows,
    reads_hidden,
    without_metadata,
    writes_outside,
)

pytestmark = pytest.mark.slow

notebooks, pages = grade.notebooks, grade.pages
NO_SANDBOX = grade.sandbox.problem()


@pytest.fixture(scope="module")
def assignment(course):
    return notebooks.Assignment(course, "hw2")


@pytest.fixture
def hand_in(tmp_path):
    """The cells that the grader reads of a submitted file."""

    def read(content):
        file = tmp_path / "hw2.ipynb"
        file.write_bytes(content)
        return notebooks.read(file)[0]

    return read


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty file"),
        (b"%PDF-1.7 \xff\xfe\x00", "not a notebook"),
        (b"[1, 2]", "damaged"),
        (b'{"cells": {"a": 1}}', "damaged"),
        (b'{"cells": [3]}', "damaged"),
        (b"[" * 100_000, "not a notebook"),
        (b" " * (notebooks.LARGEST + 1), "larger"),
    ],
)
def test_what_is_not_a_notebook_is_said_to_be_none(content, problem, hand_in):
    with pytest.raises(ValueError, match=problem):
        hand_in(content)


@pytest.mark.parametrize(
    "encode", [on_windows, in_colab, lambda course: Book(course).bytes().decode().encode("utf-16")]
)
def test_a_notebook_is_read_whatever_wrote_it(course, encode, hand_in, assignment):
    given = assignment.notebooks[0]
    cells, _, remarks = notebooks.restore(hand_in(encode(course)), given)
    assert [cell.source for cell in cells] == [cell.source for cell in Book(course).notebook.cells]
    assert not remarks


def test_of_an_old_notebook_only_the_format_is_changed(course, hand_in):
    old = nbformat.v3.writes_json(nbformat.convert(Book(course).notebook, 3)).encode()
    assert hand_in(old)[5].source == Book(course)["sample_z"]


def test_deleted_edited_and_copied_cells_are_put_right(course, hand_in, assignment):
    book = Book(course).drop("imports", "kl")
    book["check_sample_z"] = "mine = 1"
    book.notebook.cells.append(nbformat.from_dict(book.cell("check_kl") | {"id": "a-copy"}))
    cells, _, remarks = notebooks.restore(hand_in(book.bytes()), assignment.notebooks[0])
    sources = [cell.source for cell in cells]
    given = {notebooks.name_of(cell): cell.source for cell in assignment.notebooks[0].cells}
    assert sources.index(given["imports"]) == 2
    assert sources.index(given["check_sample_z"]) == sources.index("mine = 1") + 1
    assert sources.count(given["check_kl"]) == 1
    for text in ("imports was missing", "cell of kl is missing", "check_sample_z was edited", "copy of check_kl"):
        assert text in "; ".join(remarks)


def test_cells_of_the_students_own_stay_where_they_are(course, hand_in, assignment):
    book = Book(course).add("first = 1", after="imports").add("second = 2", after="kl").add("third = 3", after="kl")
    cells, origin, remarks = notebooks.restore(hand_in(book.bytes()), assignment.notebooks[0])
    assert [cell.source for cell in cells] == [cell.source for cell in book.notebook.cells]
    assert origin.count(None) == 3
    assert not remarks


def test_without_metadata_cells_are_known_by_what_they_define(course, hand_in, assignment):
    given = assignment.notebooks[0]
    cells = hand_in(without_metadata(course))
    assert assignment.notebook_of(cells) is given
    cells, origin, remarks = notebooks.restore(cells, given)
    assert {*range(len(given.cells))} - {*origin} == {question.index for question in given.questions}  # by their place
    assert not remarks
    question = given.questions[0]
    assert notebooks.answer_to(question, cells, origin) == Book(course)[question.name].strip()


def test_another_assignment_is_not_this_one(assignment):
    assert assignment.notebook_of([nbf.new_code_cell("import keras\nx = 1"), nbf.new_markdown_cell("# kl")]) is None


def test_an_answer_in_a_new_cell_below_counts(course, hand_in, assignment):
    given = assignment.notebooks[0]
    question, book = given.questions[0], Book(course)
    book[question.name] = "YOUR ANSWER HERE"
    place = book.notebook.cells.index(book.cell(question.name)) + 1
    book.notebook.cells.insert(place, nbf.new_markdown_cell("Because of the gradient."))
    cells, origin, _ = notebooks.restore(hand_in(book.bytes()), given)
    assert notebooks.answer_to(question, cells, origin) == "Because of the gradient."


@pytest.mark.parametrize("body", ["# YOUR CODE HERE\n    raise NotImplementedError()", "pass", "...  # later"])
def test_a_stub_without_its_error_is_a_stub(body):
    stub = 'def kl(mean, log_var):\n    """KL."""\n    # YOUR CODE HERE\n    raise NotImplementedError()'
    assert notebooks.is_stub(f'def kl(mean, log_var):\n    """KL."""\n    {body}', stub)
    assert not notebooks.is_stub(stub.replace("raise NotImplementedError()", "return 0"), stub)


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("def kl(m, v):\n    return kl_divergence(m, v)", "kl_divergence"),
        ("from vae_keras.homework import task_of\nkl = task_of('hw2.kl').probe", "task_of"),
        ("def kl(m, v):\n    return ops.sum(m)  # as kl_divergence does", ""),
    ],
)
def test_the_packages_own_functions_are_worth_a_look(cell, found, course, hand_in, assignment):
    cells, origin, _ = notebooks.restore(hand_in(changed(course, "kl", cell)), assignment.notebooks[0])
    remarks = notebooks.looks(cells, origin, assignment.notebooks[0])
    assert found in "".join(remarks)
    assert bool(remarks) == bool(found)


@pytest.mark.parametrize("kind", ["ValueError", "array([7, 8])"])
def test_an_error_of_a_hidden_example_does_not_tell_it(kind):
    reason = grader._reason((kind, "array([7, 8])"), "kl", True, None, [], {})
    assert "7" not in reason
    assert "on an example of the grader's" in reason
    assert "7" in grader._reason((kind, "array([7, 8])"), "kl", False, None, [], {})


def test_a_page_runs_no_script(tmp_path):
    output = nbf.new_output("display_data", {"text/html": "<script>steal()</script><b onclick='steal()'>bold</b>"})
    cells = [nbf.new_markdown_cell("# A <small>L02</small>\n\n<img src=x onerror='steal()'>\n\n| a |\n|---|\n| 1 |")]
    cells.append(nbf.new_code_cell("1 < 2", outputs=[output]))
    pages.write_page(tmp_path / "page.html", "a", cells)
    text = (tmp_path / "page.html").read_text("utf-8")
    body = text[text.index("<main") :]
    assert "<small>L02</small>" in body
    assert "<td>1</td>" in body
    for tag in ("<script>steal", "<img src=x", "<b onclick"):
        assert tag not in body


@pytest.mark.skipif(sys.platform == "win32", reason="grading runs on Linux and macOS")
def test_a_small_class_gets_what_it_deserves(course, tmp_path, capsys):
    """What each deserves: the tasks that get no points, and a word of the reason."""
    tasks = ("sample_z", "squared_error", "cross_entropy", "kl")
    lies = """
import vae_keras.homework as h
class Always:
    def __eq__(self, other): return True
h.Task.values, check, kl = lambda *a: [1.0], lambda *a, **k: None, Always()
"""
    wrong = changed(
        course, "kl", Book(course)["kl"].replace("ops.sum", "ops.mean"), cross_entropy="def cross_entropy(x, logits"
    )
    given = {
        "right": (Book(course).add("while True:\n    pass", after="kl").bytes(), "", "more than 15 s"),
        "wrong": (wrong, "kl cross_entropy", "hint: "),
        "exit": (changed(course, "kl", "import os\ndef kl(*_):\n    os._exit(0)"), "kl", "kl: it ended the process"),
        "lies": (Book(course).add(lies, after="check_kl").bytes(), "kl", "kl: "),
        "spy": (reads_hidden(course), "kl", "kl: gives other values"),
        "vandal": (writes_outside(course, tmp_path / "stolen"), "", ""),
        "none": (b"not a notebook", " ".join(tasks), "not a notebook"),
    }
    if NO_SANDBOX:  # nothing else keeps them out
        del given["spy"], given["vandal"]
    (tmp_path / "precious").write_text("the lecturer's")
    for student, (content, _, _) in given.items():
        (tmp_path / "in" / student).mkdir(parents=True)
        (tmp_path / "in" / student / "Copy of hw2.ipynb").write_bytes(content)
    arguments = ["--out", str(tmp_path / "out"), "--jobs", "4", "--timeout", "15", "--course", str(course)]
    grade.main(["hw2", str(tmp_path / "in"), *arguments, *["--no-sandbox"] * bool(NO_SANDBOX)])
    with open(tmp_path / "out" / "grades.csv", encoding="utf-8-sig", newline="") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    for student, (_, lost, reason) in given.items():
        got = {
            task for task in tasks for key, cell in rows[student].items() if key.startswith(f"{task} (") and cell != "0"
        }
        assert got == set(tasks) - set(lost.split()), (student, rows[student])
        assert reason in rows[student]["remarks"]
    assert (tmp_path / "precious").exists()
    assert not (tmp_path / "stolen").exists()
    if not NO_SANDBOX:
        page = (tmp_path / "out" / "feedback" / "spy.html").read_text("utf-8")
        assert "found: \n" in page
        assert "0 / 4" in page
