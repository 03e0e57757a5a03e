"""The compiled modules: one loop over them, with flags and directives in one place.

Everything else about the package is in `pyproject.toml`.
"""

import os
import tempfile
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

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
UNFUSED = {"skgd._engine.layers.sparse_input", "skgd._engine.layers.sparse_rows"}
# Visual C++ has options of its own. Sums are in the order of the source there.
OF_MSVC = ["/O2", "/std:c11", "/experimental:c11atomics"]
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
}
# Builds that check what the compiled code does (see CONTRIBUTING.md): "bounds" checks
# the indices of memoryviews, "sanitize" all memory and undefined behaviour, and "lines"
# tells coverage which lines run.
CHECKS = os.environ.get("SKGD_CHECKS", "")
if CHECKS not in ("", "bounds", "lines", "sanitize"):
    allowed = "'bounds', 'lines' or 'sanitize'"
    raise ValueError(f"SKGD_CHECKS must be {allowed}. Got {CHECKS!r}.")
DIRECTIVES["boundscheck"] = CHECKS == "bounds"
DIRECTIVES["linetrace"] = CHECKS == "lines"
# (functions for several processors are chosen before the sanitizer has started)
SANITIZE = ["-O1", "-g", "-fno-omit-frame-pointer", "-DSKGD_ONE_TARGET"]
SANITIZE += ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
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
    "skgd._engine.layers.sparse_rows",
    "skgd._engine.layers.sparse_input",
    "skgd._engine.layers.suffix_sums",
    "skgd._engine.network",
    "skgd._engine.single_rows",
    "skgd._engine.crew",
    "skgd._engine.loading",
    "skgd._engine.update",
    "skgd._engine.gathered",
    "skgd._engine.shards",
    "skgd._engine.epoch",
    "skgd._engine.prediction",
]


def extension(name):
    """The extension module of a `.pyx` file, with its flags."""
    checks = SANITIZE if CHECKS == "sanitize" else []
    return Extension(
        name,
        [name.replace(".", "/") + ".pyx"],
        depends=["skgd/_rules/vector.h", "skgd/_engine/crew.h", "skgd/_engine/port.h"],
        include_dirs=["skgd/_rules", "skgd/_engine"],
        define_macros=[("CYTHON_TRACE_NOGIL", "1")] if CHECKS == "lines" else [],
        extra_compile_args=FLAGS
        + ([] if name in EXACT else [REORDER])
        + ([SOURCE_ORDER] if name in IN_ORDER else [])
        + (["-ffp-contract=off"] if name in UNFUSED else [])
        + checks,
        extra_link_args=[flag for flag in checks if "sanitize" in flag],
    )


class BuildExtensions(build_ext):
    """Compile with those of the flags that the compiler knows."""

    def build_extensions(self):
        """Compile all modules."""
        is_msvc = self.compiler.compiler_type == "msvc"
        wanted = [flag for ext in self.extensions for flag in ext.extra_compile_args]
        known = []
        for flag in [] if is_msvc else dict.fromkeys(wanted):
            if self._knows([*known, flag]):
                known.append(flag)
        for ext in self.extensions:
            flags = [flag for flag in ext.extra_compile_args if flag in known]
            ext.extra_compile_args = OF_MSVC if is_msvc else flags
        super().build_extensions()

    def _knows(self, flags):
        # (clang warns of optimisations that it does not have)
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "empty.c")
            source.write_text("int skgd_empty;\n")
            try:
                flags = ["-Werror", *flags]
                self.compiler.compile([str(source)], folder, extra_postargs=flags)
            except CompileError:
                return False
        return True


setup(
    cmdclass={"build_ext": BuildExtensions},
    ext_modules=cythonize(
        [extension(name) for name in MODULES], compiler_directives=DIRECTIVES
    ),
    # compile two modules at the same time
    options={"build_ext": {"parallel": 2}},
)
