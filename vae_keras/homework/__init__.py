"""Homework that tells a student whether it is right, without a network: `check("hw2.kl", kl)`.

A `Task` says on which examples an answer is tried, and how. This package holds no right answer, and
no code that makes one: `values.json` has the numbers that a right answer gives for the examples,
and those of the usual mistakes, each with its hint. A grader tries other examples.
"""

import dataclasses
import functools
import importlib
import json
import math
import pathlib
import sys
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from vae_keras.support.checks import one_of

ASSIGNMENTS = ("hw1", "hw2", "hw3", "hw4", "clinic")
LONG = 64  # numbers: of a longer array some sums are kept
SUMS = 16


def call(answer, *arguments):
    """The usual probe: call the student's function with tensors; with arrays, where it cannot work with tensors."""
    tensors = [tf.convert_to_tensor(a) if isinstance(a, np.ndarray) else a for a in arguments]
    try:
        return answer(*tensors)
    # as `x.sum(axis=1)` does, which arrays alone have
    except (AttributeError, TypeError, ValueError, tf.errors.InvalidArgumentError):
        return answer(*arguments)


@dataclasses.dataclass(frozen=True)
class Task:
    """One thing that a student writes: a function, a class or a value.

    Args:
        examples: the arguments, a tuple each, on which `check` tries an answer: NumPy arrays,
            numbers and texts.
        probe: `probe(answer, *arguments)` → the numbers, or the tuple of arrays, that are compared.
        judge: `judge(values, *arguments)` → what is compared in their place. A grader calls it
            outside the process in which the student's code runs.
        rtol, atol: how far these may be from the true ones, as in `np.allclose`.
    """

    examples: Sequence[tuple]
    probe: Callable = call
    judge: Callable = lambda values, *arguments: tuple(values)
    rtol: float = 1e-4
    atol: float = 1e-5

    def values(self, answer, arguments):
        """What an answer gives for one example, as a list of float64 arrays."""
        return _arrays(self.probe(answer, *arguments))

    def judged(self, values, arguments):
        """What is compared, as a list of float64 arrays."""
        return _arrays(self.judge(values, *arguments))

    def fault(self, judged, known):
        """The hint that fits to a wrong answer, "" where none does; None if the answer is right.

        Args:
            judged: the student's numbers.
            known: {"true": …, "mistakes": {hint: …}}, each as `kept` keeps it.
        """
        if self._same(judged, known["true"]):
            return None
        fits = (hint for hint, those in known["mistakes"].items() if self._same(judged, those))
        return next(fits, "")

    def _same(self, ours, theirs):
        if len(ours) == 1 < len(theirs) and ours[0].shape[:1] == (len(theirs),):
            ours = list(ours[0])  # two numbers in a list are as good as in a tuple
        return len(ours) == len(theirs) and all(map(self._alike, ours, theirs))

    def _alike(self, array, those):
        if list(array.shape) != those["shape"]:
            return False
        if "numbers" in those:
            true = np.reshape(those["numbers"], array.shape)
            return np.allclose(array, true, self.rtol, self.atol, equal_nan=True)
        near = self.rtol * those["norm"] + self.atol * math.sqrt(array.size)
        return np.allclose(_sums(array), those["sums"], rtol=0, atol=near, equal_nan=True)


def kept(arrays):
    """Arrays as `values.json` keeps them: of a long one its first numbers and sums with random signs."""
    return [
        {"shape": list(array.shape)}
        | (
            {"numbers": array.ravel().tolist()}
            if array.size <= LONG
            else {
                "first": array.ravel()[:4].tolist(),
                "norm": float(np.linalg.norm(array)),
                "sums": _sums(array).tolist(),
            }
        )
        for array in arrays
    ]


def task_of(name):
    """The `Task` of a name such as "hw2.kl".

    Raises:
        ValueError: there is no such assignment or task.
    """
    assignment, _, task = str(name).partition(".")
    one_of(assignment, ASSIGNMENTS, "assignment")
    tasks = importlib.import_module(f"vae_keras.homework.{assignment}").TASKS
    one_of(task, tasks, f"task of {assignment}")
    return tasks[task]


def check(name, answer, hidden=False):
    """Say whether a student's answer is right: "your value / true value", and a hint where the
    mistake is a usual one.

    Args:
        name: of the task, such as "hw2.kl".
        answer: the function, class or value that the student wrote.
        hidden: try the lecturer's examples, which stand in a folder `answers` above the working
            folder.

    Raises:
        AssertionError: the answer is wrong; the text says what it gave, what is true, and a hint.
        NotImplementedError: the student has not yet written it.
        ValueError: there is no such task.
        FileNotFoundError: `hidden` is asked for where no hidden examples are.
    """
    __tracebackhide__ = True  # IPython then shows the student's own lines alone
    task = task_of(name)
    if hidden:
        return _lecturers_answers().check_hidden(name, answer)
    all_judged = []
    for arguments, known in zip(task.examples, _known()[name], strict=True):
        all_judged.append(task.judged(task.values(answer, arguments), arguments))
        hint = task.fault(all_judged[-1], known)
        if hint is not None:
            yours, true = shown(kept(all_judged[-1])), shown(known["true"])
            text = f"✗ {name}\n  your value: {yours}\n  true value: {true}"
            raise AssertionError(text + f"\n  hint: {hint}" * bool(hint))
    print(f"✓ {name}: your value {shown(kept(all_judged[0]))} is the true value")


@functools.cache
def _known():
    """{task: for each example what a right answer gives, and what the usual mistakes give}."""
    return json.loads(pathlib.Path(__file__).with_name("values.json").read_text("utf-8"))


def _lecturers_answers():
    """The module `answers` of the nearest folder above the working folder that has one."""
    folder = pathlib.Path.cwd()
    for place in (folder, *folder.parents):
        if (place / "answers" / "hw1.py").is_file():
            sys.path.insert(0, str(place))
            return importlib.import_module("answers")
    raise FileNotFoundError(
        f"the hidden examples are the lecturer's: there is no answers/hw1.py in {folder} or in a folder above it"
    )


def _arrays(result):
    return [
        np.asarray(part, "float64") for part in (result if isinstance(result, tuple) else [result])
    ]


def _sums(array):
    """A long array in a few numbers that tell it from any other: sums in which each sign is random."""
    signs = np.random.default_rng(array.size).choice([-1.0, 1.0], (SUMS, array.size))
    return signs @ array.ravel()


def shown(those):
    """Numbers in few words: the first of them, and the shape where it is not one number."""
    return " and ".join(map(_shown_array, those))


def _shown_array(those):
    numbers, shape = those.get("numbers", those.get("first")), tuple(those["shape"])
    first = ", ".join(f"{number:.6g}" for number in numbers[:4])
    return f"[{first}{', …' if math.prod(shape) > 4 else ''}] of shape {shape}" if shape else first
