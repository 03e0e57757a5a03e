"""Minimisation of functions: the loop over steps, and what it evaluates."""
