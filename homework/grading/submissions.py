"""Whose file is it? The names that Moodle, Canvas, Colab and lecturers give to what students hand in."""

import re

MOODLE = re.compile(r"^(?P<student>.+?_\d+)_assignsubmission_(file|onlinetext)_?")
CANVAS = re.compile(r"^(?P<student>[^_]+)(_LATE)?_(?P<id>\d+)_\d+_")
COPY = re.compile(r"^(copy of |kopie von )+|( ?\(\d+\)|-\d+| - copy| - kopie)+$", re.IGNORECASE)


def student_of(path, folder, assignment):
    """The student whose file `path` is, as the folder of submissions tells: by a name of Moodle or Canvas, else by the
    first folder below it, else by what is left of the file's name without the assignment's.
    """  # fmt: skip
    parts = path.relative_to(folder).parts
    for part in parts:
        if found := MOODLE.match(part):
            return found["student"]
        if found := CANVAS.match(part):
            return f"{found['student']}_{found['id']}"
    if len(parts) > 1:
        return parts[0]
    stem = path.name.partition(".")[0]
    name = re.sub(rf"(?i)\b{re.escape(assignment)}\b|(?<=[_-]){re.escape(assignment)}|{re.escape(assignment)}(?=[_-])",
                  "", COPY.sub("", stem)).strip(" _-")  # fmt: skip
    return name or stem


def collect(folder, assignment):
    """{student: [files]}: the notebooks of each; where there is none, whatever else was handed in."""
    files = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
        if path.is_file() and not path.is_symlink() and not hidden:
            files.setdefault(student_of(path, folder, assignment), []).append(path)
    return {
        student: [path for path in paths if path.suffix == ".ipynb"] or paths
        for student, paths in sorted(files.items())
    }
