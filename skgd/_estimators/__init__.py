"""What the estimators share: fit, continue and publish; parameters; docstrings."""
