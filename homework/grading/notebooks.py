"""An assignment's cells, and a student's cells put beside them."""

import ast
import copy
import dataclasses
import json
import pathlib
import re
import urllib.parse

import nbformat
import nbformat.v4 as nbf
from answers import known

import vae_keras
from vae_keras.homework import task_of

COURSE = pathlib.Path(__file__).parents[1]
PICTURES = {"image/png", "image/jpeg", "image/gif"}
LARGEST = 30 * 2**20  # bytes of a submitted notebook
STUB = "YOUR ANSWER HERE"
SUSPICIOUS = {"task_of", "TASKS"}
OWN_FUNCTIONS = {name for name, thing in vars(vae_keras).items() if callable(thing)}


@dataclasses.dataclass(frozen=True)
class Check:
    """A cell that gives points: it checks the answers ((task, expression), …)."""

    name: str
    points: float
    answers: tuple


@dataclasses.dataclass(frozen=True)
class Question:
    """A question that a human marks: its text and the guide; `index` is its cell's place in the release version."""

    name: str
    points: float
    text: str
    guide: str
    index: int


class Assignment:
    """All notebooks of an assignment, as nbgrader keeps them in `source/` and `release/`, and the examples."""

    def __init__(self, course, name):
        course = pathlib.Path(course)
        self.name = name
        paths = sorted((course / "release" / name).glob("*.ipynb"))
        if not paths:
            raise SystemExit(f"no {course / 'release' / name}: run nbgrader generate_assignment {name} --no-db first")
        self.notebooks = [Given(path, course / "source" / name / path.name) for path in paths]
        self.tasks = [name for check in self.checks for name, _ in check.answers]
        self.visible = {  # {task: [(arguments, what is known of them), …]}
            name: [(arguments, known(name, arguments)) for arguments in task_of(name).examples] for name in self.tasks
        }

    @property
    def files(self):
        """All that grades depend on, besides what was handed in."""
        own = [path for given in self.notebooks for path in given.paths]
        code = [pathlib.Path(__file__).parent, COURSE / "answers", pathlib.Path(vae_keras.homework.__file__).parent]
        return own + [path for folder in code for path in sorted(folder.glob("*.py"))]

    @property
    def checks(self):
        return [check for notebook in self.notebooks for check in notebook.checks]

    @property
    def questions(self):
        return [question for notebook in self.notebooks for question in notebook.questions]

    def notebook_of(self, cells):
        """The notebook that these cells are a submission of; None if they are of none."""
        best = max(self.notebooks, key=lambda given: given.likeness(cells))
        return best if best.likeness(cells) else None


class Given:
    """One notebook as students get it, and what its source says of points."""

    def __init__(self, release, source):
        self.name, self.paths = release.stem, (release, source)
        self.cells = nbformat.read(release, as_version=4).cells
        self.checks, self.questions, self.used = [], [], {}
        index = {cell.metadata.get("nbgrader", {}).get("grade_id"): i for i, cell in enumerate(self.cells)}
        for cell in nbformat.read(source, as_version=4).cells:
            meta = cell.metadata.get("nbgrader", {})
            if meta.get("grade") and cell.cell_type == "code":
                self.checks.append(Check(meta.grade_id, meta.points, _checked(cell.source)))
            elif meta.get("grade"):
                place = index[meta.grade_id]
                text = self.cells[place - 1].source
                self.questions.append(Question(meta.grade_id, meta.points, text, cell.source, place))
            elif meta.get("solution"):
                self.used[meta.grade_id] = words(cell.source)  # with the given lines around the answer
        self.names = {expression for check in self.checks for _, expression in check.answers}

    def likeness(self, cells):
        """How many of this notebook's own cells and names are among these."""
        ids = {_meta(cell)["grade_id"] for cell in self.cells if is_solution(cell) or _meta(cell).get("grade")}
        ours = {_meta(cell).get("grade_id") for cell in cells} & ids
        return len(ours) + sum(any(defines(cell["source"], name) for cell in cells) for name in self.names)

    def check_of(self, index):
        """The check that a given cell is; None for any other cell."""
        names = {check.name: check for check in self.checks}
        return None if index is None else names.get(name_of(self.cells[index]))

    def solutions(self, check):
        """The indices of the cells in which the answers of a check are written."""
        names = [expression for _, expression in check.answers]
        writable = [i for i, cell in enumerate(self.cells) if is_solution(cell) and cell.cell_type == "code"]
        return [i for i in writable if any(defines(self.cells[i].source, name) for name in names)]


def _checked(source):
    """The visible answers of a test cell: ((task, expression), …)."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and not node.keywords]
    calls = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "check"]
    return tuple((call.args[0].value, ast.unparse(call.args[1])) for call in calls)


def _meta(cell):
    meta = cell["metadata"].get("nbgrader")
    return meta if isinstance(meta, dict) else {}


def is_solution(cell):
    """Whether a student writes in this cell."""
    return bool(_meta(cell).get("solution"))


def defines(source, name):
    """Whether a cell defines a name at its top level, also if it cannot be parsed."""
    name = re.escape(name)
    return bool(re.search(rf"^(async +def|def|class) +{name}\b|^(\w+ *[,=] *)*{name} *[=:,]", source, re.MULTILINE))


def words(source):
    """All names that code uses, without comments and texts."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    names |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return names | {alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}


def text_of(cell):
    """A cell's text, whatever the line ends and the white space at their ends."""
    return "\n".join(line.rstrip() for line in cell["source"].splitlines()).strip()


def is_stub(source, stub):
    """Whether nothing was written: the stub, or the stub without its `raise`."""

    def kept(text):
        lines = (line.partition("#")[0].strip() for line in text.splitlines())
        return [
            line for line in lines if line and not re.fullmatch(r"raise NotImplementedError(\(.*\))?|pass|\.\.\.", line)
        ]

    return kept(source) == kept(stub)


def read(path):
    """The cells of a submitted file, freshly made, and remarks.

    Raises:
        ValueError: it cannot be read; the text says why.
    """
    remarks = []
    if path.stat().st_size > LARGEST:
        raise ValueError(f"larger than {LARGEST >> 20} MiB; clear its outputs")
    data = path.read_bytes()
    if not data.strip():
        raise ValueError("an empty file")
    try:
        content = json.loads(data)  # UTF-8, 16 or 32, with a mark or without
    except UnicodeDecodeError:
        try:
            content = json.loads(data.decode("cp1252"))
            remarks.append("not UTF-8: read as Windows-1252")
        except ValueError:
            raise ValueError("not a notebook") from None
    except (ValueError, RecursionError):
        raise ValueError("not a notebook") from None
    try:
        if content.get("nbformat", 4) < 4:
            remarks.append(f"nbformat {content['nbformat']}: converted")
            content = nbformat.convert(nbformat.from_dict(content), 4)
        kernel = content.get("metadata", {}).get("kernelspec", {}).get("name", "python3")
        cells = [_fresh(cell) for cell in content["cells"]]
    except Exception as error:  # whatever may be wrong with a file
        raise ValueError(f"a damaged notebook ({type(error).__name__})") from None
    if kernel != "python3":
        remarks.append(f"kernel {kernel!r}: python3 is used")
    return cells, remarks


def _fresh(cell):
    """A cell as nbformat makes it, of whatever the file holds."""
    source, metadata = cell.get("source", ""), cell.get("metadata", {})
    source = "".join(map(str, source)) if isinstance(source, list) else str(source)
    metadata = metadata if isinstance(metadata, dict) else {}
    make = nbf.new_code_cell if cell.get("cell_type") == "code" else nbf.new_markdown_cell
    if make is nbf.new_markdown_cell:
        source = re.sub(r"attachment:([^)\s\"'>]+)", lambda found: _picture(cell, found[1]), source)
    kept = {"was": str(cell.get("id") or metadata.get("id") or "")}  # Colab keeps the id in the metadata
    if isinstance(metadata.get("nbgrader"), dict):
        kept["nbgrader"] = metadata["nbgrader"]
    return make(source.replace("\r\n", "\n").replace("\r", "\n"), metadata=kept)


def _picture(cell, name):
    """The address of a picture that is attached to a cell: one that holds the picture itself."""
    pictures = cell.get("attachments") if isinstance(cell.get("attachments"), dict) else {}
    kinds = pictures.get(urllib.parse.unquote(name))
    for kind, data in kinds.items() if isinstance(kinds, dict) else ():
        if kind in PICTURES and isinstance(data, str):
            return f"data:{kind};base64,{''.join(data.split())}"
    return "missing-picture"


def restore(cells, given):
    """A student's cells with all that they did not have to write as it was given to them.

    Returns:
        The cells; for each of them the index of the given cell that it is, or None; and remarks.
    """
    origin = [_match(cell, given) for cell in cells]
    result, remarks, seen = [], [], set()

    def add(cell, index):
        cell = nbf.new_code_cell(cell["source"]) if cell.cell_type == "code" else nbf.new_markdown_cell(cell["source"])
        result.append((cell, index))

    for cell, index in zip(cells, origin, strict=True):
        original = None if index is None else given.cells[index]
        if original is None or is_solution(original):
            add(cell, index)
            if original is not None and index in seen and cell.cell_type == "code":
                remarks.append(f"two cells of {name_of(original)}: Python takes the last")
        elif index in seen:
            if text_of(cell) == text_of(original):
                remarks.append(f"a copy of {name_of(original)} is ignored")
            else:
                remarks.append(f"a changed copy of {name_of(original)} gives no points")
                add(cell, None)
        elif text_of(cell) == text_of(original):
            add(original, index)
        elif _meta(original).get("locked") and original.cell_type == "code":
            remarks.append(f"{name_of(original)} was edited: the original runs after it")
            add(cell, None)
            add(original, index)
        else:
            add(cell, index)
        seen.add(index)
    for index, original in enumerate(given.cells):
        if index in seen or original.cell_type != "code":
            continue
        if is_solution(original):
            remarks.append(f"the cell of {name_of(original)} is missing")
            continue
        remarks.append(f"{name_of(original)} was missing and is put back")
        before = [place for place, (_, i) in enumerate(result) if i is not None and i < index]
        result.insert(max(before, default=-1) + 1, (original.copy(), index))
    return [cell for cell, _ in result], [index for _, index in result], remarks


def name_of(cell):
    """What a remark calls a cell."""
    return _meta(cell).get("grade_id") or f"cell {cell.get('id', '')}"


def _match(cell, given):
    """The index of the given cell that a student's cell is: by nbgrader's name, its id, its text, what it defines."""
    alike = [i for i, other in enumerate(given.cells) if other.cell_type == cell.cell_type]
    grade_id = _meta(cell).get("grade_id")
    for same in (
        lambda other: grade_id and _meta(other).get("grade_id") == grade_id,
        lambda other: cell.metadata.was and other.get("id") == cell.metadata.was,
        lambda other: text_of(other) and text_of(other) == text_of(cell),
        lambda other: (
            cell.cell_type == "code"
            and is_solution(other)
            and any(defines(other.source, name) and defines(cell.source, name) for name in given.names)
        ),
    ):
        for i in alike:
            if same(given.cells[i]):
                return i
    return None


def answer_to(question, cells, origin):
    """What a student wrote to a question: its cell, and text cells added below it."""
    earlier = [place for place, index in enumerate(origin) if index is not None and index < question.index]
    texts = []
    for place in range(max(earlier, default=-1) + 1, len(cells)):
        if origin[place] not in (None, question.index):
            break
        if cells[place].cell_type == "markdown":
            texts.append(cells[place].source.strip())
    return "\n\n".join(text for text in texts if text and text != STUB)


def looks(cells, origin, given):
    """Remarks on cells that name the tasks' own answers, or a function of `vae_keras` that the model answer does not
    use. A human looks at them. An answer that builds on another task's may use the package's function instead of it.
    """
    remarks = []
    for number, (cell, index) in enumerate(zip(cells, origin, strict=True), 1):
        writes = index is not None and is_solution(given.cells[index])
        if cell.cell_type != "code" or not (writes or index is None):
            continue
        used = words(cell.source)
        found = used & SUSPICIOUS
        model = given.used.get(name_of(given.cells[index]), set()) if writes else set()
        if writes and not model & given.names - {name for name in given.names if defines(cell.source, name)}:
            found |= {name for name in used & OWN_FUNCTIONS - model if not defines(cell.source, name)}
        if found:
            remarks.append(f"look at cell {number}: it uses {', '.join(sorted(found))}")
    return remarks


def places(check, given, cells, origin):
    """The indices of the student's cells in which the answers of a check are written."""
    own = given.solutions(check)
    names = [expression for _, expression in check.answers]
    code = [i for i, cell in enumerate(cells) if cell.cell_type == "code"]
    return [i for i in code if origin[i] in own or any(defines(cells[i].source, name) for name in names)]


def as_notebook(cells):
    """A notebook that can be run, with copies of these cells."""
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}, "language_info": {"name": "python"}}
    return nbf.new_notebook(cells=copy.deepcopy(cells), metadata=metadata)


def note(text):
    """An output that the grader adds."""
    return nbf.new_output("stream", name="stderr", text=f"[grader] {text}\n")
