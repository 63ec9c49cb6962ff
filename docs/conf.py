"""The site: README, notebooks, homework and docstrings as pages. CONTRIBUTING.md has the command."""

import pathlib
import sys
import tomllib

SITE = pathlib.Path(__file__).parent
sys.path.insert(0, str(SITE))
COURSE = tomllib.loads((SITE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REPOSITORY = COURSE.get("urls", {}).get("Repository")

project = "Autoencoders and VAEs in Keras"
author = "the vae_keras authors"
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",  # formulas without a CDN
    "sphinx_copybutton",
    "pages",  # beside this file: writes the pages
]
root_doc = "index"
# their copies are pages, where the links to them lead: docs/docs/
exclude_patterns = ["on_a_gpu.md", "several_machines.md"]

nb_execution_mode = "off"  # the outputs are those that are committed
nb_render_markdown_format = "gfm"  # tables, too
nb_mime_priority_overrides = [("html", "text/html", 0)]  # a widget needs a kernel; its text/html does not
nb_ipywidgets_js = {}  # no widget manager from a CDN
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
myst_html_meta = {"description": COURSE["description"]}

default_role = "py:obj"  # `VAE` in a docstring is a link where it names something on the page
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False  # Keras' own stay with Keras
autodoc_typehints = "description"
add_module_names = False
napoleon_use_rtype = False
toc_object_entries_show_parents = "hide"

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["style.css"]
html_css_files = ["style.css"]
html_extra_path = ["extra"]  # the explorer, a page of its own: written beside the others
(SITE / "extra").mkdir(exist_ok=True)
html_show_copyright = False
html_sidebars = {"**": ["navbar-logo.html", "search-field.html", "sbt-sidebar-nav.html"]}
html_context = {"default_mode": "auto"}  # light or dark, as the reader's system is
html_theme_options = {
    "show_navbar_depth": 1,
    "use_fullscreen_button": False,
    "home_page_in_toc": True,
    "navbar_persistent": [],  # the search stands in the side bar
    **({"repository_url": REPOSITORY, "use_repository_button": True} if REPOSITORY else {}),
}
