"""What the lecturer alone has: right answers, the usual mistakes, and the examples on which answers are graded.

Students' package has numbers made of these, `vae_keras/homework/values.json`: `python homework/make_values.py`.
"""

import dataclasses
import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any

from vae_keras.homework import ASSIGNMENTS, kept, task_of


@dataclasses.dataclass(frozen=True)
class Answer:
    """The lecturer's side of a `vae_keras.homework.Task`.

    Args:
        right: an answer that is right.
        mistakes: hint → an answer with the mistake that the hint is about. The hint does not give the answer away.
        hidden: the arguments, a tuple each, on which answers are graded; or a function that makes them anew, each
            with what is known of it.
        numbers: answer → what it gives, where that is known without trying it.
        by_part: whether each of the numbers that are compared gives points of its own.
        stand_ins: {another task's name: an expression that takes its place}. Where the student's own is wrong, this
            task is tried with these: one mistake costs its points once.
        same: the course's own functions for the same purpose, on whose use a grader remarks.
    """

    right: Any
    mistakes: dict[str, Any]
    hidden: Sequence[tuple] | Callable
    numbers: dict[Any, tuple] = dataclasses.field(default_factory=dict)
    by_part: bool = False
    stand_ins: dict[str, str] = dataclasses.field(default_factory=dict)
    same: tuple[str, ...] = ()


def answer_of(name):
    """The `Answer` of a task such as "hw2.kl"."""
    assignment, _, task = name.partition(".")
    return importlib.import_module(f"answers.{assignment}").ANSWERS[task]


def names():
    """All tasks, as students name them: "hw1.squared_distance", … ."""
    return [f"{name}.{task}" for name in ASSIGNMENTS for task in importlib.import_module(f"answers.{name}").ANSWERS]


def known(name, arguments):
    """What is true of an example, and what the usual mistakes give: as `Task.fault` wants it."""
    task, answer = task_of(name), answer_of(name)

    def numbers(of):
        values = answer.numbers[of] if of in answer.numbers else task.values(of, arguments)
        return kept(task.judged(values, arguments))

    mistakes = {hint: numbers(mistaken) for hint, mistaken in answer.mistakes.items()}
    return {"true": numbers(answer.right), "mistakes": mistakes}


def hidden(name):
    """The hidden examples of a task: (arguments, what is known of them) each."""
    made = answer_of(name).hidden
    return list(made() if callable(made) else _hidden(name))


@functools.cache
def _hidden(name):
    return [(arguments, known(name, arguments)) for arguments in answer_of(name).hidden]


def check_hidden(name, answer):
    """Raise an AssertionError if an answer is wrong for a hidden example; its text says nothing of the example."""
    task = task_of(name)
    for arguments, those in hidden(name):
        hint = task.fault(task.judged(task.values(answer, arguments), arguments), those)
        if hint is not None:
            text = f"✗ {name}, on an example of the grader's"
            raise AssertionError(text + f"\n  hint: {hint}" * bool(hint))
