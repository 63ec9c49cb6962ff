"""Writes the site's pages before Sphinx reads them.

The site has no text of its own: it shows the README's sections, the notebooks as they are committed, the homework's
students' version, and the docstrings. They keep their places relative to each other, so that their links hold.
"""

import base64
import hashlib
import html
import inspect
import pathlib
import re
import shutil

import nbformat
from docutils import nodes

import vae_keras

SITE = pathlib.Path(__file__).parent
ROOT = SITE.parent
COPIED_PAGES = ["homework/README", "benchmarks/README", "docs/on_a_gpu", "docs/several_machines", "CONTRIBUTING"]
COPIED = [*(f"{page}.md" for page in COPIED_PAGES), "LICENSE", "CITATION.cff", "docs/latent_plane.png"]
READING_ORDER = [  # modules and packages below vae_keras
    *("data", "networks", "layers", "losses", "models", "make", "variants.iwae", "training", "paths", "measures"),
    *("claims", "plots", "explorer", "pretrained", "extras.workers", "extras.tensorboard"),
]
EXPLORER = """# A VAE, live

Draw a digit, and watch it pass through a VAE with two latent dimensions, as notebook 04 trains it on MNIST. The *Tour*
leads along the path in eight steps. All of it is computed in your browser.
<a href="vae_live.html">Open it alone</a>; in a notebook, `explore(vae, x, y)` shows the same for your own model.

<iframe src="vae_live.html" title="The path through a VAE, live" class="explorer"></iframe>
"""
ALT_TEXTS = {}  # SHA-256 of a figure → its alt text
ROW = re.compile(r"^\| (L\d\d) \| (.*) \| \[(\w+)\]\(.*?\) \| (.*) \|$", re.MULTILINE)


def write_pages(app):
    """Fill this folder with everything that Sphinx reads."""
    for name in COPIED:
        (SITE / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, SITE / name)
    lectures = [copy_notebook(path) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    assignments = (ROOT / "homework/release").glob("*/*.ipynb")
    assignments = sorted(assignments, key=lambda path: (path.parent, path.stem == "clinic"))  # hw3, then its clinic
    homework = [copy_notebook(path) for path in assignments]

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    opening, *sections = re.split(r"^## (.*)\n", readme, flags=re.MULTILINE)
    sections = dict(zip(sections[::2], sections[1::2], strict=True))  # title → text
    rows = sections.pop("The lecture, row by row")
    tasks = sections.pop("Homework")
    package = sections.pop("The package")
    contents = (
        toctree("Live", "explorer")
        + toctree("The lecture", "lecture", *lectures)
        + toctree("Practice", "homework", *homework)
        + toctree("Reference", "package", *COPIED_PAGES)
    )
    write("index.md", opening + contents + "".join(f"## {title}\n{text}" for title, text in sections.items()))
    vae_keras.export_explorer(vae_keras.load_pretrained("vae-2d"), SITE / "extra" / "vae_live.html")
    write("explorer.md", EXPLORER)
    write("lecture.md", "# The lecture, row by row\n" + lecture_map(rows))
    write("homework.md", "# Homework\n" + tasks + "".join(f"- [](/{page}.ipynb)\n" for page in homework))
    write("package.md", "# The package\n" + package + reference())


def write(name, text):
    (SITE / name).write_text(text, encoding="utf-8")


def copy_notebook(path):
    """Copy a notebook, with an anchor such as `l07` above each row's section; keep its figures' alt texts."""
    notebook = nbformat.read(path, as_version=4)
    labelled = set()
    for cell in notebook.cells:  # the README is the site's first page
        cell.source = cell.source.replace("](../README.md)", "](../index.md)")
    for cell in reversed(notebook.cells):  # a row's section is the last that names it
        if cell.cell_type == "markdown" and path.parent.name == "notebooks":
            for heading in reversed(re.findall(r"^#+ .*<small>L.*</small>$", cell.source, re.MULTILINE)):
                rows = [row for row in re.findall(r"L\d\d", heading) if row not in labelled]
                labelled.update(rows)
                cell.source = cell.source.replace(heading, "".join(f"({row})=\n" for row in rows) + heading)
        for output in cell.get("outputs", []):
            if "text/html" in output.get("data", {}):
                output["data"]["text/html"] = with_page_apart(
                    output["data"]["text/html"], f"{path.stem}_{cell.id}.html"
                )
            if alt := output.get("metadata", {}).get("image/png", {}).get("alt"):
                figure = base64.b64decode(output["data"]["image/png"])
                ALT_TEXTS[hashlib.sha256(figure).hexdigest()] = alt
    copy = SITE / path.relative_to(ROOT)
    copy.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, copy)
    return path.relative_to(ROOT).with_suffix("").as_posix()


def with_page_apart(frame, name):
    """A frame that holds the explorer's whole page → one that loads it from a file of the site."""
    found = re.search(r'srcdoc="([^"]*)" sandbox="allow-scripts"', frame)
    if found is None:
        return frame
    (SITE / "extra" / name).write_text(html.unescape(found[1]), encoding="utf-8")
    return frame.replace(found[0], f'src="../{name}" loading="lazy"')


def toctree(caption, *pages):
    return "\n```{toctree}\n:maxdepth: 1\n:caption: " + caption + "\n\n" + "\n".join(pages) + "\n```\n\n"


def lecture_map(text):
    """The README's table of rows, one for each notebook; each row leads to its section."""
    page, last = "", None
    for row, slide, notebook, section in ROW.findall(text):
        if notebook != last:
            title = nbformat.read(ROOT / f"notebooks/{notebook}.ipynb", as_version=4).cells[0].source.partition("\n")[0]
            page += f"\n## [{title[2:]}](notebooks/{notebook}.ipynb)\n\n| row | slide | section |\n|---|---|---|\n"
        page += f"| {row} | {slide} | [{section}](#{row}) |\n"
        last = notebook
    return page


def heading(module):
    """The module or package of the reading order that `vae_keras.plots.digits` belongs to; else its own name."""
    path = module.removeprefix("vae_keras.")
    return next((known for known in READING_ORDER if f"{path}.".startswith(f"{known}.")), path)


def reference():
    """Every name in `vae_keras.__all__`, below its module, with its docstring."""
    modules = {module: [] for module in READING_ORDER}  # then those that it does not know, as they come
    for name in vae_keras.__all__:
        modules.setdefault(heading(getattr(vae_keras, name).__module__), []).append(name)
    page = ""
    for module, names in modules.items():
        page += f"\n## {module}\n\n```{{eval-rst}}\n.. automodule:: vae_keras.{module}\n   :no-members:\n\n"
        for name in names:
            item = getattr(vae_keras, name)
            if inspect.isclass(item):  # Keras hides the signature behind a `__new__`
                _, *parameters = inspect.signature(item.__init__).parameters.values()
                signature = inspect.Signature([p.replace(annotation=p.empty) for p in parameters])
                page += f".. autoclass:: vae_keras.{name}{signature}\n   :members:\n\n"
            else:
                page += f".. autofunction:: vae_keras.{name}\n\n"
        page += "```\n"
    return page


def read_tables(app, what, name, item, options, lines):
    """Docstrings have tables as Markdown writes them; autodoc reads reStructuredText."""
    found = re.compile(r"^\|(.*)\|\n\|[-:| ]+\|\n((?:\|.*\|(?:\n|$))+)", re.MULTILINE)

    def table(match):
        rows = "".join(f"   {row.strip('|')}\n" for row in [match[1], *match[2].splitlines()])
        return f".. csv-table::\n   :delim: |\n   :quote: ^\n   :header-rows: 1\n\n{rows}\n"

    lines[:] = found.sub(table, "\n".join(lines)).split("\n")


def add_alt_texts(app, doctree):
    """myst-nb names a figure after the SHA-256 of its bytes, and does not read its alt text."""
    for image in doctree.findall(nodes.image):
        alt = ALT_TEXTS.get(pathlib.PurePosixPath(image["uri"]).stem)
        if alt:
            image["alt"] = alt


def setup(app):
    """Called by Sphinx."""
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", read_tables)
    app.connect("doctree-read", add_alt_texts)
    return {"parallel_read_safe": True}
