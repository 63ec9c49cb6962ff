"""The course as a whole: every row of the lecture has its place, and every notebook keeps to the course's form."""

import ast
import base64
import itertools
import pathlib
import re
import statistics
import struct

import nbformat
import pytest

ROOT = pathlib.Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
HOMEWORK = sorted((ROOT / "homework" / "source").glob("*/*.ipynb"))
ROWS = [f"L{number:02d}" for number in range(1, 42)]
BEYOND = ["B01", "B02", "B03"]  # what the lecture leaves out; B04 is the form of every notebook
WITHOUT_A_CLAIM = {"B03", "L04", "L22", "L36"}  # words, two pictures, and prose that points to the next notebook
CHATTER = re.compile(r"/home/|/root/|/Users/|/work/|/tmp/|site-packages|oneDNN|cudart|Warning")


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(path):
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def prose(path):
    """The text of all markdown cells, without the code in it."""
    cells = (cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    return re.sub(r"^```.*?^```$", "", "\n\n".join(cells), flags=re.MULTILINE | re.DOTALL)


def sections(path):
    """Row → title of its section."""
    found = {}
    for cell in read(path).cells:
        for title, rows in re.findall(r"^#+ (.*?) <small>(.*?)</small>$", cell.source, flags=re.MULTILINE):
            found |= dict.fromkeys(re.findall(r"[LB]\d\d", rows), title)
    return found


def cells_of_sections(path):
    """Pairs of a heading with rows, and the cells below it up to the next heading of that kind or of level 2."""
    found, here = [], None
    for cell in read(path).cells:
        for line in cell.source.splitlines() if cell.cell_type == "markdown" else ():
            if match := re.match(r"#+ .*<small>(.*?)</small>$", line):
                here = []
                found.append((match[1].split(" · "), here))
            elif line.startswith("## "):
                here = None
        if here is not None:
            here.append(cell)
    return found


def is_claim(cell):
    return cell.cell_type == "code" and re.search(r"^\s*claim\(", cell.source, re.MULTILINE) is not None


def test_every_row_of_the_lecture_has_a_section():
    rows = [row for path in NOTEBOOKS for row in sections(path)]
    assert [row for row in rows if row in ROWS] == ROWS
    assert set(rows) - set(ROWS) == set(BEYOND)


def test_readme_maps_every_row_to_its_section():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    mapped = re.findall(r"^\| ([LB]\d\d) \| .*? \| \[(\w+)\].*? \| (.*?) \|$", readme, re.MULTILINE)
    assert mapped == [(row, path.stem, title) for path in NOTEBOOKS for row, title in sections(path).items()]


@pytest.mark.parametrize("path", [*NOTEBOOKS, *HOMEWORK], ids=lambda path: path.stem)
class TestProse:
    def test_headings_go_down_one_step_at_a_time_below_one_title(self, path):
        levels = [len(marks) for marks in re.findall(r"^(#+) ", prose(path), re.MULTILINE)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(below <= above + 1 for above, below in itertools.pairwise(levels)), levels

    def test_every_picture_has_an_alt_text(self, path):
        assert not re.search(r"!\[\s*\]", prose(path))
        assert all(re.search(r"""alt=["'][^"']""", tag) for tag in re.findall(r"<img[^>]*>", prose(path)))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestNotebook:
    def test_is_committed_as_it_ran_from_top_to_bottom(self, path):
        assert [cell.execution_count for cell in code_cells(path)] == list(range(1, len(code_cells(path)) + 1))
        assert not [out for cell in code_cells(path) for out in cell.outputs if out.output_type == "error"]

    def test_cells_are_few_and_short(self, path):
        lengths = [len(cell.source.splitlines()) for cell in code_cells(path)]
        work = [len(cell.source.splitlines()) for cell in code_cells(path) if not is_claim(cell)]
        assert len(work) <= 25
        assert max(lengths) <= 15
        assert statistics.median(length for length in work if length > 1) <= 6

    def test_a_row_ends_with_its_claims_in_one_cell(self, path):
        for rows, cells in cells_of_sections(path):
            if not set(rows) <= WITHOUT_A_CLAIM:
                assert any(is_claim(cell) for cell in cells), f"{rows}: no claim"
            alone = [not (is_claim(one) and is_claim(two)) for one, two in itertools.pairwise(cells)]
            assert all(alone), f"{rows}: two cells of claims in a row"

    def test_claims_are_compared_and_print_nothing_else(self, path):
        claims = [cell for cell in code_cells(path) if is_claim(cell)]
        assert claims
        for cell in claims:
            assert "nbval-check-output" in cell.metadata.get("tags", [])
            printed = "".join(out.get("text", "?") for out in cell.outputs)
            assert all(line.startswith("✓ ") for line in printed.splitlines()), printed
            assert max(map(len, printed.splitlines())) < 400, printed

    def test_opens_and_closes_as_the_others_do(self, path):
        first, text = read(path).cells[0].source, prose(path)
        for opening in ("**You will be able to**\n\n- ", "**You need:** ", "**Time:** "):
            assert first.count(opening) == 1, opening
        titles = re.findall(r"^## (.*)$", text, re.MULTILINE)
        assert titles[-3:] == ["What you have seen", "Exercises", "Read on"]
        assert re.search(r"\n\*\*Next:\*\* [^#]*\]\(", text)
        others = [other.name for other in NOTEBOOKS if other != path]
        assert any(f"]({other})" in text for other in others)

    def test_asks_before_a_result_and_answers_in_a_fold(self, path):
        asked = re.findall(r"\*\*What do you expect\?\*\*", prose(path))
        answered = re.findall(r"<details><summary>Answer</summary>", prose(path))
        assert len(asked) - prose(path).count("Where you see **What do you expect?**") == len(answered) >= 2

    def test_has_three_exercises_with_minutes_and_solutions_that_are_run(self, path):
        raw = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
        exercises = re.findall(r"^\*\*(\d)\. .*? ?\((\d+) minutes\)", raw, re.MULTILINE)
        assert [number for number, _ in exercises] == ["1", "2", "3"]
        solutions = re.findall(r"(?s)<summary>Solution</summary>(.*?)</details>", raw)
        assert len(solutions) == 3
        for solution in solutions:
            assert re.search(r"(?s)```python\n.*claim\(.*```", solution)

    def test_folds_open_and_close(self, path):
        raw = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
        assert raw.count("<details>") == raw.count("</details>") == raw.count("<summary>") == raw.count("</summary>")

    def test_lines_are_wrapped_and_lists_have_one_bullet(self, path):
        without_formulas = re.sub(r"\$\$.*?\$\$", "", prose(path), flags=re.DOTALL)
        for line in without_formulas.splitlines():
            assert len(line) <= 120 or re.match(r"\||.*\]\(http|\[!\[", line), line
            assert not re.match(r"\s*[*+] ", line), line

    def test_what_prepares_is_folded_on_the_site(self, path):
        first = code_cells(path)[:3]
        assert all("hide-input" in cell.metadata.get("tags", []) for cell in first)
        assert "import vae_keras" in first[0].source

    def test_figures_are_sharp(self, path):
        for output in (output for cell in code_cells(path) for output in cell.outputs):
            if "image/png" in output.get("data", {}):
                width = struct.unpack(">I", base64.b64decode(output.data["image/png"])[16:20])[0]
                assert width == pytest.approx(2 * output.metadata["image/png"]["width"], abs=2)

    def test_outputs_hold_no_paths_and_no_chatter(self, path):
        for cell in code_cells(path):
            for output in cell.outputs:
                text = output.get("text", "") + str(output.get("data", {}).get("text/plain", ""))
                assert not CHATTER.search(text), text

    def test_every_figure_has_an_alt_text(self, path):
        outputs = [output for cell in code_cells(path) for output in cell.outputs]
        for figure in (output for output in outputs if "image/png" in output.get("data", {})):
            text = figure.metadata.get("image/png", {}).get("alt", "")
            assert len(text.split()) > 5, "run the notebook again: plots give their figures an alt text"
            assert figure.data["text/plain"] == text

    def test_says_how_long_it_takes(self, path):
        assert re.search(r"\*\*Time:\*\* \d+ to \d+ (minutes|seconds) on a laptop CPU", read(path).cells[0].source)

    def test_papermill_can_replace_its_parameters(self, path):
        tagged = [cell.source for cell in code_cells(path) if "parameters" in cell.metadata.get("tags", [])]
        assert len(tagged) == 1
        # what depends on a parameter stands below what is put in behind this cell
        lines = [line for line in ast.parse(tagged[0]).body if not isinstance(line, ast.Import | ast.ImportFrom)]
        assert all(isinstance(line, ast.Assign) and isinstance(line.value, ast.Constant) for line in lines), tagged
        assert "SEED = " in tagged[0]

    def test_has_one_seed_that_can_be_replaced(self, path):
        seeds = [line for cell in code_cells(path) for line in cell.source.splitlines() if line.startswith("SEED = ")]
        assert len(seeds) == 1
