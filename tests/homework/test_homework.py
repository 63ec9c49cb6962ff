"""Homework: right answers in any style pass, wrong ones fail, and the student's version is the one nbgrader makes."""

import importlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

import answers
import make_values
import nbformat
import numpy as np
import pytest
from grading.kernel import from_json, to_json
from nbclient import NotebookClient

import vae_keras.homework
from vae_keras.homework import Task, check, kept, task_of

HOMEWORK = pathlib.Path(__file__).parents[2] / "homework"
SOURCES = sorted(HOMEWORK.glob("source/*/*.ipynb"))
TASKS = answers.names()


def tried(kind):
    """All right or wrong answers of the folder `tried`, as parameters (task, answer)."""
    for assignment in vae_keras.homework.ASSIGNMENTS:
        for task, those in getattr(importlib.import_module(f"tried.{assignment}"), kind).items():
            labelled = those.items() if isinstance(those, dict) else enumerate(those)
            for number, (label, answer) in enumerate(labelled):
                another_style = kind == "RIGHT" and number > 1
                slow = another_style or assignment == "clinic"  # of which each tries its tests on eight models
                marks = [pytest.mark.slow] if slow else []
                yield pytest.param(task, answer, id=f"{task}: {label}", marks=marks)


def mistakes():
    for name in TASKS:
        for hint, mistaken in answers.answer_of(name).mistakes.items():
            yield pytest.param(name, hint, mistaken, id=f"{name}: {hint[:30]}")


def named(paths):
    return [pytest.param(path, id=path.stem) for path in paths]


@pytest.fixture
def at_home(monkeypatch):
    """Where the hidden examples are found."""
    monkeypatch.chdir(HOMEWORK)


def grader_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if "nbgrader" in cell.metadata]


# What a student sees


@pytest.fixture
def given(monkeypatch):
    """Gives a task hw1.double with one example, and the numbers that are known for it."""

    def give(known, *arguments, **options):
        monkeypatch.setattr("vae_keras.homework.hw1.TASKS", {"double": Task([arguments], **options)})
        monkeypatch.setattr("vae_keras.homework._known", lambda: {"hw1.double": [known]})
        return "hw1.double"

    return give


@pytest.fixture
def double(given):
    true, mistaken = (kept([factor * np.array([1.0, 2.0])]) for factor in (2, -2))
    return given({"true": true, "mistakes": {"mind the sign": mistaken}}, np.float32([1, 2]))


def test_a_right_answer_is_told_its_value(double, capsys):
    check(double, lambda x: x + x)
    assert capsys.readouterr().out == "✓ hw1.double: your value [2, 4] of shape (2,) is the true value\n"


def test_a_wrong_answer_is_told_both_values_and_a_hint(double):
    with pytest.raises(AssertionError) as error:
        check(double, lambda x: -2 * x)
    lines = ["✗ hw1.double", "your value: [-2, -4] of shape (2,)", "true value: [2, 4] of shape (2,)"]
    assert [line.strip() for line in str(error.value).splitlines()] == [*lines, "hint: mind the sign"]


@pytest.mark.parametrize("answer", [lambda x: 3 * x, lambda x: (2 * x)[:1], lambda x: None, lambda x: 2 * x * np.nan])
def test_another_mistake_gets_no_hint(double, answer):
    with pytest.raises(AssertionError, match="true value") as error:
        check(double, answer)
    assert "hint" not in str(error.value)


def test_an_answer_that_is_not_written_yet_says_so(double):
    def stub(x):
        raise NotImplementedError

    with pytest.raises(NotImplementedError):
        check(double, stub)


def test_a_function_for_arrays_alone_is_right_too(double):
    check(double, lambda x: x.astype("float64") * 2)


def test_what_a_judge_says_of_the_values_is_compared(given, capsys):
    true = {"true": kept([np.array(1.0)]), "mistakes": {}}
    positive = given(true, 1.0, judge=lambda values, x: float(values[0] > x - 1))
    check(positive, lambda x: 7.0)
    assert capsys.readouterr().out == "✓ hw1.double: your value 1 is the true value\n"
    with pytest.raises(AssertionError, match=r"your value: 0\n  true value: 1"):
        check(positive, lambda x: -7.0)


@pytest.mark.parametrize("place", [0, 700, 783])
@pytest.mark.parametrize("by", [0.1, np.nan, np.inf])
def test_one_wrong_number_among_many_is_found(given, place, by):
    wrong = np.linspace(0, 1, 784)
    long = given({"true": kept([wrong.copy()]), "mistakes": {}}, 1.0)
    check(long, lambda x: np.linspace(0, 1, 784) + 1e-6)
    wrong[place] += by
    with pytest.raises(AssertionError, match=r"true value: \[0, .*, …\] of shape \(784,\)"):
        check(long, lambda x: wrong)


@pytest.mark.parametrize("name", ["hw9.kl", "hw1.kll", "kl", "", None, 3])
def test_an_unknown_task_is_named(name):
    with pytest.raises(ValueError, match=r"must be one of .* Received: "):
        check(name, abs)


def test_hidden_examples_are_the_lecturers(double, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="the hidden examples are the lecturer's"):
        check(double, lambda x: 2 * x, hidden=True)


def test_a_failed_hidden_example_is_not_shown(double, tmp_path, monkeypatch):
    hidden = answers.Answer(lambda x: 2 * x, {"mind the sign": lambda x: -2 * x}, [(np.ones(3) * 7,)])
    monkeypatch.setattr("answers.answer_of", lambda name: hidden)
    monkeypatch.chdir(HOMEWORK / "source" / "hw1")
    with pytest.raises(AssertionError) as error:
        check(double, lambda x: -2 * x, hidden=True)
    assert str(error.value) == "✗ hw1.double, on an example of the grader's\n  hint: mind the sign"


# Fair


@pytest.mark.parametrize(("name", "answer"), list(tried("RIGHT")))
def test_a_right_answer_passes_in_every_style(name, answer, at_home):
    check(name, answer)
    check(name, answer, hidden=True)


@pytest.mark.filterwarnings("ignore")  # a wrong answer may divide by 0
@pytest.mark.parametrize(("name", "answer"), list(tried("WRONG")))
def test_a_wrong_answer_fails(name, answer, at_home):
    try:
        check(name, answer)
        check(name, answer, hidden=True)
    except NotImplementedError:
        raise
    except Exception:  # also an error of its own
        return
    pytest.fail("it passes")


@pytest.mark.parametrize(("name", "hint", "mistaken"), list(mistakes()))
def test_a_usual_mistake_gets_its_hint(name, hint, mistaken):
    with pytest.raises(AssertionError) as error:
        check(name, mistaken)
    assert f"hint: {hint}" in str(error.value)


@pytest.mark.parametrize("name", TASKS)
def test_each_task_has_answers_mistakes_and_hidden_examples_of_its_own(name, at_home):
    given = importlib.import_module(f"tried.{name.partition('.')[0]}")
    assert len(given.RIGHT[name]) >= 3
    assert len(given.WRONG[name]) >= 5
    shown = [to_json(example) for example in task_of(name).examples]
    hidden = [to_json(example) for example, _ in answers.hidden(name)]
    assert hidden
    assert not set(hidden) & set(shown)


@pytest.mark.parametrize("name", TASKS)
def test_hidden_examples_can_be_sent(name, at_home):
    for example, _ in answers.hidden(name):
        np.testing.assert_equal(from_json(to_json(example)), tuple(example))


@pytest.mark.parametrize("name", TASKS)
def test_the_numbers_of_the_package_are_those_of_the_lecturers_answers(name):
    """If this fails, run `python homework/make_values.py`."""
    task, stored = task_of(name), json.loads(make_values.PATH.read_text("utf-8"))[name]
    for arguments, those in zip(task.examples, stored, strict=True):
        fresh = answers.known(name, arguments)
        assert list(fresh["mistakes"]) == list(those["mistakes"])
        for new, old in [
            (fresh["true"], those["true"]),
            *((m, those["mistakes"][h]) for h, m in fresh["mistakes"].items()),
        ]:
            for one, other in zip(new, old, strict=True):
                kind, near = ("sums", one["norm"]) if "sums" in one else ("numbers", 1)
                assert one["shape"] == other["shape"]
                np.testing.assert_allclose(one[kind], other[kind], task.rtol, task.atol + task.rtol * near)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in TASKS if not name.startswith("clinic")])
def test_nothing_that_the_package_s_homework_holds_is_an_answer(name):
    module = importlib.import_module(f"vae_keras.homework.{name.partition('.')[0]}")
    own = [thing for thing in vars(module).values() if getattr(thing, "__module__", "") == module.__name__]
    assert own
    for thing in [*own, *vars(task_of(name)).values()]:
        with pytest.raises(Exception):  # noqa: B017, PT011  an error of any kind
            check(name, thing)


# One source


def test_every_task_is_checked_for_points_in_one_notebook():
    checks = [cell for path in SOURCES for cell in grader_cells(path) if cell.metadata.nbgrader.grade]
    lines = [line for cell in checks if cell.cell_type == "code" for line in cell.source.splitlines()]
    for name in TASKS:
        answer = name.partition(".")[2]
        assert lines.count(f'check("{name}", {answer})') == 1
        assert lines.count(f'check("{name}", {answer}, hidden=True)') == 1
    assert all(cell.metadata.nbgrader.points > 0 for cell in checks)


@pytest.mark.parametrize("path", named(SOURCES))
def test_a_source_has_a_question_with_a_marking_guide(path):
    if path.stem != "clinic":
        questions = [c for c in grader_cells(path) if c.metadata.nbgrader.grade and c.cell_type == "markdown"]
        assert questions
        assert all("**Marking guide**" in question.source for question in questions)


@pytest.mark.slow
@pytest.mark.parametrize("assignment", [path.name for path in sorted(HOMEWORK.glob("source/*"))])
def test_the_students_version_is_not_stale(assignment, tmp_path):
    pytest.importorskip("nbgrader", reason="nbgrader needs Python 3.11 or newer")
    shutil.copy(HOMEWORK / "nbgrader_config.py", tmp_path)
    shutil.copytree(HOMEWORK / "source" / assignment, tmp_path / "source" / assignment)
    command = [sys.executable, "-m", "nbgrader", "generate_assignment", assignment, "--no-db"]
    environment = os.environ | {"JUPYTER_CONFIG_DIR": str(tmp_path)}
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    for made in sorted((tmp_path / "release" / assignment).glob("*.ipynb")):
        committed = HOMEWORK / "release" / assignment / made.name
        assert json.loads(committed.read_text("utf-8")) == json.loads(made.read_text("utf-8")), (
            f"{committed.name} is stale: run nbgrader generate_assignment {assignment} --force --no-db in homework/"
        )


QUICK = """import vae_keras
whole = vae_keras.train
vae_keras.train = lambda model, x, **options: whole(model, x[:100], **options | {"epochs": 1})
"""


@pytest.mark.slow
@pytest.mark.parametrize("path", named(sorted(HOMEWORK.glob("release/*/*.ipynb"))))
def test_nothing_breaks_before_the_first_task_of_the_students_version(path, tmp_path):
    text = path.read_text("utf-8")
    assert "SOLUTION" not in text
    assert "HIDDEN" not in text
    assert "hidden=True" not in text
    assert "Marking guide" not in text
    notebook = nbformat.reads(text, as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(QUICK))  # how well a model is trained does not matter here
    client = NotebookClient(notebook, timeout=300, allow_errors=True, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    errors = [o.ename for cell in notebook.cells for o in cell.get("outputs", []) if o.output_type == "error"]
    assert errors[0] == "NotImplementedError"
    assert set(errors) <= {"NotImplementedError", "NameError"}  # the latter: what an unwritten cell would have made
