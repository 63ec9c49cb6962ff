"""Run the notebooks' claims over several seeds: `python tools/seeds.py --data digits --seeds 20`.

Claims must be about the lesson, not about the seed. Each run replaces the line `SEED = …` of the settings cell. At the
end stands the smallest margin of each claim that compares numbers: (larger − smaller) / larger, over all seeds.
"""

import argparse
import ast
import json
import os
import pathlib
import re
import time

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

NOTEBOOKS = pathlib.Path(__file__).parent.parent / "notebooks"
MARGIN = "margin:"
MEASURE = f"""
def _margin(statement, left, right, sign):
    import json
    import numpy as np
    low, high = (np.asarray(side, "float64") for side in ((left, right) if sign == "<" else (right, left)))
    margin = np.min((high - low) / np.maximum(np.maximum(np.abs(high), np.abs(low)), 1e-300))
    print("{MARGIN}" + json.dumps([statement, float(margin)]))
    return low < high


def _margin_or_equal(statement, left, right, sign):
    return _margin(statement, left, right, sign) | (np.asarray(left) == np.asarray(right))
"""


FUNCTIONS = {
    ast.Lt: ("_margin", "<"),
    ast.Gt: ("_margin", ">"),
    ast.LtE: ("_margin_or_equal", "<"),
    ast.GtE: ("_margin_or_equal", ">"),
}


class Measured(ast.NodeTransformer):
    """Puts `_margin(…)` in the place of each comparison of two numbers in a claim."""

    def visit_Call(self, node):
        if isinstance(node.func, ast.Name) and node.func.id == "claim":
            node.args[1] = Comparisons(node.args[0]).visit(node.args[1])
            return node
        return self.generic_visit(node)


class Comparisons(ast.NodeTransformer):
    def __init__(self, statement):
        self.statement = statement

    def visit_Compare(self, node):
        function, sign = FUNCTIONS.get(type(node.ops[0]), (None, None))
        if function is None or len(node.ops) > 1:
            return node
        arguments = [self.statement, node.left, node.comparators[0], ast.Constant(sign)]
        return ast.Call(ast.Name(function, ast.Load()), arguments, [])


def prepared(path, seed):
    """The notebook with another seed, no outputs, and claims that print their margins."""
    notebook = nbformat.read(path, as_version=4)
    settings = 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
            cell.source, changed = re.subn(r"^SEED = .*$", f"SEED = {seed}", cell.source, flags=re.MULTILINE)
            settings += changed
            if "claim(" in cell.source:
                cell.source = ast.unparse(ast.fix_missing_locations(Measured().visit(ast.parse(cell.source))))
            if changed:
                cell.source += MEASURE
    assert settings == 1, f"{path.name} has {settings} settings cells"
    return notebook


def run(path, seed):
    """Run one notebook with another seed; return the margins of its claims, how many held, and the failure, if any."""
    notebook, failure = prepared(path, seed), ""
    try:
        NotebookClient(notebook, timeout=1200, resources={"metadata": {"path": str(path.parent)}}).execute()
    except CellExecutionError as error:
        failure = str(error).strip().splitlines()[-1] if "AssertionError" not in str(error) else str(error.evalue)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    lines = [line for output in outputs for line in output.get("text", "").splitlines()]
    margins = [json.loads(line.removeprefix(MARGIN)) for line in lines if line.startswith(MARGIN)]
    return margins, sum(line.startswith("✓") for line in lines), failure


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", nargs="*", help="names or parts of names; all without any")
    parser.add_argument("--data", choices=["digits", "mnist", "auto"], default="digits")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds, from --first on")
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    os.environ["VAE_KERAS_DATA"] = options.data
    failures, smallest = 0, {}
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        if options.notebooks and not any(name in path.name for name in options.notebooks):
            continue
        for seed in range(options.first, options.first + options.seeds):
            start = time.perf_counter()
            margins, held, failure = run(path, seed)
            for statement, margin in margins:
                key = path.stem, statement
                smallest[key] = min(smallest.get(key, (margin, seed)), (margin, seed))
            failures += bool(failure)
            seconds = time.perf_counter() - start
            print(f"{path.stem} seed {seed}: {held} claims held in {seconds:.0f} s {failure}", flush=True)
    for (name, statement), (margin, seed) in smallest.items():
        print(f"{name[:2]} {margin:7.1%} (seed {seed:2d})  {statement}")
    raise SystemExit(failures)


if __name__ == "__main__":
    main()
