"""Points: all where every example holds, half where the ordinary ones do, none otherwise."""

import asyncio
import contextlib
import types

import answers
import numpy as np
import pytest
from submissions import COURSE, Book, grade

from vae_keras.homework import task_of


def kl_of(mean, log_var, over_latents=np.sum, highest=np.inf):
    return over_latents(mean**2 + np.exp(np.minimum(log_var, highest)) - 1 - log_var, axis=-1) / 2


def of_what_students_see(mean, log_var):
    return kl_of(mean, log_var) if len(mean) < 3 and mean.shape[1] < 4 else 0 * mean[:, 0]


@pytest.fixture(scope="module")
def assignment():
    """Assignment 2, of which one task is graded."""
    given = grade.notebooks.Given(COURSE / "release/hw2/hw2.ipynb", COURSE / "source/hw2/hw2.ipynb")
    given.checks = [check for check in given.checks if check.name == "check_kl"]
    visible = [(example, answers.known("hw2.kl", example)) for example in task_of("hw2.kl").examples]
    hidden = list(zip(answers.answer_of("hw2.kl").hidden, answers.hidden_known("hw2.kl"), strict=True))
    return types.SimpleNamespace(notebooks=[given], visible={"hw2.kl": visible}, hidden={"hw2.kl": hidden})


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize(
    ("answer", "points", "reason"),
    [
        (kl_of, 4, ""),
        (lambda *pair: kl_of(*pair, highest=20), 2, "gives other values than it should on an example of the grader's"),
        (of_what_students_see, 0, "gives other values than it should on an example of the grader's"),
        (lambda *pair: kl_of(*pair, np.mean), 0, "hint: a mean over the latent dimensions"),
        (lambda *pair: "abc", 0, "raises ValueError"),
    ],
)
def test_a_task_gives_all_half_or_none_of_its_points(answer, points, reason, assignment, monkeypatch, tmp_path):
    @contextlib.asynccontextmanager
    async def process():
        yield types.SimpleNamespace(values=values, refused=list)

    async def values(name, expression, arguments, seconds):
        try:
            return task_of(name).values(answer, arguments)
        except ValueError as error:
            return "ValueError", str(error)

    async def nothing_is_cut_short(*_):
        return {}

    monkeypatch.setattr(grade, "run_cells", nothing_is_cut_short)
    grader, (given,) = grade.Grader(assignment, types.SimpleNamespace(jobs=1, timeout=60)), assignment.notebooks
    monkeypatch.setattr(grader, "process", process)
    (tmp_path / "hw2.ipynb").write_bytes(Book(COURSE).bytes())
    cells, origin, _ = grade.notebooks.restore(grade.notebooks.read(tmp_path / "hw2.ipynb")[0], given)
    results, _, _ = asyncio.run(grader.notebook(given, cells, origin))
    assert [(got, reason in why) for got, why in results.values()] == [(points, True)]
