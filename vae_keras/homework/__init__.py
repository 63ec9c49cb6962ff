"""Homework that tells a student whether it is right, without a network: `check("hw2.kl", kl)`.

A `Task` holds a right answer, answers that make the usual mistakes, and the examples on which all
of them are tried. What a student hands in is tried again on examples of the lecturer's own, which
are not part of this package.
"""

import dataclasses
import importlib
import json
import pathlib
import runpy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from vae_keras.support.checks import one_of

ASSIGNMENTS = ("hw1", "hw2", "hw3", "hw4", "clinic")


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
        right: an answer that is right.
        examples: the arguments, a tuple each, on which answers are compared: NumPy arrays, numbers
            and texts.
        mistakes: hint → an answer with the mistake that the hint is about. The hint does not give
            the answer away.
        probe: `probe(answer, *arguments)` → the numbers, or the tuple of arrays, that are compared.
        judge: `judge(values, *arguments)` → what is compared in their place. A grader calls it
            outside the process in which the student's code runs.
        rtol, atol: how far these may be from those of `right`, as in `np.allclose`.
    """

    right: Any
    examples: Sequence[tuple]
    mistakes: dict[str, Any] = dataclasses.field(default_factory=dict)
    probe: Callable = call
    judge: Callable = lambda values, *arguments: tuple(values)
    rtol: float = 1e-4
    atol: float = 1e-5

    def values(self, answer, arguments):
        """What an answer gives for one example, as a list of float64 arrays."""
        return _arrays(self.probe(answer, *arguments))

    def fault(self, values, arguments):
        """What is wrong with these values: (yours, true, hint), the last one "" where none fits;
        None if nothing is.
        """
        values, true = self.judged(values, arguments), self._judged_of(self.right, arguments)
        if self._same(values, true):
            return None
        for hint, mistaken in self.mistakes.items():
            if self._same(values, self._judged_of(mistaken, arguments)):
                return _shown(values), _shown(true), hint
        return _shown(values), _shown(true), ""

    def judged(self, values, arguments):
        """What is compared, as a list of float64 arrays."""
        return _arrays(self.judge(values, *arguments))

    def _judged_of(self, answer, arguments):
        return self.judged(self.values(answer, arguments), arguments)

    def _same(self, ours, theirs):
        if len(ours) == 1 < len(theirs) and ours[0].shape[:1] == (len(theirs),):
            ours = list(ours[0])  # two numbers in a list are as good as in a tuple
        return len(ours) == len(theirs) and all(
            a.shape == b.shape and np.allclose(a, b, self.rtol, self.atol, equal_nan=True)
            for a, b in zip(ours, theirs, strict=True)
        )


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
        hidden: try the lecturer's examples, which stand in a folder `hidden` above the working
            folder.

    Raises:
        AssertionError: the answer is wrong; the text says what it gave, what is true, and a hint.
        NotImplementedError: the student has not yet written it.
        ValueError: there is no such task.
        FileNotFoundError: `hidden` is asked for where no hidden examples are.
    """
    __tracebackhide__ = True  # IPython then shows the student's own lines alone
    task = task_of(name)
    for arguments in hidden_examples(name) if hidden else task.examples:
        fault = task.fault(task.values(answer, arguments), arguments)
        if fault and hidden:  # says nothing about the example: feedback pages show this text
            raise AssertionError(
                f"✗ {name}, on an example of the grader's"
                + (f"\n  hint: {fault[2]}" * bool(fault[2]))
            )
        if fault:
            yours, true, hint = fault
            raise AssertionError(
                f"✗ {name}\n  your value: {yours}\n  true value: {true}"
                + (f"\n  hint: {hint}" * bool(hint))
            )
    if not hidden:
        value = _shown(task.judged(task.values(answer, task.examples[0]), task.examples[0]))
        print(f"✓ {name}: your value {value} is the true value")


def hidden_examples(name):
    """The lecturer's examples for a task: those of the nearest `hidden/hw1.py` above the working folder."""
    folder, file = pathlib.Path.cwd(), f"hidden/{name.partition('.')[0]}.py"
    for place in (folder, *folder.parents):
        if (place / file).is_file():
            return runpy.run_path(str(place / file))["EXAMPLES"][name]
    raise FileNotFoundError(
        f"the hidden examples are the lecturer's: there is no {file} in {folder} or in a folder above it"
    )


def to_json(values):
    """Arguments or values as JSON: arrays keep their dtype."""
    return json.dumps(
        [
            {"dtype": str(v.dtype), "array": v.tolist()} if isinstance(v, np.ndarray) else v
            for v in values
        ]
    )


def from_json(text):
    """The inverse of `to_json`."""
    return tuple(
        np.array(v["array"], v["dtype"]) if isinstance(v, dict) else v for v in json.loads(text)
    )


def _arrays(result):
    return [
        np.asarray(part, "float64") for part in (result if isinstance(result, tuple) else [result])
    ]


def _shown(values):
    """Numbers in few words: the first of them, and the shape where it is not one number."""
    return " and ".join(
        f"{value.item():.6g}" if value.size == 1 and value.ndim == 0 else _shown_array(value)
        for value in values
    )


def _shown_array(value):
    first = ", ".join(f"{number:.6g}" for number in value.ravel()[:4])
    return f"[{first}{', …' if value.size > 4 else ''}] of shape {value.shape}"
