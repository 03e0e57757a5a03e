"""The shared paragraphs are put into the docstrings of the four estimators.

The docstring of a class or of a method contains the name of a paragraph in braces, such
as ``{penalty}``, and `fill_doc` inserts the paragraph.
"""

import re
import textwrap
from functools import cache
from types import FunctionType

from .._rules.text import filled, listed
from ..activations import ACTIVATIONS
from ..averaging import AVERAGES
from ..initializers import INITIALIZERS
from ..losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES
from ..optimizers import OPTIMIZERS
from ..schedules import SCHEDULES
from .option_paragraphs import OPTION_PARAGRAPHS
from .paragraphs import PARAGRAPHS as COMMON_PARAGRAPHS
from .table_paragraphs import TABLE_PARAGRAPHS

PARAGRAPHS = {**COMMON_PARAGRAPHS, **OPTION_PARAGRAPHS, **TABLE_PARAGRAPHS}


def _quoted(names):
    return [repr(name) for name in names]


# the lists of rules that are inserted into the paragraphs
LISTS = {
    name: ", ".join(_quoted(registry))
    for name, registry in {
        "activations": ACTIVATIONS,
        "averages": AVERAGES,
        "classification_losses": CLASSIFICATION_LOSSES,
        "initializers": INITIALIZERS,
        "optimizers": OPTIMIZERS,
        "regression_losses": REGRESSION_LOSSES,
        "schedules": SCHEDULES,
    }.items()
}
LISTS["plain_optimizers"] = listed(
    _quoted(name for name, rule in OPTIMIZERS.items() if not rule._normalises)
)
LISTS["log_link_losses"] = listed(
    _quoted(name for name, rule in REGRESSION_LOSSES.items() if rule.link == "exp")
)


def fill_doc(cls):
    """Put the shared paragraphs into the docstrings of a class and of its methods.

    Parameters
    ----------
    cls : type
        The same class. Its docstrings have a line ``{name}`` for each paragraph.

    Returns
    -------
    cls : type
        The same class.
    """
    cls.__doc__ = _filled(cls.__doc__)
    for method in vars(cls).values():
        method = getattr(method, "__wrapped__", method)  # by `available_if`
        if isinstance(method, FunctionType) and method.__doc__:
            method.__doc__ = _filled(method.__doc__)
    return cls


@cache  # several estimators share a paragraph
def _paragraph(name):
    return filled(textwrap.dedent(PARAGRAPHS[name]).strip("\n"), LISTS)


def _filled(text):
    lines = []
    for line in text.split("\n"):
        name = line.strip()
        if name.startswith("{") and name.endswith("}") and name[1:-1] in PARAGRAPHS:
            paragraph = _paragraph(name[1:-1])
            indent = line[: len(line) - len(line.lstrip())]
            lines += textwrap.indent(paragraph, indent).splitlines()
        else:
            lines.append(line)
    # after a backslash, the indentation of the next line is within the joined line
    return "\n".join(re.sub(r"(?<=\S) {2,}(?=\S)", " ", line) for line in lines)
