"""Which files are collected, and how many cases are generated."""

import os
from importlib.util import find_spec

from hypothesis import HealthCheck, settings

# What needs more than the oldest requirements: PyTorch is no requirement of the tests,
# and scikit-learn has callbacks since version 1.9.
CALLBACKS = ["test_callbacks.py", "test_progress.py", "test_tabular_callbacks.py"]
NEEDED = {
    "torch": ["test_torch.py"],
    "sklearn.callback": [*CALLBACKS, "test_notebook.py"],
    "dask": ["test_dask.py"],
    "skl2onnx": ["test_export_onnx.py"],
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
