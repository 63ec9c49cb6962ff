"""Run the notebooks' claims over several seeds: `python tests/seeds.py --data digits --seeds 5`.

Claims must be about the lesson, not about the seed. Each run replaces the line `SEED = …` of the settings cell.
"""

import argparse
import os
import pathlib
import re
import time

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

NOTEBOOKS = pathlib.Path(__file__).parent.parent / "notebooks"


def run(path, seed):
    """Run one notebook with another seed; return the number of claims that held and the failure, if any."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = re.sub(r"^SEED = .*$", f"SEED = {seed}", cell.source, flags=re.MULTILINE)
    failure = ""
    try:
        NotebookClient(notebook, timeout=1200, resources={"metadata": {"path": str(path.parent)}}).execute()
    except CellExecutionError as error:
        failure = str(error).strip().splitlines()[-1] if "AssertionError" not in str(error) else str(error.evalue)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return sum(output.get("text", "").count("✓") for output in outputs), failure


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebooks", nargs="*", help="names or parts of names; all without any")
    parser.add_argument("--data", choices=["digits", "mnist", "auto"], default="digits")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds, from --first on")
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    os.environ["VAE_KERAS_DATA"] = options.data
    failures = 0
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        if options.notebooks and not any(name in path.name for name in options.notebooks):
            continue
        for seed in range(options.first, options.first + options.seeds):
            start = time.perf_counter()
            claims, failure = run(path, seed)
            failures += bool(failure)
            seconds = time.perf_counter() - start
            print(f"{path.stem} seed {seed}: {claims} claims held in {seconds:.0f} s {failure}", flush=True)
    raise SystemExit(failures)


if __name__ == "__main__":
    main()
