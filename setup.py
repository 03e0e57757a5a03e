"""The compiled modules: one loop over them, with flags and directives in one place.

Everything else about the package is in `pyproject.toml`.
"""

from Cython.Build import cythonize
from setuptools import Extension, setup

# The parts of -ffast-math that keep NaN and infinity, since divergence must be seen.
FLAGS = ["-O3", "-fno-signed-zeros", "-fno-trapping-math", "-fno-math-errno"]
# Sums may be reordered, so that loops over them vectorise.
REORDER = "-fassociative-math"
# These modules have no sums to reorder: they compute rounding errors and put them
# right, or add terms in an order that matters.
EXACT = {"skgd.activations", "skgd.losses"}
# Where blocks of code lie in memory decides the speed of the loops over single rows:
# those in the order of the source took 0.8 times as long (1000 features, float64).
IN_ORDER = {"skgd._engine.single_rows"}
SOURCE_ORDER = "-freorder-blocks-algorithm=simple"
# With products and sums that are rounded separately, the results for sparse rows do not
# depend on the instruction set.
UNFUSED = {"skgd._engine.layers.sparse_input"}
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
}
MODULES = [
    "skgd._rules.activation",
    "skgd._rules.loss",
    "skgd._rules.optimizer",
    "skgd.activations",
    "skgd.losses",
    "skgd.optimizers",
    "skgd._engine.memory",
    "skgd._engine.products",
    "skgd._engine.layers.layer",
    "skgd._engine.layers.dense",
    "skgd._engine.layers.batch_norm",
    "skgd._engine.layers.dropout",
    "skgd._engine.layers.input_scale",
    "skgd._engine.layers.sparse_input",
    "skgd._engine.layers.suffix_sums",
    "skgd._engine.network",
    "skgd._engine.single_rows",
    "skgd._engine.crew",
    "skgd._engine.loading",
    "skgd._engine.update",
    "skgd._engine.shards",
    "skgd._engine.epoch",
    "skgd._engine.prediction",
]


def extension(name):
    """The extension module of a `.pyx` file, with its flags."""
    return Extension(
        name,
        [name.replace(".", "/") + ".pyx"],
        depends=["skgd/_rules/vector.h", "skgd/_engine/crew.h"],
        include_dirs=["skgd/_rules", "skgd/_engine"],
        extra_compile_args=FLAGS
        + ([] if name in EXACT else [REORDER])
        + ([SOURCE_ORDER] if name in IN_ORDER else [])
        + (["-ffp-contract=off"] if name in UNFUSED else []),
    )


setup(
    ext_modules=cythonize(
        [extension(name) for name in MODULES], compiler_directives=DIRECTIVES
    ),
    # compile two modules at the same time
    options={"build_ext": {"parallel": 2}},
)
