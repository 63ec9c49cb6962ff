"""Grade one student: run the notebooks, ask for the answers, and say what each lost.

A task gives all of its points where every example holds, half where the ordinary ones do, and none otherwise.
"""

import asyncio
import builtins
import re
import traceback

import answers
from answers import answer_of
from nbclient.exceptions import DeadKernelError

from grading import notebooks, pages
from grading.run import Died, Process, run_cells
from grading.submissions import is_notebook
from vae_keras.homework import task_of

RUNS = 4  # of one notebook: a cell or task that ends the process is left out of the next run
MOST_TIME = 10  # times a cell's: for all cells and checks of a run
NOT_SOLVED = "not solved"
ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Grader:
    """Grades one file after the other, each in a process of its own, `options.jobs` at a time."""

    def __init__(self, assignment, options):
        self.assignment, self.options = assignment, options
        self.free = asyncio.Semaphore(options.jobs)

    def process(self):
        """The place for one student's code."""
        given = self.options
        return Process(given.jobs, given.memory, MOST_TIME * given.timeout, sandboxed=not given.no_sandbox)

    async def student(self, paths):
        """All files of a student, the oldest first.

        Returns:
            {check: (points, reason)}, remarks, {question: answer}, the page's cells, and whether all could be graded.
        """
        results, remarks, texts, cells, whole = {}, [], {}, [], True
        async with self.free:
            graded = []
            for path in paths:
                try:
                    graded.append((path, await self.file(path)))
                except ValueError as error:
                    remarks.append(f"{path.name}: {error}")
                except Exception as error:  # of this grader: nobody's damage stops the batch
                    traceback.print_exc()
                    whole = False
                    remarks.append(f"{path.name}: the grader failed ({type(error).__name__}); grade it by hand")
        unread = "; ".join(remarks)
        for given in self.assignment.notebooks:
            those = [(path, grades) for path, grades in graded if grades["given"] is given]
            if those:
                newest = self.options.policy == "newest"
                path, best = those[-1] if newest else max(those, key=lambda one: _total(one[1]["results"]))
                results |= best["results"]
                texts |= best["texts"]
                cells += best["cells"]
                remarks += best["remarks"]
                if len(those) > 1:
                    why = "the newest" if newest else "no other has more points"
                    remarks.append(f"{len(those)} files: {path.name} counts, {why}")
            else:
                results |= dict.fromkeys(given.checks, (0, unread or f"no {given.name}.ipynb"))
        return results, remarks, texts, cells, whole

    async def file(self, path):
        """One file.

        Raises:
            ValueError: it is not a notebook of this assignment.
        """
        if not is_notebook(path):
            raise ValueError("not a notebook")
        cells, remarks = notebooks.read(path)
        if not any(cell.cell_type == "code" and cell.source.strip() for cell in cells):
            raise ValueError("a notebook without code")
        given = self.assignment.notebook_of(cells)
        if given is None:
            raise ValueError(f"not a notebook of {self.assignment.name}")
        cells, origin, restored = notebooks.restore(cells, given)
        texts = {question.name: notebooks.answer_to(question, cells, origin) for question in given.questions}
        remarks += restored + notebooks.looks(cells, origin, given)
        results, cells, done = await self.notebook(given, cells, origin)
        remarks += done
        return {"given": given, "results": results, "texts": texts, "remarks": remarks, "cells": cells}

    async def notebook(self, given, cells, origin):
        """Run the cells, ask for every check's answers: {check: (points, reason)}, cells as they ran, remarks."""
        results, skipped, cut, ran = {}, {}, {}, notebooks.as_notebook(cells)
        stand_ins, same = {}, {}  # of each check: what takes another answer's place; the course's functions that ran
        for check in given.checks:
            places = notebooks.places(check, given, cells, origin)
            stubs = [given.cells[i].source for i in given.solutions(check)]
            if places and all(notebooks.is_stub(cells[i].source, stub) for i in places for stub in stubs):
                results[check] = 0, NOT_SOLVED
        for _ in range(RUNS):
            if len(results) == len(given.checks):
                break
            ran = notebooks.as_notebook(cells)
            try:
                async with self.process() as process:
                    cut = await run_cells(process, ran, skipped, self.options.timeout)
                    for hidden in (False, True):  # first those of which a student may know what they are
                        for check in given.checks:
                            if check in results:
                                continue
                            places = notebooks.places(check, given, cells, origin)
                            asked = Asked(process, check, self.options.timeout, stand_ins.get(check, {}))
                            fault, share = await asked.about(self.assignment, hidden)
                            if fault and (others := _stand_ins(check, results)) and check not in stand_ins:
                                asked.stand_ins = stand_ins[check] = others
                                fault, share = await asked.about(self.assignment, hidden)
                            same.setdefault(check, set()).update(asked.same)
                            if isinstance(fault, tuple):
                                fault = _reason(fault, check.answers[0][1], hidden, ran, places, cut)
                            if fault or hidden:
                                results[check] = check.points * share, fault
            except Died as death:
                check = death.where
                if isinstance(check, int):
                    skipped[check] = death.reason
                    check = given.check_of(origin[check])  # the cell that checks an answer shows what it does
                if check:
                    results[check] = 0, death.reason
        for place, reason in skipped.items():
            ran.cells[place].outputs = [notebooks.note(f"left out: {reason}")]
        remarks = [f"cell {place + 1}: {reason}" for place, reason in sorted((cut | skipped).items())]
        remarks += [
            f"look at {pages.task(c)}: the course's {', '.join(sorted(f))} ran in it" for c, f in same.items() if f
        ]
        remarks += [
            f"{pages.task(check)}: tried with the course's {' and '.join(others)}, as the student's is wrong"
            for check, others in stand_ins.items()
        ]
        results = {check: results.get(check, (0, "the process ended again and again")) for check in given.checks}
        return results, ran.cells, remarks


class Asked:
    """The answers that a check is about, in a student's process.

    Args:
        seconds: for one example.
        stand_ins: {name: expression} of other answers, which these may call.

    Attributes:
        same: the course's own functions for the same purpose that ran for them.
    """

    def __init__(self, process, check, seconds, stand_ins):
        self.process, self.check, self.seconds, self.stand_ins = process, check, seconds, stand_ins
        self.same = set()

    async def about(self, assignment, hidden):
        """What is wrong with them, "" if nothing is, or ("kind", text) where there are no numbers; the share of points.

        Half of the points are for the visible examples and the first of the hidden ones, which is an ordinary one.

        Raises:
            Died: asking for it ended the process.
        """
        held = 0
        for name, expression in self.check.answers:
            task, answer = task_of(name), answer_of(name)
            wrong = set()  # where parts count
            for arguments, those in answers.hidden(name) if hidden else assignment.visible[name]:
                values = await self._values(name, expression, arguments, answer.same)
                if isinstance(values, tuple):
                    return values, 0.5 * (hidden and held > 0 and not answer.by_part)
                judged = await asyncio.to_thread(_judged, task, values, arguments)
                hint = task.fault(judged, those)
                if hint is not None and answer.by_part:
                    wrong |= _wrong_parts(judged, those)
                elif hint is not None:
                    where = " on an example of the grader's" * hidden
                    what = f"gives other values than it should{where}" + f"; hint: {hint}" * bool(hint)
                    return what, 0.5 * (hidden and held > 0)
                held += 1
            if wrong and hidden:
                parts = len(those["true"])
                return f"not right: {', '.join(str(part + 1) for part in sorted(wrong))}", 1 - len(wrong) / parts
        return "", 1.0

    async def _values(self, name, expression, arguments, same):
        try:
            values = await self.process.values(name, expression, arguments, self.seconds, self.stand_ins)
        except DeadKernelError as error:
            raise Died(self.check, error) from None
        self.same |= self.process.ran & {*same, "sys.setprofile"}
        return values


def _stand_ins(check, results):
    """What may take the place of other answers, as the student's own are wrong."""
    wrong = {name for other, (points, _) in results.items() if not points for _, name in other.answers}
    known = {name: of for task, _ in check.answers for name, of in answer_of(task).stand_ins.items()}
    return {name: of for name, of in known.items() if name in wrong}


def _judged(task, values, arguments):
    """As `Task.judged`; nothing of numbers that no judge can read."""
    try:
        return task.judged(values, arguments)
    except (TypeError, ValueError, IndexError):
        return []


def _wrong_parts(judged, those):
    """Which of the numbers are not the true ones."""
    numbers = [part.item() if part.size == 1 else None for part in judged]
    true = [part["numbers"][0] for part in those["true"]]
    return {i for i in range(len(true)) if len(numbers) != len(true) or numbers[i] != true[i]}


def _reason(problem, expression, hidden, ran, places, cut):
    """Why there are no numbers, in words that say nothing of a hidden example."""
    kind, text = problem
    if kind == "missing":
        for place in reversed(places):
            if place in cut:
                return f"its cell was cut short: {cut[place]}"
            for output in ran.cells[place].outputs:
                if output.output_type == "error":
                    return _error(output.ename, output.evalue)
        return f"no cell defines {expression}"
    where = ", on an example of the grader's" * hidden
    if kind == "time":
        return f"runs too long{where}"
    if hidden and kind != "NotImplementedError":  # a student's own error might tell what the example is
        return f"raises {kind if hasattr(builtins, kind) else 'an error'}{where}"
    return _error(kind, text)


def _error(name, text):
    if name == "NotImplementedError":
        return NOT_SOLVED
    text = re.sub(r" \(\d+\.py, line", " (line", ANSI.sub("", text))  # IPython's file of a cell
    return f"raises {name}: {text.strip().partition(chr(10))[0][:200]}"


def _total(results):
    return sum(points for points, _ in results.values())
