"""What is public has type hints: a program that uses the course can be checked."""

import importlib.util
import inspect
import pathlib
import shutil
import subprocess
import sys

import keras
import pytest

import vae_keras

ROOT = pathlib.Path(vae_keras.__file__).parent.parent
CHECKABLE = importlib.util.find_spec("mypy") and (ROOT / "pyproject.toml").is_file()
needs_mypy = pytest.mark.skipif(not CHECKABLE, reason="needs mypy, of the [dev] extra, and the course's own folder")
# Keras calls these, with arguments of its own.
OF_KERAS = {*dir(keras.Model), *dir(keras.callbacks.TensorBoard), *dir(keras.metrics.Metric)} - {"__init__"}
MODULES = [  # the explorer's functions come with Jupyter's types, the homework's are the students'
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted((ROOT / "vae_keras").rglob("*.py"))
    if not {"explorer", "homework", "plots", "__main__.py"} & set(path.relative_to(ROOT).parts)
]


def public():
    """Functions and methods that a reader may call, by name."""
    found = {}
    for module in map(importlib.import_module, MODULES):
        for name, thing in vars(module).items():
            if name.startswith("_") or getattr(thing, "__module__", None) != module.__name__:
                continue
            if inspect.isfunction(thing):
                found[name] = thing
            for key, method in vars(thing).items():
                if inspect.isfunction(method) and (key == "__init__" or not (key.startswith("_") or key in OF_KERAS)):
                    found[f"{name}.{key}"] = method
    return found


@pytest.mark.parametrize("name", public())
def test_has_hints(name):
    signature = inspect.signature(public()[name])
    parameters = [p for key, p in signature.parameters.items() if key != "self"]
    missing = [p.name for p in parameters if p.annotation is inspect.Parameter.empty]
    assert missing == []
    assert signature.return_annotation is not inspect.Signature.empty


@pytest.mark.slow
@needs_mypy
def test_they_pass_the_type_checker(tmp_path):
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path)]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.slow
@needs_mypy
def test_a_program_that_uses_the_course_is_checked_by_them(tmp_path):
    (tmp_path / "program.py").write_text("from vae_keras import train\ntrain(1, 2, epochs='three')\n")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache"), "program.py"]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert 'Argument "epochs" to "train" has incompatible type "str"; expected "int"' in checked.stdout
