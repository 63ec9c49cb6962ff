"""Point all badges and setup cells to the repository and the release that pyproject.toml names.

`python tools/addresses.py` does so after a change there, as a new version. A fork gives its own address,
`python tools/addresses.py https://github.com/YOU/FORK`, which is then written into pyproject.toml first.
`pytest tests/course/test_addresses.py` fails where a badge or a setup cell is stale.
"""

import argparse
import json
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[1]
COLAB = "https://colab.research.google.com"
BADGE = f"[![Open in Colab]({COLAB}/assets/colab-badge.svg)]"
SETUP = """\
%matplotlib inline
%config InlineBackend.figure_format = "retina"
try:
    import vae_keras  # first: it keeps TensorFlow's start-up lines quiet
except ModuleNotFoundError as error:
    if "google.colab" not in str(get_ipython()):
        raise ModuleNotFoundError("Run `pip install -r requirements.txt` in the course's folder first.") from error
    %pip install --quiet {address}/archive/refs/tags/{tag}.tar.gz
    import vae_keras  # noqa: F401"""


def files(root=ROOT):
    """The README and all notebooks."""
    folders = ("notebooks", "homework/source/*", "homework/release/*")
    return [root / "README.md", *(path for folder in folders for path in sorted(root.glob(f"{folder}/*.ipynb")))]


def pointed(path, root=ROOT):
    """The text of one of these files, with its badges and setup cell as they should be."""
    project = (root / "pyproject.toml").read_text("utf-8")
    address = re.search(r'(?m)^Repository = "(.*?)"', project)[1]
    tag = "v" + re.search(r'(?m)^version = "(.*?)"', project)[1]
    folder = f"{COLAB}/github/{address.removeprefix('https://github.com/')}/blob/{tag}"
    text = path.read_text("utf-8")
    if path.suffix != ".ipynb":
        return re.sub(rf"{re.escape(COLAB)}/github/[^/]+/[^/]+/blob/[^/]+", folder, text)
    notebook = json.loads(text)
    students = path.relative_to(root).as_posix().replace("homework/source/", "homework/release/")
    title, *rest = [line for line in notebook["cells"][0]["source"] if not line.startswith(BADGE)]
    rest = "".join(rest).lstrip("\n")
    first = f"{title}\n{BADGE}({folder}/{students})\n\n{rest}"
    notebook["cells"][0]["source"] = first.splitlines(keepends=True)
    setup = next((cell for cell in notebook["cells"] if cell["cell_type"] == "code"), {"source": []})
    if not "".join(setup["source"]).startswith("%matplotlib inline"):
        raise SystemExit(f"{path} has no setup cell: add a first code cell with the line %matplotlib inline")
    setup["source"] = SETUP.format(address=address, tag=tag).splitlines(keepends=True)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def github(address):
    """An address without what git adds to it."""
    match = re.fullmatch(r"(https://github\.com/[\w.-]+/[\w.-]+?)(\.git)?/?", address)
    if not match:
        raise argparse.ArgumentTypeError(
            f"must be https://github.com/OWNER/REPOSITORY, as Colab opens no other. Received: {address!r}"
        )
    return match[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", nargs="?", type=github, help="of your fork: https://github.com/OWNER/REPOSITORY")
    address = parser.parse_args().address
    if address:
        project = ROOT / "pyproject.toml"
        text = re.sub(r'(?m)^Repository = ".*?"', f'Repository = "{address}"', project.read_text("utf-8"))
        project.write_text(text, "utf-8", newline="\n")
    for path in files():
        text = pointed(path)
        if text != path.read_text("utf-8"):
            path.write_text(text, "utf-8", newline="\n")
            print(path.relative_to(ROOT).as_posix())


if __name__ == "__main__":
    main()
