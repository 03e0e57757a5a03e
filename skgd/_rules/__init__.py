"""What the rules share: parameters and their checks, kernels, and base classes."""
