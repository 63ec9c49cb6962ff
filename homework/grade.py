"""Grade a folder of submitted notebooks: `python homework/grade.py hw2 SUBMISSIONS --out GRADES`.

Writes into GRADES: grades.csv; answers.html, the written answers below the marking guide; a page of feedback for each
student. What was begun and ended goes on where it was. README.md beside this file says how to assign, collect, grade
and return.
"""

import argparse
import asyncio
import os
import pathlib
import signal
import sys
import traceback

from grading import notebooks, pages, sandbox, sheets
from grading.grader import Grader
from grading.submissions import Roster, collect, page_names
from grading.table import Ledger, changes, fill_gradebook, fingerprint, write_table
from tqdm import tqdm

import vae_keras  # noqa: F401  keeps TensorFlow quiet
from vae_keras.homework import task_of


class Batch:
    """Grades all students, and keeps each one's row and page on disk as soon as it is done."""

    def __init__(self, assignment, options):
        self.assignment, self.options = assignment, options
        self.grader, self.ledger = Grader(assignment, options), Ledger(options.out)
        notebook_names = [given.name for given in assignment.notebooks]
        self.students = collect(options.submissions, assignment.name, *notebook_names)
        if not self.students:
            raise SystemExit(f"there are no files to grade. Received: {options.submissions}")
        if unknown := set(options.again) - {"all", *self.students}:
            raise SystemExit(
                f"--again must name a student, or all. Received: {', '.join(sorted(unknown))}; there are "
                f"{', '.join(self.students)}"
            )
        names = page_names(self.students)
        self.pages = {student: options.out / "feedback" / f"{name}.html" for student, name in names.items()}
        (options.out / "feedback").mkdir(parents=True, exist_ok=True)
        self.before, self.rows = dict(self.ledger.rows), {}

    async def run(self):
        """Grade whoever is not graded yet; at the end, or when it is ended, write the tables."""
        await self._try_the_machine()
        running = [asyncio.ensure_future(self.student(student)) for student in self.students]
        try:
            bar = tqdm(asyncio.as_completed(running), total=len(running), unit="student", desc=self.assignment.name)
            for done in bar:
                await done
        finally:
            for task in running:
                task.cancel()
            self.write()

    async def _try_the_machine(self):
        """Its faults are no student's."""
        name = self.assignment.tasks[0]
        async with self.grader.process() as process:
            values = await process.values(name, "nobody_wrote_this", task_of(name).examples[0], 120)
        if values != ("missing", ""):
            raise SystemExit(f"vae_keras does not work in a student's process: {values}")

    async def student(self, student):
        """Grade one, unless the same was graded before."""
        paths, options = self.students[student], self.options
        limits = {name: vars(options)[name] for name in ("policy", "timeout", "memory")}
        mark = await asyncio.to_thread(fingerprint, paths, self.assignment.files, **limits)
        again = bool({student, "all"} & set(options.again)) or not self.pages[student].exists()
        if not again and (row := self.ledger.done(student, mark)):
            self.rows[student] = row
            return
        results, remarks, texts, cells, whole = await self.grader.student(paths)
        remarks = self.students.remarks.get(student, []) + remarks
        remarks += ["late"] * any("_LATE_" in path.name for path in paths)
        page = pages.feedback(student, results, remarks, self.assignment.questions, cells)
        try:
            await asyncio.to_thread(pages.write_page, self.pages[student], student, page)
        except Exception:  # of something that the student's cells show
            traceback.print_exc()
            await asyncio.to_thread(pages.write_page, self.pages[student], student, page[:1])
        self.rows[student] = {
            "student": student,
            "fingerprint": mark,
            "results": {check.name: result for check, result in results.items()},
            "remarks": remarks,
            "files": [path.name for path in paths],
            "texts": texts,
        }
        if whole:  # else the next run tries again
            self.ledger.add(self.rows[student])

    def write(self):
        """Write the tables and the page of answers."""
        assignment, options = self.assignment, self.options
        points = {check.name: check.points for check in assignment.checks}
        written = {question.name: question.points for question in assignment.questions}
        totals = write_table(options.out / "grades.csv", self.rows.values(), points, written)
        if assignment.questions:
            texts = {student: self.rows[student].get("texts", {}) for student in sorted(self.rows)}
            page = pages.answers(assignment.questions, texts)
            pages.write_page(options.out / "answers.html", assignment.name, page)
        if self.before:
            _tell("changed", changes({name: self.before[name] for name in self.rows if name in self.before}, self.rows))
        if options.roster:
            _tell("handed in nothing", options.roster.missing(self.students))
            _tell("not in the roster", options.roster.unknown(self.students))
        if options.gradebook:
            filled = options.gradebook, options.out / "upload.csv"
            _tell("not in upload.csv", fill_gradebook(*filled, totals, options.column, assignment.name))


def _tell(what, lines):
    print(f"{what}: {len(lines)}", *lines, sep="\n  ")


def parse(arguments=None):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assignment", help="such as hw2")
    parser.add_argument("submissions", type=pathlib.Path, help="the folder of what was handed in")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="the folder for grades and feedback")
    parser.add_argument("--policy", choices=("best", "newest"), default="best", help="which of two files counts")
    parser.add_argument("--again", action="append", default=[], help="grade this student once more; all: everybody")
    parser.add_argument("--roster", type=pathlib.Path, help="CSV of the class: who is missing, who is unknown")
    parser.add_argument("--gradebook", type=pathlib.Path, help="CSV of Moodle or Canvas, to be filled: upload.csv")
    parser.add_argument("--column", help="of the gradebook, if it does not have the assignment's name")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="students at a time (default: %(default)s)"
    )
    parser.add_argument("--memory", type=float, default=4, help="GiB for each student (default: %(default)s)")
    parser.add_argument("--timeout", type=float, default=60, help="seconds for a cell (default: %(default)s)")
    parser.add_argument("--no-sandbox", action="store_true", help="students' code can do all that you can")
    parser.add_argument("--course", type=pathlib.Path, default=pathlib.Path(__file__).parent, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if sys.platform == "win32":
        parser.error("student code needs limits that Windows does not have: grade in WSL, or in a container")
    if not options.submissions.is_dir():
        parser.error(f"{options.submissions} is not a folder")
    try:
        options.roster = options.roster and Roster.read(options.roster)
        if options.gradebook:  # not only after an hour that it is none
            sheets.read(options.gradebook)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    return options


def main(arguments=None):
    """Grade; returns the rows of the ledger, by student."""
    options = parse(arguments)
    assignment = notebooks.Assignment(options.course, options.assignment)
    if options.no_sandbox:
        print(f"No sandbox: students' code can do all that you can{' as root' * (not os.getuid())}.", file=sys.stderr)
    elif problem := sandbox.problem():
        raise SystemExit(problem)
    batch = Batch(assignment, options)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: what is done is written
    try:
        asyncio.run(batch.run())
    except ValueError as error:  # of a table that a human has changed
        raise SystemExit(str(error)) from None
    return batch.rows


if __name__ == "__main__":
    main()
