"""The encoder of raw tables as nodes of an ONNX graph."""

from dataclasses import dataclass
from numbers import Real

import numpy as np

from ..preprocessing.table_parts import (
    DATES,
    MOST_DEVIATIONS,
    Levels,
    SparseNumbers,
    Words,
)

# What Python writes for missing values, since ONNX has no missing texts. A text that
# is itself a level remains one.
MISSING = "nan", "None", "<NA>"


class TableInputs:
    """The columns of a raw table in a graph, which has one or several inputs.

    Parameters
    ----------
    graph : Graph
        The graph.
    operator : Operator
        The operator of skl2onnx, with its inputs.

    Raises
    ------
    TypeError
        If the inputs are not the columns that `fit` has seen.
    """

    def __init__(self, graph, operator):
        self._graph, model = graph, operator.raw_operator
        self._estimator = type(model).__name__
        given = getattr(model, "feature_names_in_", range(model.n_features_in_))
        self._names = list(given)
        self.texts = {}  # the input of each column with text, and the position in it
        self.types = []  # the type of the input of each column
        self._positions = {}  # of each other column, among the numbers
        self.numbers = None  # the name of these columns as a matrix
        self._read(operator.inputs)

    def _read(self, variables):
        from skl2onnx.common.data_types import StringTensorType

        n = len(self._names)
        widths = [
            _width(variable, n if len(variables) == 1 else 1) for variable in variables
        ]
        self._check(variables, sum(widths))
        found = []
        for variable, width in zip(variables, widths, strict=True):
            first = len(self.types)
            self.types += [type(variable.type).__name__] * width
            columns = enumerate(range(first, first + width))
            if isinstance(variable.type, StringTensorType):
                self.texts |= {j: (variable.full_name, i, width) for i, j in columns}
                continue
            start = len(self._positions)
            self._positions |= {j: start + i for i, j in columns}
            found.append(self._graph.cast(variable.full_name, self._graph.dtype))
        if found:
            self.numbers = self._graph.node("Concat", *found, axis=1)

    def _check(self, variables, n_columns):
        names, inputs = self._names, [variable.raw_name for variable in variables]
        if n_columns != len(names):
            raise TypeError(
                f"{self._estimator} has seen {len(names)} columns in `fit`, but the "
                f"inputs {inputs} of the ONNX graph have {n_columns}. Pass the table "
                "of `fit` to `to_onnx`, or the same columns in initial_types."
            )
        if len(inputs) > 1 and set(inputs) == set(names) and inputs != names:
            raise TypeError(
                f"The inputs of the ONNX graph must be in the order of the columns in "
                f"`fit`, which is {names}. Got {inputs}."
            )

    def refuse(self, position, reason):
        """Raise an error about a column that cannot be converted.

        Parameters
        ----------
        position : int
            The position of the column.
        reason : str
            What is the matter with it, and what to do.

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError(
            f"{self._estimator} cannot be converted to ONNX because of column "
            f"{self._names[position]!r} of X: {reason}"
        )

    def number_at(self, position, kind):
        """Return where the numbers of a column are.

        Parameters
        ----------
        position : int
            The position of the column in the table.
        kind : str
            What the column contained in `fit`.

        Returns
        -------
        index : int
            The position among the `numbers`.
        """
        if position not in self._positions:
            if kind == "number as text":
                self.refuse(
                    position,
                    "its numbers are stored as text, which ONNX cannot read if some "
                    "texts are no numbers. Pass numbers to the graph, and list a "
                    "numeric type for this column in initial_types.",
                )
            self._refuse_type(position, "numbers")
        return self._positions[position]

    def column(self, position):
        """Append the column with the numbers of a position.

        Parameters
        ----------
        position : int
            The position of the column in the table.

        Returns
        -------
        name : str
            Its name.
        """
        if position not in self._positions:
            self._refuse_type(position, "numbers")
        index = np.array([self._positions[position]])
        return self._graph.node("Gather", self.numbers, index, axis=1)

    def text(self, position):
        """Append the column with the texts of a position.

        Parameters
        ----------
        position : int
            The position of the column in the table.

        Returns
        -------
        name : str
            Its name.
        """
        if position not in self.texts:
            self._refuse_type(position, "text")
        name, index, width = self.texts[position]
        if width == 1:
            return name
        return self._graph.node("Gather", name, np.array([index]), axis=1)

    def _refuse_type(self, position, seen):
        self.refuse(
            position,
            f"`fit` has seen {seen}, but the type of its input is "
            f"{self.types[position]}. List an input of the right type for each column "
            "in initial_types.",
        )


def _width(variable, default):
    shape = variable.type.shape
    known = len(shape) > 1 and isinstance(shape[1], int)
    return shape[1] if known else default


@dataclass
class Features:
    """An encoded table in a graph.

    Parameters
    ----------
    name : str
        The name of the encoded table, as float32.
    order : ndarray of shape (n_features,), int
        The position of each feature in what the encoder returns.
    """

    name: str
    order: np.ndarray


def encode(graph, encoder, inputs):
    """Append the encoding of a table.

    Parameters
    ----------
    graph : Graph
        The graph.
    encoder : TableEncoder
        The fitted encoder.
    inputs : TableInputs
        The columns of the table.

    Returns
    -------
    features : Features
        The encoded table.

    Raises
    ------
    TypeError
        If a column cannot be converted.
    """
    blocks, order, numbers, start = [], [], _Numbers(), 0
    for part in encoder._parts:
        n_features = len(part.part_of)
        if isinstance(part, SparseNumbers):
            numbers.add_sparse(part, inputs)
        elif isinstance(part, Words | Levels):
            if n_features:
                append = _words if isinstance(part, Words) else _levels
                blocks.append(append(graph, part, inputs))
                order.append(np.arange(start, start + n_features))
        else:
            numbers.add(part, inputs, start)
        start += n_features
    for block, positions in numbers.append(graph, inputs.numbers):
        blocks.append(block)
        order.append(positions)
    found = graph.node("Concat", *blocks, axis=1)
    return Features(graph.cast(found, np.float32), np.concatenate(order))


class _Numbers:
    # The encoding of all columns with numbers at once. Each list has an entry for each
    # feature: the position of the number, constants, and the position of the feature.
    def __init__(self):
        self._scaled, self._gaps, self._hats = [], [], []

    def add_sparse(self, part, inputs):
        for j, scale in enumerate(part.scale):
            at = inputs.number_at(j, "number")
            self._scaled.append((at, np.nan, 0.0, scale, j))

    def add(self, part, inputs, start):
        if part.kind in DATES:
            inputs.refuse(
                part.position,
                "it contains dates or durations, for which ONNX has no operators. "
                "Convert it to numbers before `fit`, dates with DatetimeEncoder, for "
                "example.",
            )
        at = inputs.number_at(part.position, part.kind)
        for _ in part.kept:
            unit = part.fill[0], part.mean[0], part.scale[0]
            self._scaled.append((at, *unit, start))
            start += 1
        if part.has_gaps:
            self._gaps.append((at, start))
            start += 1
        knots = part.knots
        if len(knots):
            # behind the last knot, its hat function remains 1
            right = np.append(knots[2:], np.inf)
            falls = np.append(np.diff(knots)[1:], 1.0)
            rest = zip(knots, np.diff(knots), right, falls, strict=False)
            for j, (left, rise, end, fall) in enumerate(rest):
                self._hats.append((at, knots[0], left, rise, end, fall, start + j))

    def append(self, graph, numbers):
        """Yield the names of the features, and their positions."""
        if self._scaled:
            at, fill, mean, scale, positions = _arrays(self._scaled)
            X = _filled(graph, numbers, at, fill)
            Z = graph.node("Div", graph.node("Sub", X, mean), scale)
            Z = graph.node("Max", Z, -MOST_DEVIATIONS)
            yield graph.node("Min", Z, MOST_DEVIATIONS), positions
        if self._gaps:
            at, positions = _arrays(self._gaps)
            picked = graph.node("Gather", numbers, at, axis=1)
            yield graph.cast(graph.node("IsNaN", picked), graph.dtype), positions
        if self._hats:
            at, fill, left, rise, right, fall, positions = _arrays(self._hats)
            X = _filled(graph, numbers, at, fill)
            up = graph.node("Div", graph.node("Sub", X, left), rise)
            down = graph.node("Div", graph.node("Sub", right, X), fall)
            lower = graph.node("Max", graph.node("Min", up, down), 0.0)
            yield graph.node("Min", lower, 1.0), positions


def _arrays(features):
    return [np.array(values) for values in zip(*features, strict=True)]


def _filled(graph, numbers, at, fill):
    # numbers, with constants for the missing ones
    picked = graph.node("Gather", numbers, at, axis=1)
    return graph.node("Where", graph.node("IsNaN", picked), fill, picked)


def _words(graph, part, inputs):
    inputs.refuse(
        part.position,
        "it contains long texts, and ONNX has no operator that takes them apart. "
        "Convert it to numbers before `fit`, with TfidfVectorizer, for example.",
    )


def _levels(graph, part, inputs):
    # one column for each level
    levels = list(part.columns)
    present = [level for level in levels if level is not None]
    # (if all values are missing, any type will do)
    texts = all(isinstance(level, str) for level in present)
    texts = texts and bool(present or part.position in inputs.texts)
    if not (texts or all(map(_is_exact, present))):
        inputs.refuse(
            part.position,
            "its categories are neither texts only nor numbers only. Convert them to "
            "text before `fit`.",
        )
    n = len(levels)
    if texts:
        column = inputs.text(part.position)
        codes = _codes(graph, column, part.columns)
        is_level = graph.node("Equal", codes, np.arange(n)[np.newaxis])
        return graph.cast(is_level, graph.dtype)
    column = inputs.column(part.position)
    numbers = np.array([np.nan if v is None else float(v) for v in levels])
    found = graph.cast(graph.node("Equal", column, numbers[np.newaxis]), graph.dtype)
    if None not in part.columns:
        return found
    gaps = graph.cast(graph.node("IsNaN", column), graph.dtype)
    is_gap = np.isnan(numbers).astype(float)[np.newaxis]
    return graph.node("Add", found, graph.node("Mul", gaps, is_gap))


def _is_exact(level):
    # whether float64 can represent it
    return isinstance(level, Real) and float(level) == level


def _codes(graph, column, positions):
    texts = {level: j for level, j in positions.items() if level is not None}
    if None in positions:
        texts = {text: positions[None] for text in MISSING} | texts
    return graph.node(
        "LabelEncoder",
        column,
        op_domain="ai.onnx.ml",
        op_version=2,
        keys_strings=list(texts),
        values_int64s=list(texts.values()),
        default_int64=-1,
    )
