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
# Tests of what the oldest requirements do not have.
POLARS = ("test_raw_tables", "test_preprocessing", "test_tabular_tools")
NEWER = {
    "callbacks of scikit-learn": [
        "test_lbfgs_in_use.py::test_callbacks_see_each_iteration_and_may_stop",
        "test_lbfgs_in_use.py::test_every_epoch_that_begins_ends",
    ],
    "results and warnings of scikit-learn with which ours are compared": [
        "test_class_weights.py::test_balanced_is_that_of_logistic_regression[weights]",
        "test_linear.py::test_labels_are_judged_as_in_scikit_learn",
        "test_mistakes.py::test_mistake[duplicate names]",
        "test_tabular.py::test_trees_have_the_loss_of_the_networks[absolute_error]",
        "test_tabular_columns.py::test_a_shape_function_is_the_centred_partial_dep",
        "test_tabular_tools.py::test_scikit_learn_warns_once_of_many_classes",
        "test_to_sklearn.py::test_targets_of_networks",
    ],
    "fewer private types in the pipelines of scikit-learn": [
        "test_files.py::test_raw_tables",
        "test_files.py::test_intervals_of_raw_tables",
        "test_tabular_tools.py::test_skops",
    ],
    "files that NumPy 2 has written": [
        "test_saving.py::test_files_of_each_release_give_the_same_results",
        "test_saving.py::test_trainings_of_each_release_continue",
    ],
    "limits of threads that threadpoolctl finds again": [
        "test_threads.py::test_the_first_holder_leaves_a_limit_of_the_user",
    ],
    "rounding: with SciPy 1.13, the results agree to 2e-9 instead of 1e-9": [
        "test_units.py::test_huber_measures_its_threshold_in_the_users_units",
    ],
}
nox.options.sessions = ["floor"]
nox.options.default_venv_backend = "venv"


@nox.session(python="3.11")
def floor(session):
    """The oldest requirements that pyproject.toml allows, with the oldest Python."""
    oldest = [name.replace(">=", "==") for name in PROJECT["dependencies"]]
    session.install("-e", ".", *oldest, *BESIDE_THE_FLOOR)
    # the pages show callbacks, Dask and more, which need newer versions
    ignored = ["--ignore=tests/test_docs.py", "--ignore=tests/test_site.py"]
    newer = [f"--deselect=tests/{name}" for names in NEWER.values() for name in names]
    # (the ColumnTransformer of scikit-learn 1.6 cannot select the columns of polars)
    polars = f"-k=not (polars and ({' or '.join(POLARS)}))"
    test(session, *ignored, *newer, polars)


@nox.session(python=PYTHONS)
def newest(session):
    """The newest requirements."""
    session.install("--upgrade", "-e", ".[test]")
    test(session)


def test(session, *options):
    """Run the tests, or what the arguments say."""
    session.run("pip", "list")
    session.run("python", "-m", "pytest", "-n", "auto", *options, *session.posargs)
