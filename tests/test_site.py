"""The documentation site: the reference is complete, and links lead somewhere.

The build itself needs Sphinx and takes minutes, so it is a job of its own.
"""

import importlib
import re
from pathlib import Path

import pytest
import test_docs

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").glob("plot_*.py"))


def anchors(page):
    """The anchors of the headings of a page, as GitHub and MyST make them."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S)
    titles = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", t.lower()).replace(" ", "-") for t in titles}


def test_reference_lists_all_that_is_public():
    text = (DOCS / "api.rst").read_text("utf-8")
    listed = set()
    module = ""
    for found in re.finditer(r"currentmodule:: (\S+)|^   (\w+)$", text, re.M):
        module = found[1] or module
        if found[2]:
            listed.add(getattr(importlib.import_module(module), found[2]))
    public = {
        getattr(importlib.import_module(name), thing)
        for name in test_docs.PUBLIC_MODULES
        for thing in importlib.import_module(name).__all__
        if test_docs.is_ours(getattr(importlib.import_module(name), thing))
    }
    assert listed == public


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if link.startswith("http"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_line_waits_for_its_text(page):
    assert not re.findall(r"^[A-Z_]{3,}$", page.read_text("utf-8"), re.M)


def test_every_page_is_in_a_toctree():
    listed = {"index", "auto_examples/plot_table_in_ten_minutes", "auto_examples/index"}
    for page in DOCS.glob("*.md"):
        trees = re.findall(r"^```{toctree}\n(.*?)^```", page.read_text(), re.M | re.S)
        for line in "\n".join(trees).splitlines():
            name = re.sub(r".*<(.*)>", r"\1", line).strip()
            if name and not name.startswith(":"):
                found = {path.stem for path in DOCS.glob(f"{name}.*")}
                assert found or name in listed, name
                listed |= found
    assert {page.stem for page in DOCS.glob("*.md")} <= listed


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_begins_with_a_title_and_a_paragraph(example):
    docstring = example.read_text("utf-8").split('"""')[1].strip("\n")
    over, title, under, blank, paragraph, *_ = docstring.split("\n")
    assert over == under == "=" * len(over)
    assert len(title) <= len(over)
    assert blank == ""
    assert not paragraph.startswith(("-", "What to see", "Run it"))
