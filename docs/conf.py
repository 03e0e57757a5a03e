"""Settings of the documentation site: ``python -m sphinx -W -b html docs docs/_build``.

The pages are the Markdown files of this folder, which can be read on GitHub as well.
The reference is made from the docstrings, and the gallery from `examples/`.
"""

import re
import tempfile
from pathlib import Path

import skgd

ROOT = Path(__file__).resolve().parents[1]

project = "skgd"
author = "the skgd developers"
copyright = author
version = release = skgd.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.extlinks",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "**/*.py", "**/*.ipynb", "**/*.zip"]
templates_path = ["_templates"]
default_role = "literal"  # single backticks, as in the docstrings of scikit-learn
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(sklearn|scipy|numpy|matplotlib|pandas)\..*")]
suppress_warnings = ["config.cache"]  # the gallery has functions in its settings
linkcheck_timeout = 20
linkcheck_anchors_ignore_for_url = [r"https://github\.com/.*"]

# Other sites' names become links when the site is built with `-t online`.
if tags.has("online"):  # noqa: F821
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "scipy": ("https://docs.scipy.org/doc/scipy", None),
        "sklearn": ("https://scikit-learn.org/stable", None),
    }

# Markdown
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 4

# Reference
autosummary_generate = True
autodoc_typehints = "none"
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False
extlinks = {
    "arxiv": ("https://arxiv.org/abs/%s", "arXiv:%s"),
    "doi": ("https://doi.org/%s", "doi:%s"),
}

# Gallery: each example writes its picture to the path that it gets as its argument.
PICTURES = tempfile.mkdtemp()
FIRST = [
    "plot_table_in_ten_minutes.py",
    "plot_quickstart.py",
    "plot_raw_table.py",
    "plot_networks_and_trees.py",
    "plot_taming_a_learning_rate.py",
    "plot_stream.py",
]


def order(name):
    """The examples that tell a story come first, the others by their names."""
    return (FIRST.index(name) if name in FIRST else len(FIRST), name)


def arguments(gallery, script):
    """The arguments with which an example runs in the gallery."""
    return [f"{PICTURES}/{Path(script['src_file']).stem}.png"]


sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("skgd",),
    "reference_url": {"skgd": None},
    "within_subsection_order": order,
    "reset_argv": arguments,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
    "remove_config_comments": True,
    "abort_on_example_error": True,
}

# Pages
html_theme = "pydata_sphinx_theme"
html_title = "skgd"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/favicon.svg"
html_context = {"default_mode": "auto"}
html_show_sourcelink = False
html_theme_options = {
    "header_links_before_dropdown": 6,
    "show_prev_next": True,
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
}
TUTORIAL = "auto_examples/plot_table_in_ten_minutes"
html_sidebars = {page: [] for page in ("index", "coming_from", TUTORIAL)}


def link_to_pages(app, docname, source):
    """Files of the root are pages too, and links between files lead to pages."""
    if docname in ROOT_FILES:
        app.env.note_dependency(str(ROOT / ROOT_FILES[docname]))
        source[0] = (ROOT / ROOT_FILES[docname]).read_text("utf-8")
    for pattern, page in PAGES.items():
        source[0] = re.sub(rf"\]\((?:\.\./)?{pattern}", rf"]({page}", source[0])


ROOT_FILES = {"changelog": "CHANGELOG.md", "contributing": "CONTRIBUTING.md"}
PAGES = {
    r"examples/(\w+)\.py\)": r"auto_examples/\1.rst)",
    r"CHANGELOG\.md\)": "changelog.md)",
    r"LICENSE\)": "about.md)",
    r"docs/(?=\w+\.md)": "",
}


def without_references(app, what, name, thing, options, lines):
    """Docstrings that are inherited refer to labels in other projects' pages."""
    reference = re.compile(r":(?:ref|term):`([^`<]*?)\s*(?:<[^>]*>)?`")
    lines[:] = [reference.sub(r"\1", line) for line in lines]


def setup(app):
    """Connect the two functions above."""
    app.connect("source-read", link_to_pages)
    app.connect("autodoc-process-docstring", without_references, priority=0)
