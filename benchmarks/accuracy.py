"""Correct digits of linear regressions whose exact solution is known.

    python benchmarks/accuracy.py    # writes the table in docs/accuracy.md, 20 seconds

The regressions are those of NIST's Statistical Reference Datasets, in `tests/strd.py`.
"""

import re
import sys
import warnings
from pathlib import Path

import numpy as np
from sklearn.linear_model import LinearRegression

from skgd import GDRegressor
from skgd.optimizers import Momentum

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
import strd  # noqa: E402  (from the folder of the line above)

LONG = {"penalty": None, "solver": "batch", "tol": None, "max_iter": 20_000}
MODELS = {
    "`penalty=None`": GDRegressor(penalty=None),
    "and `optimizer='lbfgs'`, `tol=0`": GDRegressor(
        penalty=None, optimizer="lbfgs", tol=0.0, max_iter=10_000
    ),
    "`Adam`": GDRegressor(optimizer="adam", **LONG),
    "`Momentum(nesterov=True)`": GDRegressor(
        optimizer=Momentum(nesterov=True), learning_rate="constant", **LONG
    ),
    "`LinearRegression`": LinearRegression(),
}
PAGE = ROOT / "docs/accuracy.md"


def digits(model, problem):
    """The digits as text; "-" if the model raises an error."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return f"{strd.digits_of(model, problem):.1f}"
    except ValueError:
        return "-"


def main():
    """Replace the table in docs/accuracy.md."""
    lines = ["| set | " + " | ".join(MODELS) + " |", "| --- |" + " --- |" * len(MODELS)]
    for name, problem in strd.PROBLEMS.items():
        cells = [digits(model, problem) for model in MODELS.values()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
        print(lines[-1])
    text, table = PAGE.read_text("utf-8"), "\n".join(lines) + "\n"
    PAGE.write_text(re.sub(r"(\|.*\n)+", table, text, count=1), "utf-8")


if __name__ == "__main__":
    main()
