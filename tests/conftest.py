"""Which files are collected, and how many cases are generated."""

import os
from importlib.util import find_spec

import pytest
from hypothesis import HealthCheck, settings

# What needs more than the oldest requirements: PyTorch is no requirement of the tests,
# and scikit-learn has callbacks since version 1.9.
CALLBACKS = ["test_callbacks.py", "test_progress.py", "test_tabular_callbacks.py"]
NEEDED = {
    "torch": ["test_torch.py"],
    "sklearn.callback": [*CALLBACKS, "test_dask_callbacks.py", "test_notebook.py"],
    "dask": ["test_dask.py", "test_dask_callbacks.py", "test_dask_local_steps.py"],
    "skl2onnx": ["test_export_onnx.py", "test_export_onnx_tables.py"],
}
collect_ignore = [
    name for module, names in NEEDED.items() if not find_spec(module) for name in names
]

# (the first example of a test imports and compiles nothing, but may be slow anyway)
options = {"deadline": None, "suppress_health_check": list(HealthCheck)}
settings.register_profile(
    "few", max_examples=40, derandomize=True, database=None, **options
)
n_examples = int(os.environ.get("SKGD_CAMPAIGN_EXAMPLES", "2000"))
settings.register_profile("many", max_examples=n_examples, print_blob=True, **options)


def pytest_configure(config):
    """Choose the number of generated cases, before the tests are imported."""
    settings.load_profile("many" if config.option.markexpr == "campaign" else "few")


@pytest.fixture(scope="module")
def client():
    """Return a client of a Dask cluster of three worker processes."""
    from distributed import Client, LocalCluster

    options = {"threads_per_worker": 1, "dashboard_address": None}
    with (
        LocalCluster(n_workers=3, processes=True, **options) as cluster,
        Client(cluster) as client,
    ):
        yield client
