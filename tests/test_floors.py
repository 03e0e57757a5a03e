"""The floors of the package: a file imports only from floors below its own.

The table is that of docs/architecture.md. A new file has to be put into both.
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "skgd"

# from the ground up; a name stands for its .py, .pyx, .pxd and .h
FLOORS = [
    ["_diagnosis", "_docs", "_leaf", "_plot_style", "_rule", "_stopping", "_threads"]
    + ["_objective", "_observer", "_units", "penalties"],
    ["_activation", "_loss", "_schedule", "layers", "line_search", "_plot_surface"]
    + ["_callbacks", "_clipping", "_conversion", "_progress", "averaging"],
    ["_steps", "activations", "losses", "schedules", "sparse"],
    ["_architecture", "_function", "_network", "_targets", "initializers"],
    ["_optimizer"],
    ["_state", "optimizers"],
    ["_rows"],
    ["_epoch"],
    ["_columns", "_data", "_minimize", "_passes", "_stochastic"],
    ["_divergence", "_settings", "_validation"],
    ["_descent"],
    ["_base"],
    ["_linear", "_mlp"],
    ["linear", "mlp"],
    ["_plot_curves", "_plot_network", "_plot_paths", "_plot_rates", "_range_test"],
    ["inspection", "plotting"],
    ["__init__"],
]
FLOOR_OF = {name: number for number, floor in enumerate(FLOORS) for name in floor}
FILES = sorted(
    path for path in PACKAGE.iterdir() if path.suffix in {".py", ".pyx", ".pxd", ".h"}
)

# from .a import b | from skgd.a cimport (b) | from . cimport a, b | cimport skgd.a
FROM = re.compile(
    r"^\s*from\s+(?:\.|skgd\b\.?)(\w*)\s+c?import\s+(\([^)]*\)|[^\n#]*)", re.MULTILINE
)
PLAIN = re.compile(r"^\s*c?import\s+skgd\.(\w+)", re.MULTILINE)
HEADER = re.compile(r'cdef extern from "(\w+)\.h"')


def imports_of_python(text):
    """Modules of the package that Python source imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            found |= {name[1] for name in names if name[0] == "skgd" and name[1:]}
        elif isinstance(node, ast.ImportFrom):
            parts = (node.module or "").split(".")
            if node.level == 0 and parts.pop(0) != "skgd":
                continue
            module = parts[0] if parts else ""
            found |= {module} if module else {alias.name for alias in node.names}
    return found


def imports_of_cython(text):
    """Modules of the package that Cython source imports or cimports."""
    found = set(PLAIN.findall(text)) | set(HEADER.findall(text))
    for module, names in FROM.findall(text):
        listed = re.findall(r"(\w+)(?:\s+as\s+\w+)?", names)
        found |= {module} if module else set(listed)
    return found


def imports_of(path):
    """Modules of the package that a file imports."""
    if path.suffix == ".h":
        return set(re.findall(r'#include "(\w+)\.h"', path.read_text("utf-8")))
    read = imports_of_python if path.suffix == ".py" else imports_of_cython
    # a .pyx belongs to its own .pxd, a .pxd to its own header
    return read(path.read_text("utf-8")) - {path.stem}


def test_imports_are_found():
    python = "import skgd.a\nfrom . import b\nfrom .c import x\nfrom skgd.d import y\n"
    assert imports_of_python(python) == {"a", "b", "c", "d"}
    cython = (
        "from .a cimport (\n    x,\n    y,\n)\nfrom . cimport b\nfrom skgd.c import z\n"
        "cimport skgd.d\nfrom libc.math cimport exp\n"
        'cdef extern from "e.h":\n    pass\n'
    )
    assert imports_of_cython(cython) == {"a", "b", "c", "d", "e"}


def test_every_file_has_a_floor():
    assert {path.stem for path in FILES} == set(FLOOR_OF)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_imports_come_from_below(path):
    above = {name for name in imports_of(path) if FLOOR_OF[name] >= FLOOR_OF[path.stem]}
    assert not above, f"{path.name} imports from its own floor or above: {above}"


def test_the_documentation_has_the_same_table():
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d+) \| `([\w.]+)`", page, re.MULTILINE)
    documented = {name.split(".")[0]: int(number) for number, name in rows}
    assert documented == FLOOR_OF
