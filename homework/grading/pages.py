"""What the lecturer and the students get: two tables and a page for each student."""

import copy
import html

import bleach
import nbformat.v4 as nbf
from nbconvert import HTMLExporter

TAGS = {
    *bleach.ALLOWED_TAGS,
    *("h1", "h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "div", "span", "pre", "small", "sub", "sup", "del"),
    *("table", "thead", "tbody", "tr", "th", "td", "img"),
}
# What a student wrote stands in a frame, whatever it looks like.
STYLE = "<style>.celltag_answer {border: 1px solid #888; border-left: 6px solid #0072b2; margin: 0 0 2em 2em}</style>"
SHOWN = {"text/plain", "text/html", "text/markdown", "image/png", "image/jpeg", "image/svg+xml"}


def number(points):
    """Points in few words: 3, 2.5."""
    return f"{points:g}"


def task(check):
    """A check's task, as students know it."""
    return check.name.removeprefix("check_")


def write_page(path, title, cells):
    """Write cells as a page that runs no script of theirs."""
    cells = copy.deepcopy(cells)
    for output in [output for cell in cells for output in cell.get("outputs", []) if "data" in output]:
        output.data = {kind: data for kind, data in output.data.items() if kind in SHOWN}
        output.metadata = {}
    exporter = HTMLExporter(sanitize_html=True)
    exporter.register_filter("clean_html", clean)  # nbconvert's own also removes headings and paragraphs
    body, _ = exporter.from_notebook_node(nbf.new_notebook(cells=cells), resources={"metadata": {"name": title}})
    path.write_text(body.replace("</head>", f"{STYLE}</head>", 1), encoding="utf-8", errors="backslashreplace")


def clean(text):
    """HTML with no more than what Markdown makes, and tables and pictures need."""
    attributes = {**bleach.ALLOWED_ATTRIBUTES, "*": ["class", "id"], "img": _of_a_picture, "a": _of_a_link}
    return bleach.clean(str(text), TAGS, attributes, {*bleach.ALLOWED_PROTOCOLS, "data"})


def _of_a_picture(_, name, value):
    return name == "alt" or (name == "src" and value.startswith("data:image/"))


def _of_a_link(_, name, value):
    return name == "href" and not value.lstrip().lower().startswith("data:")


def feedback(student, results, remarks, questions, cells):
    """The cells of a student's page: what it got and why, then the notebook as it ran.

    Args:
        results: {check: (points, reason)}.
    """
    rows = [
        (task(check), f"{number(points)} / {number(check.points)}", reason)
        for check, (points, reason) in results.items()
    ]
    rows += [(question.name, f"… / {number(question.points)}", "read by a human") for question in questions]
    got, most = sum(points for points, _ in results.values()), sum(check.points for check in results)
    lines = [
        f"# {html.escape(student)}: {number(got)} of {number(most)} points",
        "",
        "| task | points | why |",
        "|---|---|---|",
    ]
    lines += [f"| {' | '.join(html.escape(cell).replace('|', '&#124;') for cell in row)} |" for row in rows]
    lines += ["", *(f"- {html.escape(remark)}" for remark in remarks)]
    lines += ["", "Below is the notebook as it ran while grading, where models are trained for a moment only."]
    return [nbf.new_markdown_cell("\n".join(lines)), *cells]


def answers(questions, texts):
    """The cells of the page on which the written answers stand beside the marking guide.

    Args:
        texts: {student: {question: answer}}.
    """
    cells = []
    for question in questions:
        cells.append(nbf.new_markdown_cell(f"# {question.name}, {number(question.points)} points\n\n{question.text}"))
        cells.append(nbf.new_markdown_cell(f"**A model answer**\n\n{question.guide}"))
        for student, given in texts.items():
            answer = given.get(question.name) or "*(no answer)*"
            cells.append(nbf.new_markdown_cell(f"## {html.escape(student)}"))
            cells.append(nbf.new_markdown_cell(answer, metadata={"tags": ["answer"]}))
    return cells
