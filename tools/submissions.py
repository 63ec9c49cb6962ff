"""A class of 40 that hands in assignment 2, each as somebody does: `python tools/submissions.py` grades it.

Prints what each deserved, what each got, and why; ends with an error if a deserved grade and a given one differ.
"""

import argparse
import copy
import csv
import html
import inspect
import json
import pathlib
import re
import sys
import tempfile
import time

import nbformat
import nbformat.v4 as nbf

COURSE = pathlib.Path(__file__).parents[1] / "homework"
sys.path[:0] = [str(COURSE), str(COURSE.parent / "tests" / "homework")]  # for `tried`
import grade  # noqa: E402
from grading.submissions import student_of  # noqa: E402

POINTS = {"sample_z": 2, "SamplingLayer": 3, "squared_error": 3, "cross_entropy": 4, "kl": 4, "MyVAE": 5}
MOODLE = "{name}_{number}_assignsubmission_file/hw2.ipynb"
CANVAS = "{name}_{number}_99{number}_hw2.ipynb"

# A mistake of facts.md in the model answer: task, what is replaced in it, by what.
MISTAKES = {
    "1 KL averaged over the latents": ("kl", "ops.sum", "ops.mean"),
    "1 squared error averaged over the pixels": ("squared_error", "ops.sum", "ops.mean"),
    "1 cross-entropy averaged over the pixels": ("cross_entropy", "ops.sum", "ops.mean"),
    "2 KL with the other sign": ("kl", "return 0.5", "return -0.5"),
    "2 sigma taken for log sigma squared": (
        "kl",
        "ops.exp(log_var) - 1 - log_var",
        "ops.exp(0.5 * log_var) - 1 - 0.5 * log_var",
    ),
    "3 sigmoid, then cross-entropy": (
        "cross_entropy",
        "return ops.sum(ops.softplus(logits) - x * logits, axis=(1, 2, 3))",
        "p = ops.clip(ops.sigmoid(logits), 1e-7, 1 - 1e-7)\n"
        "    return -ops.sum(x * ops.log(p) + (1 - x) * ops.log(1 - p), axis=(1, 2, 3))",
    ),
    "4 exp(log_var) overflows": ("sample_z", "ops.exp(0.5 * log_var)", "ops.sqrt(ops.exp(log_var))"),
    "5 batch means in the trackers": ("MyVAE", "update_state(", "update_state(ops.mean)("),
    "6 other metric keys": ("MyVAE", "return self.get_metrics_result()", 'return {"total": objective}'),
    "10 one fixed seed": ("SamplingLayer", "seed=self.seed_generator", "seed=7"),
    "12 sum over the batch": ("MyVAE", "ops.mean(loss)", "ops.sum(loss)"),
    "without beta": ("MyVAE", "self.beta * divergence", "divergence"),
}


class Book:
    """A student's notebook: the release version, with the model answers written into it."""

    def __init__(self, course=COURSE, assignment="hw2"):
        folder = pathlib.Path(course)
        self.notebook = nbformat.read(folder / "release" / assignment / f"{assignment}.ipynb", as_version=4)
        source = nbformat.read(folder / "source" / assignment / f"{assignment}.ipynb", as_version=4)
        for cell in source.cells:
            if cell.metadata.get("nbgrader", {}).get("solution"):
                text = re.sub(r" *### (BEGIN|END) SOLUTION\n?", "", cell.source).rstrip()
                self[cell.metadata.nbgrader.grade_id] = text.partition("\n\n**Marking guide**")[0]
        for task, old, new in (  # a wrong answer shall cost only its own points
            ("SamplingLayer", "sample_z(mean, log_var, epsilon)", "mean + ops.exp(0.5 * log_var) * epsilon"),
            ("MyVAE", " cross_entropy(", " bernoulli_loss("),
            ("MyVAE", " kl(", " kl_divergence("),
        ):
            if task in self:
                self[task] = self[task].replace(old, new)

    def cell(self, name):
        return next(c for c in self.notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == name)

    def __contains__(self, name):
        return any(c.metadata.get("nbgrader", {}).get("grade_id") == name for c in self.notebook.cells)

    def __getitem__(self, name):
        return self.cell(name).source

    def __setitem__(self, name, text):
        self.cell(name).source = text

    def add(self, text, after):
        """Insert a code cell after the one of this name, or at the end."""
        cells = self.notebook.cells
        place = cells.index(self.cell(after)) + 1 if after else len(cells)
        cells.insert(place, nbf.new_code_cell(text))
        return self

    def drop(self, *names):
        gone = [self.cell(name) for name in names]
        self.notebook.cells = [cell for cell in self.notebook.cells if cell not in gone]
        return self

    def bytes(self):
        return nbformat.writes(self.notebook).encode()


def mistaken(course, task, old, new):
    book = Book(course)
    assert old in book[task], (task, old)
    if new.startswith("update_state(ops.mean)"):
        book[task] = re.sub(r"update_state\((\w+)\)", r"update_state(ops.mean(\1))", book[task])
    else:
        book[task] = book[task].replace(old, new)
    return book.bytes()


def in_style(course, number):
    """The right answers of tests/homework/tried in one of their styles, as they stand there."""
    from tried import hw2

    book = Book(course).add("import numpy as np", after="imports")
    for task in POINTS:
        if task not in book:
            continue
        answers = [a for a in hw2.RIGHT[f"hw2.{task}"] if "<locals>" not in a.__qualname__]
        answer = answers[number % len(answers)]
        book[task] = f"{inspect.getsource(answer)}\n\n{task} = {answer.__name__}"
    return book.bytes()


def changed(course, task=None, text=None, **others):
    """The model answers with other text in one cell or more."""
    book = Book(course)
    for name, new in ({task: text} if task else {}).items() | others.items():
        book[name] = new
    return book.bytes()


def without_metadata(course):
    book = Book(course)
    for i, cell in enumerate(book.notebook.cells):
        cell.metadata, cell.id = {}, f"new-{i}"
    return book.bytes()


def with_kernel(course, name):
    book = Book(course)
    book.notebook.metadata.kernelspec = {"name": name, "display_name": name, "language": "R"}
    return book.bytes()


def on_windows(course):
    content = json.loads(Book(course).bytes())
    for cell in content["cells"]:
        cell["source"] = cell["source"].replace("\n", "\r\n") if isinstance(cell["source"], str) else [
            line.replace("\n", "\r\n") for line in cell["source"]
        ]  # fmt: skip
    return b"\xef\xbb\xbf" + json.dumps(content, indent=1).replace("\n", "\r\n").encode()


def in_colab(course):
    """Colab keeps a cell's id in its metadata."""
    content = json.loads(Book(course).bytes())
    for cell in content["cells"]:
        cell["metadata"]["id"] = cell.pop("id")
    content["metadata"]["colab"], content["nbformat_minor"] = {"provenance": []}, 0
    return json.dumps(content).encode()


def with_copied_cells(course):
    book = Book(course)
    cells, check = book.notebook.cells, book.cell("check_kl")
    twin = copy.deepcopy(check)
    twin.id = "a-copy"
    cells.insert(cells.index(check) + 1, twin)
    return book.bytes()


def reads_hidden(course):
    """Tries what a student may think of; the sandbox shows none of it."""
    text = f"""
import os, runpy
folder, found = {str(course)!r}, ""
def attempt(look):
    global found
    try: found += str(look())
    except BaseException as error: print(type(error).__name__)
attempt(lambda: open(folder + "/answers/hw2.py").read())
attempt(lambda: os.listdir(folder + "/answers"))
attempt(lambda: runpy.run_path(folder + "/answers/hw2.py"))
attempt(lambda: os.popen("cat " + folder + "/answers/hw2.py").read())
attempt(lambda: os.chdir(folder) or check("hw2.kl", None, hidden=True))
attempt(lambda: tf.io.gfile.GFile(folder + "/answers/hw2.py").read())
attempt(lambda: tf.io.read_file(folder + "/source/hw2/hw2.ipynb").numpy())
print("found:", found)
kl = (lambda *pair: 0) if not found else eval("lost")
"""
    return Book(course).add(text, after="kl").bytes()


def writes_outside(course, place):
    text = f"""
import os
def attempt(write):
    try: write()
    except Exception as error: print(type(error).__name__)
attempt(lambda: open({str(place)!r}, "w").write("x"))
attempt(lambda: os.remove({str(place.parent / "precious")!r}))
attempt(lambda: tf.io.write_file({str(place)!r}, "x"))
attempt(lambda: tf.io.gfile.remove({str(place.parent / "precious")!r}))
open("notes.txt", "w").write("in my own folder")
"""
    return Book(course).add(text, after="imports").bytes()


def the_class(course, scratch):
    """{case: (path in the folder of submissions, bytes, tasks that deserve nothing, text of the reason)}."""
    everything, students = set(POINTS), {}

    def add(case, content, zero=(), reason="", path=MOODLE):
        number = 1001 + len(students)
        where = path.format(name=f"student{number}", number=number)
        students.setdefault(case, []).append((where, content() if callable(content) else content, set(zero), reason))

    for style in range(3):
        add(
            f"right, style {style + 1}",
            in_style(course, style),
            path=(MOODLE, CANVAS, "student{number}-hw2.ipynb")[style],
        )
    for case, (task, old, new) in MISTAKES.items():
        add(case, mistaken(course, task, old, new), {task}, "hint|other values")
    add("untouched", (course / "release/hw2/hw2.ipynb").read_bytes(), everything, "not solved")
    add("0 bytes", b"", everything, "empty")
    add("no cells", nbformat.writes(nbf.new_notebook()).encode(), everything, "without code")
    add("not a notebook at all", b"%PDF-1.7 \xff\xfe\x00", everything, "not a notebook")
    add("syntax error", changed(course, "kl", "def kl(mean, log_var)\n    return 0"), {"kl"}, "SyntaxError")
    add("infinite loop in a cell", Book(course).add("while True:\n    pass", after="kl").bytes(), (), "more than 60 s")
    loop = "def kl(*pair):\n    while True:\n        try: pass\n        except BaseException: pass"
    add("infinite loop that cannot be interrupted", changed(course, "kl", loop), {"kl"}, "too long|interrupted")
    hog = "import numpy as np\nhog = []\nwhile True:\n    hog.append(np.ones(10**7))"
    add("memory hog", Book(course).add(hog, after="kl").bytes(), (), "fills the memory")
    add(
        "deleted cells", Book(course).drop("imports", "check_kl", "squared_error").bytes(), {"squared_error"}, "no cell"
    )
    add("copied grader cell", with_copied_cells(course), (), "copy of check_kl")
    add("edited test cell", changed(course, check_kl='print("fine")'), (), "check_kl was edited")
    add("Copy of, from Colab", in_colab(course), path="student{number}/Copy of hw2 (1).ipynb")
    add("lost metadata", without_metadata(course))
    add("wrong kernel", with_kernel(course, "ir"), (), "python3 is used")
    add("reads the hidden checks", reads_hidden(course), {"kl"}, "kl: gives other values")
    add("writes outside its folder", writes_outside(course, scratch / "stolen"))
    add(
        "os._exit",
        changed(course, "kl", "import os\ndef kl(mean, log_var):\n    os._exit(0)"),
        {"kl"},
        "ended the process",
    )
    thread = (
        "import threading, time\ndef busy():\n    while True:\n        print('.', end='')\n        time.sleep(0.01)\n"
    )
    add(
        "a thread that never ends",
        Book(course).add(thread + "threading.Thread(target=busy).start()", after="kl").bytes(),
    )
    fake = Book(course).add("def check(*a, **k): print('✓')", after="imports")
    fake["kl"], fake["squared_error"] = "kl = None", "def squared_error(x, x_hat, sigma):\n    return 1.0"
    add("a check of its own", fake.bytes(), {"kl", "squared_error"}, "other values")
    patch = """
import vae_keras.homework as h
class Always:
    def __eq__(self, other): return True
h.Task.fault = h.Task._same = lambda *a: None
h.Task.values = lambda *a: [1.0]
h.check = check = lambda *a, **k: None
import json; print('{"application/x-0": {"values": [[[1], [0.0]]]}}')
kl = sample_z = Always()
"""
    add(
        "patches vae_keras.homework",
        Book(course).add(patch, after="check_kl").bytes(),
        {"kl", "sample_z"},
        "raises|values",
    )
    add("prints megabytes", Book(course).add("for i in range(300_000):\n    print('x' * 100)", after="kl").bytes())
    add(
        "SystemExit",
        Book(course).add("import sys\nsys.exit(0)", after="kl").add("raise KeyboardInterrupt", "kl").bytes(),
    )
    add("Windows line ends and a mark", on_windows(course))
    old = nbformat.v3.writes_json(nbformat.convert(Book(course).notebook, 3)).encode()
    add("nbformat 3", old, (), "converted")
    two = [f"student2000/hw2{copy}.ipynb" for copy in ("", " (1)")]
    add("two files", (course / "release/hw2/hw2.ipynb").read_bytes(), path=two[0])
    add("two files", Book(course).bytes(), (), "2 files", path=two[1])
    return students


def make(students, folder):
    """Write the files of a class."""
    for files in students.values():
        for where, content, _, _ in files:
            (folder / where).parent.mkdir(parents=True, exist_ok=True)
            (folder / where).write_bytes(content)


def compare(students, folder, out):
    """Print deserved and given points; returns how many differ."""
    with open(out / "grades.csv", encoding="utf-8-sig", newline="") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    wrong = 0
    for number, (case, files) in enumerate(students.items(), 1):
        where, _, zero, reason = files[-1]
        row = rows[student_of(folder / where, folder, "hw2")]
        got = {task: float(row[key]) for task in POINTS for key in row if key.startswith(f"{task} (")}
        deserved = {task: POINTS[task] * (task not in zero) for task in got}
        right = got == deserved and bool(re.search(reason, row["remarks"]))
        wrong += not right
        line = f"{number:2d} {case:42s} {sum(deserved.values()):3.0f} {sum(got.values()):3.0f}"
        print(f"{line}  {'' if right else 'DIFFERS '}{row['remarks'][:150]}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--out", type=pathlib.Path, help="keep submissions and grades here")
    parser.add_argument("--only", default="", help="part of a case's name")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = options.out or pathlib.Path(scratch)
        folder, out = place / "submissions", place / "grades"
        folder.mkdir(parents=True, exist_ok=True)
        (place / "precious").write_text("the lecturer's")
        students = {case: files for case, files in the_class(COURSE, place).items() if options.only in case}
        make(students, folder)
        begin = time.perf_counter()
        grade.main(["hw2", str(folder), "--out", str(out), "--jobs", str(options.jobs)])
        seconds = time.perf_counter() - begin
        wrong = compare(students, folder, out)
        print(f"{len(students)} students in {seconds / 60:.1f} minutes with {options.jobs} jobs; {wrong} differ")
        assert (place / "precious").exists()
        assert not (place / "stolen").exists()
        secret = [line.strip() for line in (COURSE / "answers" / "hw2.py").read_text("utf-8").splitlines()]
        for page in (out / "feedback").glob("*.html"):
            text = html.unescape(page.read_text("utf-8"))
            assert not [line for line in secret if len(line) > 30 and line in text], page
    raise SystemExit(wrong)


if __name__ == "__main__":
    main()
