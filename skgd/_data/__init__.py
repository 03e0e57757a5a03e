"""From the arguments of `fit` to the arrays that training reads."""
