"""What the base class of the estimators asks of a subclass stands in the base class."""

import ast
import re
from pathlib import Path

import pytest

import skgd
from skgd._estimators.base import GradientDescent
from skgd.activations import ACTIVATIONS
from skgd.averaging import AVERAGES
from skgd.initializers import INITIALIZERS
from skgd.losses import LOSSES
from skgd.optimizers import OPTIMIZERS
from skgd.schedules import SCHEDULES

REGISTRIES = [ACTIVATIONS, AVERAGES, INITIALIZERS, LOSSES, OPTIMIZERS, SCHEDULES]

PACKAGE = Path(skgd.__file__).parent
# files that declare what a subclass has, and use it
BASE = [PACKAGE / f"_estimators/{name}.py" for name in ("base", "parameters")]
# also those that read an estimator from outside, and what they call it
READERS = [
    *sorted((PACKAGE / "_data").glob("*.py")),
    *(PACKAGE / "_training").glob("*.py"),
]
READERS += [PACKAGE / "inspection/range_test.py"]
OF_SCIKIT_LEARN = {"_init_callback_context"}


def is_private(name):
    return name.startswith("_") and not name.startswith("__")


def used_in(tree, owners):
    """Private attributes of some variables, or of an attribute `estimator`."""
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and is_private(node.attr)
        if getattr(node.value, "id", getattr(node.value, "attr", None)) in owners
    }


def declared_in(tree):
    """Names that the classes of a file define or annotate in their body."""
    names = set()
    for cls in ast.walk(tree):
        for node in cls.body if isinstance(cls, ast.ClassDef) else ():
            if isinstance(node, ast.FunctionDef):
                names.add(node.name)
            elif isinstance(node, ast.AnnAssign):
                names.add(node.target.id)
            elif isinstance(node, ast.Assign):
                names |= {target.id for target in node.targets}
    return names


def parsed(path):
    return ast.parse(path.read_text("utf-8"))


DECLARED = set().union(*(declared_in(parsed(path)) for path in BASE))


def test_names_are_found():
    tree = ast.parse(
        "class A:\n    _a: int\n    _b = 1\n    def _c(self):\n"
        "        self._d = self.e + self.f._g + self.__h + self.estimator._i\n"
    )
    assert declared_in(tree) == {"_a", "_b", "_c"}
    assert used_in(tree, {"self", "estimator"}) == {"_d", "_i"}


@pytest.mark.parametrize("path", BASE, ids=lambda path: path.name)
def test_the_base_uses_what_it_declares(path):
    used = used_in(parsed(path), {"self"})
    assert used
    assert used <= DECLARED


def test_others_use_what_the_base_declares():
    used = set().union(
        *(used_in(parsed(path), {"estimator", "model"}) for path in READERS)
    )
    assert "_encoding_class" in used
    assert used - OF_SCIKIT_LEARN <= DECLARED


def test_hooks_are_documented():
    names = GradientDescent.__abstractmethods__
    assert len(names) > 5
    for name in names:
        assert (getattr(GradientDescent, name).__doc__ or "").endswith("."), name


def test_attributes_are_documented():
    # each in the class body by the comment above it
    for path in BASE:
        lines = path.read_text("utf-8").splitlines()
        for cls in ast.walk(parsed(path)):
            for node in cls.body if isinstance(cls, ast.ClassDef) else ():
                if isinstance(node, ast.AnnAssign):
                    above = lines[node.lineno - 2].strip()
                    assert above.startswith("#"), node.target.id


def test_a_base_without_hooks_is_no_estimator():
    with pytest.raises(TypeError, match="abstract"):
        GradientDescent()


@pytest.mark.parametrize("name", ["GDRegressor", "GDClassifier"])
@pytest.mark.parametrize("kind", ["", "MLP"])
def test_every_shared_paragraph_is_filled_in(kind, name):
    estimator = getattr(skgd, kind + name)
    for thing in [estimator, *(getattr(estimator, n, None) for n in dir(estimator))]:
        if not str(getattr(thing, "__module__", "")).startswith("skgd"):
            continue
        assert_filled(thing.__doc__)


@pytest.mark.parametrize(
    "registry", REGISTRIES, ids=lambda registry: next(iter(registry))
)
def test_every_docstring_of_a_rule_is_filled_in(registry):
    for rule in registry.values():
        assert_filled(rule.__doc__)


def assert_filled(text):
    """No name in braces is left, except the arguments of LaTeX commands."""
    left = re.findall(r"(?<![\\\w^}])\{[a-z_]{3,}\}", text or "")
    assert not left, left
