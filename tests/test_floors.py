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

# Chapters are imported in order, with two exceptions, each inside one method: an
# optimizer hands itself to the loop of `minimize`, and an estimator in a notebook hands
# itself to its report.
EXCEPTIONS = {
    ("_rules.optimizer", "_functions.loop"),
    ("_estimators.notebook", "plotting.report"),
}

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
HEADERS = {path.stem: name_of(path) for path in FILES if path.suffix == ".h"}


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
    found |= {HEADERS[name] for name in HEADER.findall(text)}
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


# ---------------------------------------------------------------- sizes
MOST_ARGUMENTS, MOST_LINES, MOST_LINES_OF_A_FILE, MOST_MODULES = 6, 50, 450, 14
RULES = "a catalogue: each rule stands on one screen, and there are many"
LONG_FILES = {
    "skgd/activations.pyx": RULES,
    "skgd/losses.pyx": RULES,
    "skgd/optimizers.pyx": RULES,
    "tests/oracles.py": "every rule once more, a table for each registry",
    "tests/test_base.py": "what all estimators share",
    "tests/test_callbacks.py": "one protocol, with its recorders",
    "tests/test_inspection.py": "error rates over many curves",
    "tests/test_minimize.py": "one function and all its arguments",
    "tests/test_mistakes.py": "a catalogue: each mistake with the parts of its message",
    "tests/test_systems.py": "trainings from end to end, each a story",
    "tests/test_units.py": "one rule, of data, of weights and of streams",
}
PYTHON = [path for path in FILES if path.suffix == ".py"]


def functions_in(text):
    """Each function of Python source: its name, positional arguments, lines of body."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        names = [arg.arg for arg in node.args.posonlyargs + node.args.args]
        n_arguments = len(names) - (names[:1] in (["self"], ["cls"]))
        body = node.body[1:] if ast.get_docstring(node) is not None else node.body
        n_lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
        yield node.name, n_arguments, n_lines


def test_functions_are_measured():
    text = (
        "class A:\n    def f(self, a, b=1, *c, d=2):\n        '''Doc.\n        '''\n"
        "        x = 1\n\n        return x\n\ndef g(a, /, b):\n    '''Doc.'''\n"
    )
    assert sorted(functions_in(text)) == [("f", 2, 3), ("g", 2, 0)]


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_functions_are_short(path):
    for name, n_arguments, n_lines in functions_in(path.read_text("utf-8")):
        assert n_arguments <= MOST_ARGUMENTS, f"{name}: {n_arguments} arguments"
        assert n_lines <= MOST_LINES, f"{name}: {n_lines} lines"


def test_files_are_short():
    sources = [*FILES, *sorted((ROOT / "tests").glob("*.py"))]
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text("utf-8").splitlines())
        for path in sources
        if path.suffix != ".h"
    }
    too_long = {name for name, n in lengths.items() if n > MOST_LINES_OF_A_FILE}
    assert too_long == set(LONG_FILES)  # an exception that is gone must leave the list


def test_there_are_few_modules_beside_the_folders():
    modules = {path.stem for path in FILES if path.parent == PACKAGE}
    assert len(modules) <= MOST_MODULES
