"""The site: its links hold, its figures say what they show, and no page needs another server."""

import json
import pathlib
import subprocess
import sys
import urllib.parse

import nbformat
import numpy as np
import pytest
from test_course import NOTEBOOKS, ROOT, ROWS, sections

import vae_keras

pytestmark = pytest.mark.slow

for package in ("myst_nb", "sphinx_book_theme", "sphinx_copybutton", "sphinx-mathjax-offline"):
    pytest.importorskip(package, reason='the site is built with pip install -e ".[site]"')
bs4 = pytest.importorskip("bs4")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Address of a page, such as `notebooks/01_autoencoder.html` → the page, parsed."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", folder / "doctrees"]
    built = subprocess.run([*command, ROOT / "docs", folder / "html"], capture_output=True, text=True, timeout=300)
    assert built.returncode == 0, built.stderr
    pages = {
        path.relative_to(folder / "html").as_posix(): bs4.BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in (folder / "html").rglob("*.html")
        if "_static" not in path.parts
    }
    return folder / "html", pages


def addresses(page):
    """Each address that a page links to or loads from."""
    for tag, attribute in (("a", "href"), ("link", "href"), ("img", "src"), ("script", "src"), ("iframe", "src")):
        yield from (element[attribute] for element in page.select(f"{tag}[{attribute}]"))


def test_every_row_of_the_lecture_map_leads_to_its_section(site):
    _, pages = site
    found = {}
    for line in pages["lecture.html"].select("tbody tr"):
        row, link = line.td.get_text(strip=True), line.a
        page, _, anchor = link["href"].partition("#")
        target = pages[page].find(id=anchor)
        target = target if target.name == "section" else target.find_parent("section")
        heading = target.find(["h1", "h2", "h3"]).get_text()
        assert row in heading, f"{row} leads to {heading!r}"
        assert heading.startswith(link.get_text()), f"{link.get_text()!r} leads to {heading!r}"
        found[row] = pathlib.PurePosixPath(page).stem
    assert list(found) == ROWS
    assert found == {row: path.stem for path in NOTEBOOKS for row in sections(path) if row in ROWS}


def test_internal_links_lead_somewhere(site):
    folder, pages = site
    broken = []
    for name, page in pages.items():
        for address in addresses(page):
            url = urllib.parse.urlsplit(address)
            if url.scheme or url.netloc or not (url.path or url.fragment):
                continue
            target = (folder / name).parent / urllib.parse.unquote(url.path) if url.path else folder / name
            there = pages.get(target.resolve().relative_to(folder.resolve()).as_posix())
            if not target.exists() or (
                url.fragment and there and not there.find(id=urllib.parse.unquote(url.fragment))
            ):
                broken.append(f"{name}: {address}")
    assert not broken


def test_no_page_loads_a_script_or_style_from_elsewhere(site):
    _, pages = site
    for name, page in pages.items():
        loaded = [tag.get("src") or tag.get("href") for tag in page.select("script[src], link[rel=stylesheet]")]
        assert not [address for address in loaded if urllib.parse.urlsplit(address).netloc], name


def test_pages_are_small_enough_for_a_phone(site):
    folder, pages = site
    for name, page in pages.items():
        files = {(folder / name).parent / img["src"] for img in page.select("img[src]") if "://" not in img["src"]}
        size = (folder / name).stat().st_size + sum(file.stat().st_size for file in files)
        assert size < 5_000_000, f"{name} with its figures has {size:,} bytes"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_shows_each_figure_with_its_alt_text(site, path):
    outputs = [out for cell in nbformat.read(path, as_version=4).cells for out in cell.get("outputs", [])]
    figures = [out for out in outputs if "image/png" in out.get("data", {})]
    written = [out.metadata.get("image/png", {}).get("alt") for out in figures]
    shown = [img["alt"] for img in site[1][f"notebooks/{path.stem}.html"].select(".cell_output img")]
    assert len(shown) == len(written)
    assert None not in written
    assert shown == written


def test_explorer_stands_where_its_rows_are(site):
    for name in ("02_variational_autoencoder", "03_kl_ablation", "04_interpolation"):
        assert site[1][f"notebooks/{name}.html"].select_one(".cell_output iframe[title]"), name


def test_explorer_is_a_page_of_its_own_and_the_first(site):
    menu = [link["href"] for link in site[1]["index.html"].select(".bd-links a.reference.internal")]
    assert menu[1] == "explorer.html"  # after the site's first page itself
    frame = site[1]["explorer.html"].select_one("iframe[title]")
    page = site[0] / frame["src"]
    assert 100_000 < page.stat().st_size < 2_000_000


def test_every_public_name_is_explained(site):
    page = site[1]["package.html"]
    assert [name for name in vae_keras.__all__ if not page.find(id=f"vae_keras.{name}")] == []


def test_search_knows_the_notebooks(site):
    index = (site[0] / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(index[index.index("{") : index.rindex("}") + 1])
    page = index["docnames"].index("notebooks/03_kl_ablation")
    assert page in np.atleast_1d(index["terms"]["smooth"])  # one number where only one page has the word
