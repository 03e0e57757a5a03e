"""Which files are collected."""

from importlib.util import find_spec

# The comparison with PyTorch, which is no requirement of the tests.
collect_ignore = [] if find_spec("torch") else ["test_torch.py"]
