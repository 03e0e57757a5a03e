"""Write the tables of the documentation that list rules, from the registries.

``python docs/tables.py`` rewrites, in README.md and the pages of this folder, what
stands between ``<!-- table: optimizers -->`` and ``<!-- end -->``, for each name in
`TABLES`. A test fails while a page is not what this script would write.
"""

import inspect
import re
from pathlib import Path

from skgd._rules.optimizer import KINDS
from skgd.activations import ACTIVATIONS
from skgd.averaging import AVERAGES
from skgd.initializers import INITIALIZERS
from skgd.losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES
from skgd.optimizers import OPTIMIZERS
from skgd.schedules import SCHEDULES

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
REGION = re.compile(r"(<!-- table: ([\w ]+) -->).*?(<!-- end -->)", re.DOTALL)

HEADS = {
    "linear": "linear",
    "single linear": "linear, one sample",
    "network": "network",
    "single network": "network, one sample",
    "function": "function",
    "update": "`update`",
}


def number(value):
    """A number or a name as the tables show it, without needless digits."""
    if isinstance(value, str):
        return repr(value)
    return re.sub(r"e([+-])0", r"e\1", f"{value:g}")


def table(head, rows):
    """A table in Markdown, as a region of its own lines."""
    lines = [head, ["---"] * len(head), *rows]
    text = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return "\n" + text.replace("|  |", "| |") + "\n"


def defaults_of(rule):
    """The defaults of a rule in words, except None and flags."""
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(rule).parameters.items()
        if parameter.default is not None and not isinstance(parameter.default, bool)
    }
    return ", ".join(f"`{name}` {number(value)}" for name, value in defaults.items())


def optimizers():
    """Formula and defaults of each optimizer, and of its variants."""
    rows = []
    for rule in OPTIMIZERS.values():
        rate, others = number(rule().own_rate("update")), defaults_of(rule)
        defaults = f"`r` {rate}" + (f", {others}" if others else "")
        rows.append((f"`{rule.__name__}`", rule._formula, defaults))
        for flag, formula in rule._variants.items():
            rows.append((f"`{rule.__name__}({flag}=True)`", formula, "the same"))
    return table(("name", "rule", "defaults"), rows)


def rates():
    """The default rate of each optimizer for each kind of model."""
    rows = []
    for rule in OPTIMIZERS.values():
        marks = "\\*" * rule._normalises
        own = [number(rule().own_rate(kind)) for kind in KINDS]
        rows.append((f"`{rule.__name__}`{marks}", *own))
    return table(("", *(HEADS[kind] for kind in KINDS)), rows)


def schedules():
    """Factor and parameters of each schedule."""
    rows = [
        (f"`{name!r}`", f"`{rule.__name__}`", rule._formula, defaults_of(rule))
        for name, rule in SCHEDULES.items()
    ]
    return table(("`learning_rate`", "class", "factor", "parameters"), rows)


def names(registry):
    """The classes of a registry, with the flags that make variants of them."""
    texts = []
    for rule in registry.values():
        flags = ", ".join(f"`{flag}`" for flag in getattr(rule, "_variants", ()))
        texts.append(f"`{rule.__name__}`" + (f" (also {flags})" if flags else ""))
    return ", ".join(texts)


TABLES = {
    "optimizers": optimizers,
    "rates": rates,
    "schedules": schedules,
    "names of optimizers": lambda: names(OPTIMIZERS),
    "names of schedules": lambda: names(SCHEDULES),
    "names of activations": lambda: names(ACTIVATIONS),
    "names of initializers": lambda: names(INITIALIZERS),
    "names of averages": lambda: names(AVERAGES),
    "names of regression losses": lambda: names(REGRESSION_LOSSES),
    "names of classification losses": lambda: names(CLASSIFICATION_LOSSES),
}


def written(text):
    """A page with all its tables written anew."""
    return REGION.sub(lambda found: found[1] + TABLES[found[2]]() + found[3], text)


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(written(page.read_text("utf-8")), "utf-8")
