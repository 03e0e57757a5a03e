"""What the documentation says runs, and docstrings are complete.

Doctests of all modules, compiled ones included; the Python blocks of README.md and
docs/; docstrings of all public objects by the checks that pyproject.toml names.
"""

import doctest
import importlib
import importlib.util
import inspect
import pkgutil
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from numpydoc.validate import get_validation_checks, validate

import skgd

ROOT = Path(__file__).parents[1]
MODULES = ["skgd"] + [
    info.name for info in pkgutil.walk_packages(skgd.__path__, "skgd.")
]
PUBLIC_MODULES = ["skgd"] + [
    f"skgd.{name}"
    for name in (
        "activations",
        "averaging",
        "dask",
        "export",
        "initializers",
        "inspection",
        "line_search",
        "losses",
        "optimizers",
        "penalties",
        "plotting",
        "preprocessing",
        "schedules",
    )
]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(
        re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
    )
]


def public_objects():
    """Dotted names of what users call: classes, functions, and methods of our own."""
    names = []
    for module_name in PUBLIC_MODULES:
        module = importlib.import_module(module_name)
        for name in module.__all__:
            thing = getattr(module, name)
            if not is_ours(thing):  # a registry, or what is SciPy's
                continue
            names.append(f"{module_name}.{name}")
            if inspect.isclass(thing):
                names += [
                    f"{module_name}.{name}.{method}"
                    for method in dir(thing)
                    if not method.startswith("_") and is_ours(getattr(thing, method))
                ]
    return names


def is_ours(thing):
    """Whether something callable is written in this package, not inherited."""
    module = getattr(thing, "__module__", None) or ""
    return callable(thing) and module.startswith("skgd")


@pytest.fixture(scope="module")
def checks():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return get_validation_checks(set(settings["tool"]["numpydoc_validation"]["checks"]))


@pytest.mark.parametrize("name", MODULES)
def test_doctests(name):
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    output = []
    with np.printoptions(legacy=False):
        for test in doctest.DocTestFinder().find(module):
            runner.run(test, out=output.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(output)


@pytest.mark.parametrize(
    ("name", "registry"),
    [
        ("losses", "LOSSES"),
        ("optimizers", "OPTIMIZERS"),
        ("activations", "ACTIVATIONS"),
        ("averaging", "AVERAGES"),
        ("schedules", "SCHEDULES"),
        ("initializers", "INITIALIZERS"),
    ],
)
def test_every_rule_has_a_doctest(name, registry):
    # Also shows that the examples in compiled modules are found.
    module = importlib.import_module(f"skgd.{name}")
    found = {
        test.name for test in doctest.DocTestFinder().find(module) if test.examples
    }
    rules = getattr(module, registry).values()
    assert {f"skgd.{name}.{rule.__name__}" for rule in rules} <= found


@pytest.mark.parametrize("name", public_objects())
def test_docstring_is_complete(name, checks):
    errors = [error for error in validate(name)["errors"] if error[0] in checks]
    assert not errors, "\n".join(f"{code} {message}" for code, message in errors)


@pytest.mark.parametrize("block", BLOCKS)
def test_block_runs(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some blocks write files
    exec(compile(block, "<documentation>", "exec"), {"__name__": "__main__"})


@pytest.fixture(scope="module")
def tables():
    spec = importlib.util.spec_from_file_location("tables", ROOT / "docs/tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tables_are_those_of_the_registries(page, tables):
    text = page.read_text("utf-8")
    assert text == tables.written(text), "run python docs/tables.py"


def test_every_table_is_on_a_page(tables):
    text = "".join(page.read_text("utf-8") for page in PAGES)
    assert {name for _, name, _ in tables.REGION.findall(text)} == set(tables.TABLES)


def test_readme_has_an_example():
    assert any(param.id.startswith("README") for param in BLOCKS)
