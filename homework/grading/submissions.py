"""Whose file is it? One rule, from the top of SUBMISSIONS down to the file.

1. Moodle and Canvas write it into a name, which counts wherever it stands: "Anna Smith_123_assignsubmission_file_" is
   "Anna Smith_123", "smithanna_LATE_45_678_hw2-1.ipynb" is "smithanna_45".
2. Else the first folder that says more than the assignment's name: "hw2/anna/hw2.ipynb" is "anna".
3. Else the file's name, without the assignment's name, the marks of a copy, and the ending: "Copy of hw2_anna.lee
   (1).ipynb" is "anna.lee". All other dots and digits belong to the name: "anna-2" is not "anna".
4. Else the file is a student of its own: "hw2 (1).ipynb" is "hw2 (1)".

An umlaut is the same letter in one sign or two, as a Mac writes it; "Anna" and "anna" are two students. What begins
with a dot, `__MACOSX` and what a system leaves in folders are nobody's. Links are not followed, and the table says so.
"""

import collections
import hashlib
import os
import pathlib
import re
import unicodedata

from grading import sheets

MOODLE = re.compile(r"(?P<student>.+?_\d+)_assignsubmission_[a-z]+")
CANVAS = re.compile(
    r"(?P<name>.+?)(_LATE)?_(?P<id>\d+)_((?P<file>\d+)_.*?(-(?P<version>\d+))?(\.\w+)*|(text|link)\.html)$"
)
ANONYMOUS = re.compile(r"(LATE_)?(?P<student>anon_[A-Za-z0-9]+)_((?P<file>\d+)_|(text|link)\.html$)")
COPY = re.compile(
    r"^((copy|kopie|copie|copia)[ _](of|von|de)[ _])+"
    r"|([ _]?\(\d+\)|([ _]-)?[ _](copy|kopie|copie|copia)([ _]\d+)?)+$",
    re.IGNORECASE,
)
ENDING = re.compile(r"(\.ipynb)?(\.[a-z]{1,5})?$", re.IGNORECASE)
NOTEBOOK = re.compile(r"\.ipynb(\.(txt|json))?$", re.IGNORECASE)
NOBODY = re.compile(r"(?i)|submissions?|submitted|abgaben?|assignments?|homework|notebooks?")
LEFT_BY_SYSTEMS = {"__macosx", "desktop.ini", "thumbs.db", "__pycache__"}


class Submissions(dict):
    """{student: [files, the newest last]}; `remarks` is {student: [what the table shall say of them]}."""

    def __init__(self, files, remarks):
        super().__init__(files)
        self.remarks = remarks


def collect(folder, *names):
    """The notebooks of each student; of one who has none, whatever else was handed in.

    Args:
        names: the assignment's, and those of its notebooks.
    """
    files, remarks, closed = {}, {}, []
    for place, folders, found in os.walk(folder, onerror=closed.append):
        for path in sorted(pathlib.Path(place, name) for name in [*folders, *found]):
            parts = _parts(path, folder)
            if any(part.startswith(".") or part.casefold() in LEFT_BY_SYSTEMS for part in parts):
                continue
            student = student_of(path / "?" if path.is_dir() else path, folder, *names)
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                remarks.setdefault(student, []).append(f"{parts[-1]}: a link, or no file: left out")
            elif path.is_file():
                files.setdefault(student, []).append(path)
                if is_notebook(path) and path.suffix.lower() != ".ipynb":
                    remarks.setdefault(student, []).append(f"{parts[-1]}: read as a notebook in spite of its ending")
    for error in closed:
        path = pathlib.Path(error.filename)
        student = student_of(path / "?", folder, *names)
        remarks.setdefault(student, []).append(f"{_parts(path, folder)[-1]}: cannot be opened: {error.strerror}")
    students = sorted({*files, *remarks})
    kept = {student: [path for path in files.get(student, []) if is_notebook(path)] for student in students}
    return Submissions({s: sorted(kept[s] or files.get(s, []), key=age) for s in students}, remarks)


def student_of(path, folder, *names):
    """The student whose file `path` is, by the rule above."""
    *folders, file = _parts(path, folder)
    for part in (*folders, file):
        if found := MOODLE.match(part) or ANONYMOUS.match(part):
            return found["student"]
    found = CANVAS.match(file)
    if found and not NOBODY.fullmatch(_without(found["name"], names)):
        return f"{found['name']}_{found['id']}"
    stem = ENDING.sub("", file).strip()
    said = [_without(part, names) for part in folders]
    said.append(_without(COPY.sub("", stem), names, r"(?:[- ]\d{1,2}$)?"))  # with what Canvas adds to a second attempt
    return next((text for text in said if not NOBODY.fullmatch(text)), stem or file)


def _parts(path, folder):
    """The names on the way to a file. Windows' own archives write the way into one name, with backslashes."""
    way = unicodedata.normalize("NFC", str(path.relative_to(folder))).replace("\\", "/")
    return [sheets.readable(part) for part in way.split("/") if part not in ("", ".", "..")] or [path.name]


def _without(text, names, more=""):
    """A text without the assignment's names, where they stand as words of their own."""
    for name in names:
        text = re.sub(rf"(?i)[ _-]*(?<![^\W_]){re.escape(name)}(?![^\W_]){more}", "", text)
    return text.strip(" _-")


def is_notebook(path):
    """Whether this is a notebook's name, also where a browser or an editor added an ending."""
    return bool(NOTEBOOK.search(path.name))


def age(path):
    """Sorts a student's files, the newest last: by Canvas' number of file and attempt, else by the last change."""
    name = unicodedata.normalize("NFC", path.name)
    found = CANVAS.match(name) or ANONYMOUS.match(name)
    numbers = {**found.groupdict()} if found else {}
    canvas = [int(numbers.get(key) or 0) for key in ("file", "version")]
    return *canvas, path.stat().st_mtime, len(name), name


def page_names(students):
    """{student: the name of its page, without the ending}: no two alike where case does not count, none too long."""
    names = {
        student: re.sub(r"[^\w. ()+@-]", "_", student).encode()[:200].decode(errors="ignore") for student in students
    }
    often = collections.Counter(name.casefold() for name in names.values())
    return {
        student: name if often[name.casefold()] == 1 else f"{name} {_short_hash(student)}"
        for student, name in names.items()
    }


def _short_hash(text):
    return hashlib.sha256(sheets.readable(text).encode()).hexdigest()[:6]


class Roster:
    """Who is in the class. Students are found by a number or address of theirs, then by their name.

    Args:
        header, rows: of a table that Moodle, Canvas or somebody wrote.
        source: how errors call it.
    """

    NAMES = ("full name", "vollständiger name", "student", "name", "student name", "student's name", "studierende")
    PARTS = (("first name", "vorname", "given name"), ("last name", "nachname", "surname", "family name"))
    IDS = (
        *("id number", "id-nummer", "id", "identifier", "email address", "email", "e-mail", "e-mail-adresse"),
        *("sis login id", "sis user id", "login", "username", "anmeldename", "matrikelnummer", "student id"),
    )

    def __init__(self, header, rows, source="the roster"):
        self.rows = [dict(zip(header, row, strict=False)) for row in rows]
        places = {name.strip().casefold(): name for name in header}
        self._name = [places[name] for name in self.NAMES if name in places][:1]
        self._name = self._name or [places[name] for names in self.PARTS for name in names if name in places]
        columns = [places[name] for name in self.IDS if name in places]
        if not (self._name or columns):
            raise ValueError(
                "a roster needs a column of names or of numbers, such as 'Full name', 'Student', 'ID number': "
                f"name one so. Received: {', '.join(header)} in {source}"
            )
        self._ids, self._names = collections.defaultdict(set), collections.defaultdict(set)
        for place, row in enumerate(self.rows):
            if self._is_nobody(row):
                continue
            ids = {key for column in columns for key in _id_forms(row[column])}
            for key in ids:
                self._ids[key].add(place)
            for words in _words(self.name(row)):
                for first in range(len(words)):  # also "Last, First", and both in one word
                    self._names["".join(words[first:] + words[:first])].add(place)
        self.places = sorted(set().union(*self._ids.values(), *self._names.values()))

    @classmethod
    def read(cls, path):
        """Read a CSV file."""
        sheet = sheets.read(path)
        return cls(sheet.header, sheet.rows, path)

    def name(self, row):
        """A row's name."""
        return " ".join(row[column].strip() for column in self._name)

    def match(self, student):
        """The row of a student; None if there is none, or if it may be one or another."""
        place, _ = self.find(student)
        return None if place is None else self.rows[place]

    def find(self, student):
        """(place of the student's row, ""); (None, why there is none)."""
        name, _, digits = re.fullmatch(r"(.*?)(_(\d+))?", student, re.DOTALL).groups()
        by_name = set().union(*(self._names.get("".join(words), ()) for words in _words(name)))
        by_id = self._ids.get(_squeezed(student), set())
        numbered = self._ids.get(digits, set())
        found = by_id or {place for place in numbered if self._fits(place, name)}
        found = found & by_name or found | by_name
        if len(found) == 1:
            return found.pop(), ""
        names = " or ".join(sorted(self._called(place) for place in found or numbered))
        if found:
            return None, f"may be {names}"
        return None, f"has the number of {names}, and another name" if numbered else "not in the roster"

    def missing(self, students):
        """The names of those who handed in nothing."""
        found = {self.find(student)[0] for student in students}
        return [self._called(place) for place in self.places if place not in found]

    def unknown(self, students):
        """A line for each submission that is nobody's, may be of one or another, or is somebody's second."""
        places, lines = collections.defaultdict(list), []
        for student in students:
            place, why = self.find(student)
            places[place].append(student)
            lines += [f"{student}: {why}"] * bool(why)
        twice = {place: those for place, those in places.items() if place is not None and len(those) > 1}
        return lines + [f"{' and '.join(those)}: both are {self._called(place)}" for place, those in twice.items()]

    def _called(self, place):
        row = self.rows[place]
        return self.name(row) or next(cell for cell in row.values() if cell)

    def _is_nobody(self, row):
        """Canvas' own rows: the points possible, and its student for tests."""
        return self.name(row).casefold().startswith(("points possible", "student, test"))

    def _fits(self, place, name):
        """Whether a row's name has a word of this one: a number alone may mean another number."""
        words = {word for words in _words(self.name(self.rows[place])) for word in words}
        given = ["".join(words) for words in _words(name)]
        return not words or any(word in text for word in words for text in given)


def _squeezed(text):
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFC", text).casefold())


def _id_forms(cell):
    """What a student may be called by an id: "Participant 123" is also 123, an address also what is before its @."""
    forms = {_squeezed(cell), _squeezed(cell.partition("@")[0]), *re.findall(r"^\D{5,}?(\d+)$", cell.strip())}
    return forms - {""}


UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})
STROKES = str.maketrans("øłđ", "old")  # these signs have no accent that could be taken off


def _words(name):
    """A name's words without case and accents, twice: with "ü" as "u" and as "ue"."""
    name = unicodedata.normalize("NFC", name).casefold()
    return [re.findall(r"[^\W_]+", _without_accents(text)) for text in (name, name.translate(UMLAUTS))]


def _without_accents(text):
    signs = unicodedata.normalize("NFKD", text.translate(STROKES))
    return "".join(sign for sign in signs if not unicodedata.combining(sign))
