"""The chapters of the package: each imports only from earlier ones.

The order of the chapters is the table in docs/architecture.md, which this test reads.
"""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "skgd"
SUFFIXES = {".py", ".pyx", ".pxd", ".h"}
FILES = sorted(path for path in PACKAGE.rglob("*") if path.suffix in SUFFIXES)

# Chapters are imported in order, with one exception: an optimizer hands itself to the
# loop of `minimize`, which is of a later chapter, inside one method.
EXCEPTIONS = {("_rules.optimizer", "_functions.loop")}

# from .a.b import c | from skgd.a cimport (c) | from . cimport a | cimport skgd.a.b
FROM = re.compile(
    r"^\s*from\s+(\.*)([\w.]*)\s+c?import\s+(\([^)]*\)|[^\n#]*)", re.MULTILINE
)
PLAIN = re.compile(r"^\s*c?import\s+skgd\.([\w.]+)", re.MULTILINE)
HEADER = re.compile(r'(?:cdef extern from|#include) "(\w+)\.h"')


def name_of(path):
    """The module of a file below skgd, without the package's own name."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and parts[1:] else parts)


MODULES = {name_of(path) for path in FILES}


def chapters():
    """The chapter of each module, from the table in the documentation."""
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    number_of = {}
    for number, cell in re.findall(r"^\| (\d+) \| ([^|]+) \|", page, re.MULTILINE):
        for name in re.findall(r"`(\w+/?)`", cell):
            assert name not in number_of, f"{name} is in two chapters"
            number_of[name] = int(number)
    return number_of


NUMBER_OF = chapters()


def entry_of(module):
    """A folder with a slash or a module beside it, as the table names it."""
    head = module.split(".")[0]
    return head if f"{head}.py" in TOP or f"{head}.pyx" in TOP else f"{head}/"


TOP = {path.name for path in PACKAGE.iterdir()}


def imported(level, module, names, package):
    """Modules of skgd that one import statement names; package: where it stands."""
    parts = module.split(".") if module else []
    if level:
        parts = package[: len(package) - (level - 1)] + parts
    elif parts[0] == "skgd":
        parts = parts[1:]
    else:
        return set()
    found = {".".join([*parts, name]) for name in names} & MODULES
    return found or {".".join(parts) or "__init__"}


def imports_of_python(text, package=()):
    """Modules of skgd that Python source imports, anywhere in it."""
    package, found = list(package), set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name.split(".", 1) for alias in node.names]
            found |= {name[1] for name in names if name[0] == "skgd" and name[1:]}
        elif isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names]
            found |= imported(node.level, node.module, names, package)
    return found


def imports_of_cython(text, package=()):
    """Modules of skgd that Cython source imports, cimports or includes."""
    package, found = list(package), set(PLAIN.findall(text))
    found |= {f"_rules.{name}" for name in HEADER.findall(text)}
    for dots, module, listed in FROM.findall(text):
        names = re.findall(r"(\w+)(?:\s+as\s+\w+)?", listed)
        found |= imported(len(dots), module, names, package)
    return found


def imports_of(path):
    """Modules of skgd that a file imports, other than itself."""
    package = path.relative_to(PACKAGE).parent.parts
    read = imports_of_python if path.suffix == ".py" else imports_of_cython
    # a .pyx belongs to its own .pxd, a .pxd to its own header
    return read(path.read_text("utf-8"), package) - {name_of(path)}


def test_imports_are_found():
    python = (
        "import skgd._engine.epoch\nfrom . import prepare\nfrom ..losses import x\n"
        "from skgd._data.units import y\nfrom .. import optimizers\nimport numpy\n"
    )
    found = imports_of_python(python, ("_data",)) & MODULES
    assert found >= {"_engine.epoch", "losses", "_data.units", "optimizers"}
    cython = (
        "from .._rules.loss cimport (\n    x,\n    y,\n)\nfrom . cimport clipping\n"
        "from skgd.losses import z\ncimport skgd._rules.rule\n"
        "from libc.math cimport exp\n"
        'cdef extern from "vector.h":\n    pass\n'
    )
    assert imports_of_cython(cython, ("_engine",)) == {
        "_rules.loss",
        "_engine.clipping",
        "losses",
        "_rules.rule",
        "_rules.vector",
    }


def test_every_file_has_a_chapter():
    assert {entry_of(module) for module in MODULES} == set(NUMBER_OF)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_come_from_earlier_chapters(path):
    own = NUMBER_OF[entry_of(name_of(path))]
    for module in imports_of(path):
        if (name_of(path), module) in EXCEPTIONS:
            continue
        entry = entry_of(module)
        # within a folder, or among the files of one chapter, the next test decides
        assert NUMBER_OF[entry] <= own, f"{path.name} imports from later: {module}"


def test_no_file_imports_itself_by_way_of_others():
    graph = {}
    for path in FILES:
        graph.setdefault(name_of(path), set()).update(imports_of(path))
    for module, later in EXCEPTIONS:
        graph[module].remove(later)  # an exception that is gone must leave the list
    TopologicalSorter(graph).prepare()
