"""Badges and setup cells: they lead to the repository and the release of pyproject.toml, and install on Colab alone."""

import json
import pathlib
import re
import runpy
import subprocess
import sys

import pytest
from IPython.core.inputtransformer2 import TransformerManager

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = pathlib.Path("tools", "addresses.py")
addresses = runpy.run_path(str(ROOT / SCRIPT))
NOTEBOOKS = [path for path in addresses["files"](ROOT) if path.suffix == ".ipynb"]
PROJECT = (ROOT / "pyproject.toml").read_text("utf-8")
ADDRESS, VERSION = (re.search(rf'(?m)^{key} = "(.*?)"', PROJECT)[1] for key in ("Repository", "version"))
COLAB, JUPYTER = "google.colab._shell", "ipykernel.zmqshell"
FORK = "https://github.com/a.teacher/vae_2027"


def name(path):
    return path.relative_to(ROOT).as_posix()


def repoint(root, *arguments):
    return subprocess.run([sys.executable, root / SCRIPT, *arguments], capture_output=True, text=True)


@pytest.fixture
def fork(tmp_path):
    """A copy of all that the script reads and writes."""
    for path in (ROOT / "pyproject.toml", ROOT / SCRIPT, *addresses["files"](ROOT)):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text("utf-8"), "utf-8", newline="\n")
    return tmp_path


def contents(root):
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("path", addresses["files"](ROOT), ids=name)
def test_no_badge_and_no_setup_cell_is_stale(path):
    if path.read_text("utf-8") != addresses["pointed"](path):
        pytest.fail(f"{name(path)} is stale: run python {SCRIPT.as_posix()}")


def test_the_readme_has_a_badge_for_each_notebook_that_students_open():
    badges = re.findall(r"colab-badge\.svg\)\]\(https://.*?/blob/.*?/(.*?)\)", (ROOT / "README.md").read_text("utf-8"))
    assert sorted(badges) == [name(path) for path in sorted(NOTEBOOKS) if "source" not in path.parts]


def test_a_fork_is_pointed_to_everywhere_by_one_command(fork):
    ran = repoint(fork, f"{FORK}.git")
    assert ran.returncode == 0, ran.stderr
    assert len(ran.stdout.splitlines()) == len(NOTEBOOKS) + 1
    for path, text in contents(fork).items():
        assert ADDRESS.removeprefix("https://github.com/") not in text.decode(), path
        if path.suffix == ".ipynb":
            first = "".join(json.loads(text)["cells"][0]["source"])
            place = path.as_posix().replace("source", "release")
            assert f"(https://colab.research.google.com/github/a.teacher/vae_2027/blob/v{VERSION}/{place})" in first
            assert f"%pip install --quiet {FORK}/archive/refs/tags/v{VERSION}.tar.gz" in text.decode()


def test_pointing_to_a_fork_and_back_changes_no_byte(fork):
    before = contents(fork)
    for target in (FORK, f"{ADDRESS}/"):
        assert repoint(fork, target).returncode == 0
    assert contents(fork) == before


def test_a_new_version_brings_its_tag(fork):
    (fork / "pyproject.toml").write_text(PROJECT.replace(f'"{VERSION}"', '"7.8.9"'), "utf-8")
    assert repoint(fork).returncode == 0
    for path in addresses["files"](fork):
        assert "v7.8.9" in path.read_text("utf-8")
        assert f"v{VERSION}" not in path.read_text("utf-8")


def test_a_notebook_without_a_setup_cell_is_named_and_not_overwritten(fork):
    path = fork / "notebooks" / NOTEBOOKS[0].name
    text = path.read_text("utf-8").replace("%matplotlib inline", "precious = 1")
    path.write_text(text, "utf-8", newline="\n")
    ran = repoint(fork)
    assert f"{path.name} has no setup cell: add a first code cell with the line %matplotlib inline" in ran.stderr
    assert path.read_text("utf-8") == text


@pytest.mark.parametrize(
    "address", ["github.com/a/b", "https://gitlab.com/a/b", "https://github.com/a", f"{FORK}/x", ""]
)
def test_an_address_that_colab_cannot_open_is_refused_and_changes_nothing(fork, address):
    before = contents(fork)
    ran = repoint(fork, address)
    assert ran.returncode == 2
    assert f"must be https://github.com/OWNER/REPOSITORY, as Colab opens no other. Received: {address!r}" in ran.stderr
    assert contents(fork) == before


# What the setup cell does


def run_setup_cell(monkeypatch, shell, installed, pip_succeeds=True):
    """What it gave to pip. `shell` is the module of the kernel's shell."""
    if not installed:
        monkeypatch.setitem(sys.modules, "vae_keras", None)  # Python's way to say that there is none
    given = []

    def magic(self, command, line):
        if command == "pip":
            given.append(line)
            if pip_succeeds:
                monkeypatch.undo()

    kernel = type("Shell", (), {"__module__": shell, "run_line_magic": magic})()
    cell = next(cell for cell in json.loads(NOTEBOOKS[0].read_text("utf-8"))["cells"] if cell["cell_type"] == "code")
    exec(TransformerManager().transform_cell("".join(cell["source"])), {"get_ipython": lambda: kernel})
    return given


def test_colab_without_the_course_installs_the_release_and_imports_it(monkeypatch):
    (line,) = run_setup_cell(monkeypatch, COLAB, installed=False)
    assert re.fullmatch(r"install --quiet https://github\.com/\S+/archive/refs/tags/v\S+\.tar\.gz", line)


@pytest.mark.parametrize("shell", [COLAB, JUPYTER])
def test_where_the_course_is_nothing_is_installed(monkeypatch, shell):
    assert run_setup_cell(monkeypatch, shell, installed=True) == []


def test_elsewhere_nothing_is_installed_and_it_says_what_to_do(monkeypatch):
    with pytest.raises(ModuleNotFoundError, match=r"Run `pip install -r requirements\.txt`"):
        run_setup_cell(monkeypatch, JUPYTER, installed=False)


def test_an_installation_that_failed_is_not_passed_over(monkeypatch):
    with pytest.raises(ModuleNotFoundError, match="vae_keras"):
        run_setup_cell(monkeypatch, COLAB, installed=False, pip_succeeds=False)
