"""The setup cell on Colab's versions: `tox -e colab` runs this on `colab-constraints.txt` alone, then all tests.

A notebook whose kernel takes itself for Colab's installs the course and runs to its end. `pip freeze`, before and
after, says whether a package of Colab's was changed. Colab would download the release; here pip gets this folder.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

import nbformat
from nbclient import NotebookClient

ROOT = pathlib.Path(__file__).resolve().parents[1]
COLAB = "s = get_ipython(); s.__class__ = type('Shell', (type(s),), {'__module__': 'google.colab._shell'})"


def freeze():
    """All installed packages, as `name==version`."""
    command = [sys.executable, "-m", "pip", "freeze"]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines())


def main():
    pins = (ROOT / "tools" / "colab-constraints.txt").read_text("utf-8").splitlines()
    notebook = nbformat.read(ROOT / "notebooks" / "01_autoencoder.ipynb", as_version=4)
    setup = next(cell for cell in notebook.cells if cell.cell_type == "code")
    setup.source, changed = re.subn(r"(?<=%pip install --quiet )https://\S+", ROOT.as_uri(), setup.source)
    assert changed == 1, setup.source
    notebook.cells.insert(0, nbformat.v4.new_code_cell(COLAB))

    before = freeze()
    if missing := [pin for pin in pins if not pin.startswith("#") and pin not in before]:
        raise SystemExit(f"This is not Colab's environment: use `tox -e colab`. Missing: {', '.join(missing)}")
    if any(line.startswith("vae_keras") for line in before):
        raise SystemExit("The course is installed here already: use `tox -r -e colab`")
    with tempfile.TemporaryDirectory() as folder:  # nothing of the course is found from here
        NotebookClient(notebook, timeout=900, resources={"metadata": {"path": folder}}).execute()
    after = freeze()
    print(f"before: {len(before)} packages, after: {len(after)}")
    print(f"added: {', '.join(sorted(after - before))}")
    if before - after:
        raise SystemExit(f"The setup cell changed packages of Colab's: {', '.join(sorted(before - after))}")


if __name__ == "__main__":
    main()
