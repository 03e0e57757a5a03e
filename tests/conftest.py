"""Which files are collected, and how many cases are generated."""

import os
from importlib.util import find_spec

from hypothesis import HealthCheck, settings

# The comparison with PyTorch, which is no requirement of the tests, and callbacks,
# which scikit-learn has since version 1.9.
collect_ignore = [] if find_spec("torch") else ["test_torch.py"]
if not find_spec("sklearn.callback"):
    collect_ignore += ["test_callbacks.py", "test_progress.py"]

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
