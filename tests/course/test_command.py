"""The command itself: what `pytest` runs, what it says, and that `--gpu` tests nothing but a GPU."""

import os
import pathlib
import shutil
import subprocess
import sys
import time

import nbformat
import pytest

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).parents[2]
TESTS = """
import pytest

@pytest.mark.slow
def test_long():
    pass

def test_short():
    pass
"""
CELLS = [
    "import os; print(os.environ['VAE_KERAS_DATA'], os.environ.get('VAE_KERAS_DEVICE'))",
    "raise AssertionError('✗ a statement\\n  measured: 3')",
    "print('goes on after a claim that fails')",
    "unknown",
    "print('not after an error')",
]


@pytest.fixture
def course(tmp_path):
    """A course of two tests and a notebook, with the true one's conftest.py and settings."""
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    for folder in ("tests", "notebooks", "homework/source"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "tests" / "test_it.py").write_text(TESTS)
    return tmp_path


def add_notebook(course, cells, name="one"):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(notebook, course / "notebooks" / f"{name}.ipynb")


def run(course, *arguments, **environment):
    """Lines that `pytest` prints, and its exit code."""
    inherited = {key: text for key, text in os.environ.items() if not key.startswith(("PYTEST_", "VAE_KERAS_"))}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=course, env=inherited | environment, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).splitlines(), done.returncode


def test_what_is_slow_runs_where_it_is_asked_for(course):
    quick, _ = run(course, "-n0")
    assert "1 passed, 1 deselected" in quick[-1]
    for asked in ("--everything", "tests/test_it.py", "tests/test_it.py::test_long"):
        assert "deselected" not in run(course, "-n0", asked)[0][-1], asked


def test_a_run_says_first_what_it_will_do_and_how_long(course):
    begin = time.monotonic()
    lines, _ = run(course, "--collect-only")
    assert time.monotonic() - begin < 10
    (plan,) = [line for line in lines[:4] if line.startswith("the course")]
    assert "on digits; about" in plan
    assert "minutes on 1 core" in plan
    assert "--everything" in plan


def test_all_cores_are_used_for_the_whole_and_one_process_for_one_file(course):
    cores = min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(), 8)
    whole, _ = run(course)
    assert any(f"{cores} workers" in line for line in whole)
    one, _ = run(course, "tests/test_it.py")
    assert not any("workers" in line for line in one)


def test_help_explains_both_options(course):
    lines, _ = run(course, "--help")
    text = " ".join(" ".join(lines).split())
    assert "--everything also what takes long" in text
    assert "--gpu test a GPU: fail at once" in text


def test_a_notebook_that_fails_shows_its_statements_and_no_more(course):
    add_notebook(course, CELLS)
    lines, _ = run(course, "notebooks/one.ipynb")
    assert "1 skipped" in lines[-1]
    assert "2 failed, 2 passed" in lines[-1]
    assert "AssertionError: ✗ a statement" in lines
    assert "  measured: 3" in lines
    assert "NameError: name 'unknown' is not defined" in lines
    assert len(lines) < 40


SOLUTION = """<details><summary>Solution</summary>

```python
assert x == 3
```

</details>"""


@pytest.mark.parametrize(
    ("said", "solution", "outcome"),
    [("it holds (measured: 2)", SOLUTION, "2 passed"), ("it did hold", SOLUTION, "1 failed, 1 passed"),
     ("it holds", SOLUTION.replace("3", "4"), "1 failed, 1 passed")],
)  # fmt: skip
def test_statements_are_compared_without_what_was_measured_and_solutions_are_run(course, said, solution, outcome):
    printed = nbformat.v4.new_output("stream", text="✓ it holds (measured: 1)\n")
    cell = nbformat.v4.new_code_cell(f"x = 3; print('✓ {said}')", execution_count=1, outputs=[printed])
    cell.metadata["tags"] = ["nbval-check-output"]
    notebook = nbformat.v4.new_notebook(cells=[cell, nbformat.v4.new_markdown_cell(solution)])
    nbformat.write(notebook, course / "notebooks" / "one.ipynb")
    assert outcome in run(course, "notebooks/one.ipynb")[0][-1]


def test_notebooks_run_on_the_digits_and_with_everything_on_mnist_where_it_is(course, tmp_path):
    add_notebook(course, ["import os; assert os.environ['VAE_KERAS_DATA'] == 'digits'  # as load_data reads it"])
    add_notebook(course, ["assert True"], "without_data")  # and so the same on any
    (tmp_path / "data" / "mnist").mkdir(parents=True)
    assert "3 passed" in run(course, "-n0", TFDS_DATA_DIR=str(tmp_path / "data"))[0][-1]
    lines, _ = run(course, "-n0", "--everything", TFDS_DATA_DIR=str(tmp_path / "data"))
    assert "1 failed, 4 passed" in lines[-1]
    assert any(line.startswith("FAILED notebooks/one.ipynb[mnist]::Cell 0") for line in lines)
    assert "4 passed" in run(course, "-n0", "--everything", TFDS_DATA_DIR=str(tmp_path / "nowhere"))[0][-1]


@pytest.mark.skipif("GPU" in os.environ.get("VAE_KERAS_DEVICE", ""), reason="here is a GPU")
def test_without_a_gpu_nothing_is_tested(course):
    lines, code = run(course, "--gpu", CUDA_VISIBLE_DEVICES="-1")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert any("--gpu: VAE_KERAS_DEVICE insists on a GPU, and TensorFlow sees none" in line for line in lines)
    assert not any("passed" in line for line in lines)


@pytest.mark.parametrize(
    "file", [".github/workflows/gpu.yml", "tools/gpu.Dockerfile", "benchmarks/on_gpu.sh", "docs/on_a_gpu.md"]
)
def test_whatever_runs_on_a_gpu_calls_the_same_command(file):
    text = (ROOT / file).read_text("utf-8").replace('"pytest", "--gpu"', "pytest --gpu")
    assert "pytest --gpu" in text


def test_ci_runs_everything():
    assert "--everything" in (ROOT / ".ci" / "run").read_text("utf-8")
