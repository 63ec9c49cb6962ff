"""The course as a whole: every row of the lecture has its place, and every notebook keeps to the course's form."""

import ast
import itertools
import pathlib
import re
import statistics

import nbformat
import pytest

ROOT = pathlib.Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
HOMEWORK = sorted((ROOT / "homework" / "source").glob("*/*.ipynb"))
ROWS = [f"L{number:02d}" for number in range(1, 42)]
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
            found |= dict.fromkeys(re.findall(r"L\d\d", rows), title)
    return found


def test_every_row_of_the_lecture_has_a_section():
    rows = [row for path in NOTEBOOKS for row in sections(path)]
    assert rows == ROWS


def test_readme_maps_every_row_to_its_section():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    mapped = re.findall(r"^\| (L\d\d) \| .*? \| \[(\w+)\].*? \| (.*?) \|$", readme, re.MULTILINE)
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
        work = [cell for cell in code_cells(path) if "claim(" not in cell.source]
        assert len(work) <= 25
        assert max(lengths) <= 25
        assert statistics.median(lengths) <= 8

    def test_claims_are_compared_and_print_nothing_else(self, path):
        claims = [cell for cell in code_cells(path) if re.search(r"^\s*claim\(", cell.source, re.MULTILINE)]
        assert claims
        for cell in claims:
            assert "nbval-check-output" in cell.metadata.get("tags", [])
            printed = "".join(out.get("text", "?") for out in cell.outputs)
            assert all(line.startswith("✓ ") for line in printed.splitlines()), printed

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
        first = read(path).cells[0].source
        assert re.search(r"\*\*Time:\*\* about .* on a laptop CPU", first)
        assert "GPU" in first

    def test_papermill_can_replace_its_parameters(self, path):
        tagged = [cell.source for cell in code_cells(path) if "parameters" in cell.metadata.get("tags", [])]
        assert len(tagged) == 1
        for line in ast.parse(tagged[0]).body:  # what depends on a parameter stands below what is put in behind it
            assert isinstance(line, ast.Assign), tagged
            assert isinstance(line.value, ast.Constant), tagged
        assert "SEED = " in tagged[0]

    def test_has_one_seed_that_can_be_replaced(self, path):
        seeds = [line for cell in code_cells(path) for line in cell.source.splitlines() if line.startswith("SEED = ")]
        assert len(seeds) == 1
