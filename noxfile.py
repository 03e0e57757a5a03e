"""The tests with other versions of Python and of the requirements.

    nox                           # the oldest requirements
    nox -s newest                 # the newest ones, with each Python that is installed
    nox -s floor -- tests/test_linear.py

Arguments after two dashes are for pytest.
"""

import tomllib
from pathlib import Path

import nox

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
PROJECT = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]
# What the tests need with the oldest requirements: the newest versions that work with
# this NumPy. (Callbacks need a newer scikit-learn, and the tests leave them out.)
BESIDE_THE_FLOOR = [
    *("hypothesis", "matplotlib", "numpydoc==1.11.0", "pandas<3", "polars"),
    *("pyarrow==19.*", "pytest", "pytest-xdist", "rich", "skops"),
]
nox.options.sessions = ["floor"]
nox.options.default_venv_backend = "venv"


@nox.session(python="3.11")
def floor(session):
    """The oldest requirements that pyproject.toml allows, with the oldest Python."""
    oldest = [name.replace(">=", "==") for name in PROJECT["dependencies"]]
    session.install("-e", ".", *oldest, *BESIDE_THE_FLOOR)
    # the pages show callbacks, Dask and more, which need newer versions
    test(session, "--ignore=tests/test_docs.py", "--ignore=tests/test_site.py")


@nox.session(python=PYTHONS)
def newest(session):
    """The newest requirements."""
    session.install("--upgrade", "-e", ".[test]")
    test(session)


def test(session, *options):
    """Run the tests, or what the arguments say."""
    session.run("pip", "list")
    session.run("python", "-m", "pytest", "-n", "auto", *options, *session.posargs)
