"""Points: all where every example holds, half where the ordinary ones do; what one mistake costs, it costs once."""

import asyncio
import contextlib
import pathlib
import types

import answers
import grading.grader
import pytest
from grading.kernel import Noted
from submissions import COURSE, Book, grade

import vae_keras
from vae_keras.homework import task_of

KNOWN = {}
PACKAGE = str(pathlib.Path(vae_keras.__file__).parent)


class Here:
    """Stands for a student's process: it answers in this one, without the notebook."""

    def __init__(self, code):
        self.code, self.ran = code, set()

    async def values(self, name, expression, arguments, seconds, stand_ins):
        space = {"vae_keras": vae_keras}
        exec("import keras, numpy as np\n" + self.code, space)
        space |= {other: eval(of, space) for other, of in stand_ins.items()}
        self.ran = set()
        try:
            with Noted(PACKAGE) as self.ran:
                return task_of(name).values(space[expression], arguments)
        except Exception as error:
            return type(error).__name__, str(error)


def graded(monkeypatch, folder, assignment, code, *tasks):
    """{task: (points, reason)} and the remarks, where `code` is what a student wrote."""
    given = grade.notebooks.Given(*(COURSE / f"{v}/{assignment}/{assignment}.ipynb" for v in ("release", "source")))
    given.checks = [check for check in given.checks if check.name.removeprefix("check_") in tasks]
    visible = {}
    for name in [f"{assignment}.{task}" for task in tasks]:
        if name not in KNOWN:
            KNOWN[name] = [(example, answers.known(name, example)) for example in task_of(name).examples]
        visible[name] = KNOWN[name]

    @contextlib.asynccontextmanager
    async def process():
        yield Here(code)

    async def nothing_is_cut_short(*_):
        return {}

    monkeypatch.setattr(grading.grader, "run_cells", nothing_is_cut_short)
    whole = types.SimpleNamespace(notebooks=[given], visible=visible)
    grader = grading.grader.Grader(whole, types.SimpleNamespace(jobs=1, timeout=60))
    monkeypatch.setattr(grader, "process", process)
    (folder / "in.ipynb").write_bytes(Book(COURSE, assignment).bytes())
    cells, origin, _ = grade.notebooks.restore(grade.notebooks.read(folder / "in.ipynb")[0], given)
    results, _, remarks = asyncio.run(grader.notebook(given, cells, origin))
    return {check.name.removeprefix("check_"): result for check, result in results.items()}, " | ".join(remarks)


KL = """
def kl(mean, log_var, over_latents=np.sum, highest=np.inf):
    mean, log_var = np.asarray(mean), np.asarray(log_var)
    return over_latents(mean**2 + np.exp(np.minimum(log_var, highest)) - 1 - log_var, axis=-1) / 2
right = kl
"""


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize(
    ("code", "points", "reason"),
    [
        ("", 4, ""),
        ("kl = lambda *pair: right(*pair, highest=20)", 2, "than it should on an example of the grader's"),
        ("kl = lambda m, v: right(m, v) if len(m) < 3 and m.shape[1] < 4 else 0 * m[:, 0]", 0, "of the grader's"),
        ("kl = lambda *pair: right(*pair, np.mean)", 0, "hint: a mean over the latent dimensions"),
        ("kl = lambda *pair: 'abc'", 0, "raises ValueError"),
    ],
)
def test_a_task_gives_all_half_or_none_of_its_points(code, points, reason, monkeypatch, tmp_path):
    results, _ = graded(monkeypatch, tmp_path, "hw2", KL + code, "kl")
    assert results["kl"][0] == points
    assert reason in results["kl"][1]


@pytest.mark.parametrize(
    "code",
    [
        "kl = vae_keras.kl_divergence",
        "kl = getattr(vae_keras, 'kl_' + 'divergence')",
        "kl = (lambda f: type(f)(f.__code__, f.__globals__, 'mine', None, f.__closure__))(vae_keras.kl_divergence)",
        "kl = lambda *pair: list(map(vae_keras.losses.kl_divergence, *[[x] for x in pair]))[0]",
        "import sys\ndef kl(*pair):\n    sys.setprofile(None)\n    return vae_keras.kl_divergence(*pair)",
    ],
)
def test_a_function_of_the_course_is_remarked_on_however_it_was_reached(code, monkeypatch, tmp_path):
    _, remarks = graded(monkeypatch, tmp_path, "hw2", code, "kl")
    assert "look at kl: the course's " in remarks
    assert ("kl_divergence" in remarks) or ("sys.setprofile" in remarks)


def test_of_an_answer_of_one_s_own_nothing_is_remarked(monkeypatch, tmp_path):
    assert graded(monkeypatch, tmp_path, "hw2", KL, "kl")[1] == ""


LOSS = """
def squared_distance(x, y):
    return keras.ops.{}(keras.ops.square(x - y), axis=(1, 2, 3))
def empirical_loss(x, encoder, decoder, batch_size):
    batches = [x[i : i + batch_size] for i in range(0, len(x), batch_size)]
    return sum(keras.ops.sum(squared_distance(b, decoder(encoder(b)))) for b in batches) / {}
"""


@pytest.mark.parametrize(
    ("of_pixels", "divisor", "points", "remark"),
    [
        ("sum", "len(x)", (1, 2), ""),
        (
            "mean",
            "len(x)",
            (0, 2),
            "empirical_loss: tried with the course's squared_distance, as the student's",
        ),
        ("mean", "batch_size", (0, 0), "tried with the course's"),
        ("sum", "batch_size", (1, 0), ""),
    ],
)
def test_one_mistake_costs_its_points_once(of_pixels, divisor, points, remark, monkeypatch, tmp_path):
    code = LOSS.format(of_pixels, divisor)
    results, remarks = graded(monkeypatch, tmp_path, "hw1", code, "squared_distance", "empirical_loss")
    assert tuple(got for got, _ in results.values()) == points
    assert remark in remarks
    assert bool(remark) == ("tried with" in remarks)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("measure", "points", "reason"),
    [
        ("s.std() / s.mean()", 6, ""),
        ("s.sum() / np.linalg.norm(images[-1] - images[0])", 4, "not right: 2, 5"),
        ("s.max() / s.mean()", 5, "not right: 6"),
        ("(1, 1, 1, 1, 1, 1)", 0, "not right: 1, 2, 3, 4, 5, 6"),
        ("nonsense", 0, "raises NameError"),
    ],
)
def test_each_property_of_a_measure_gives_a_point(measure, points, reason, monkeypatch, tmp_path):
    code = "def roughness(images):\n    s = np.linalg.norm(np.diff(images.reshape(len(images), -1), axis=0), axis=1)\n"
    results, _ = graded(monkeypatch, tmp_path, "hw4", f"{code}    return {measure}", "roughness")
    assert results["roughness"][0] == pytest.approx(points)
    assert reason in results["roughness"][1]
