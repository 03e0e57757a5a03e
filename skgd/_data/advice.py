"""What has to be done with the columns of a raw table, and a pipeline that does it."""

import json
from dataclasses import replace

import numpy as np
from sklearn.base import is_classifier

from .columns import columns_of, is_frame, series_of

LARGEST = float(np.finfo(np.float64).max)
# An error message names at most this many columns of a kind, and so does its pipeline.
NAMED = 5
# One-hot encoded texts and categories get at most this many columns.
MANY_LEVELS = 100
HEADINGS = {
    "text": "text or categories",
    "levels": f"text or categories with more than {MANY_LEVELS} levels",
    "long": "long text",
    "identifiers": "identifiers (text that differs in almost all rows)",
    "dates": "dates",
    "dates as text": "dates stored as text",
    "durations": "durations",
    "gaps": "gaps (NaN)",
    "decimals": "decimals with gaps",
    "numbers as text": "numbers stored as text, which are used as numbers",
    "infinite": "infinity",
    "other": "values of several types, or objects",
}
# The heading of each kind of column; the other kinds need a closer look.
OF_KIND = {
    "long text": "long",
    "identifier": "identifiers",
    "date": "dates",
    "date as text": "dates as text",
    "duration": "durations",
    "object": "other",
}
# what to do first with the kinds of columns for which there is no pipeline
ADVICE = {
    "infinite": (
        "Infinity has to be replaced first, for example by NaN: with pandas, by "
        "X.replace([np.inf, -np.inf], np.nan), and otherwise by "
        "np.where(np.isinf(X), np.nan, X)."
    ),
    "other": (
        "With pandas, first make numbers of the last ones, by "
        'pandas.to_numeric(X[column], errors="coerce"), or categories, by '
        'X[column].astype(str).astype("category").'
    ),
}
ADVICE_POLARS = {
    "infinite": (
        "Infinity has to be replaced first, for example by null: "
        "X.with_columns(pl.col(column).replace([np.inf, -np.inf], None))."
    ),
    "other": (
        "First make numbers of the last ones, by "
        "X.with_columns(pl.col(column).cast(pl.Float64, strict=False)), or categories, "
        "by X.with_columns(pl.col(column).cast(pl.Categorical))."
    ),
}
IMPUTER = 'SimpleImputer(strategy="median", add_indicator=True)'
ENCODER = 'OneHotEncoder(handle_unknown="ignore")'
# Rare levels share a column. Unlike TargetEncoder, the encoder also works for streams
# and for several targets.
MERGER = (
    f'OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories={MANY_LEVELS})'
)
WORDS = "TfidfVectorizer(max_features=1000)"
# The encoder does not accept pandas.NA, and the vectorizer no missing values at all.
FILL = 'SimpleImputer(missing_values=pd.NA, strategy="constant", fill_value="missing")'
# Steps with names of their own, which stand above the transformer of all columns.
STEPS = {
    "date_steps": ("DatetimeEncoder()", IMPUTER),
    "text_steps": (FILL, ENCODER),
    "level_steps": (FILL, MERGER),
    "word_steps": (FILL, "FunctionTransformer(np.ravel)", WORDS),
}
IMPORTS = {
    "sklearn.compose": ("make_column_selector", "make_column_transformer"),
    "sklearn.feature_extraction.text": ("TfidfVectorizer",),
    "sklearn.impute": ("SimpleImputer",),
    "sklearn.pipeline": ("make_pipeline",),
    "sklearn.preprocessing": ("FunctionTransformer", "OneHotEncoder"),
}


def find_columns(X):
    """Find the columns that an estimator cannot use as they are.

    Parameters
    ----------
    X : array-like, sparse matrix or DataFrame
        The features.

    Returns
    -------
    found : dict of str to list of Column
        The columns under each of `HEADINGS`.
    """
    if is_frame(X) and len(set(X.columns)) < len(X.columns):
        return {}  # scikit-learn does not accept such names
    columns = columns_of(X)
    if all(column.kind == "identifier" for column in columns):
        # without them, no column would be left
        columns = [replace(column, kind="text") for column in columns]
    found = {}
    for column in columns:
        for heading in _headings(column):
            found.setdefault(heading, []).append(column)
    if found.keys() == {"numbers as text"}:
        return {}  # scikit-learn converts them
    return {heading: found[heading] for heading in HEADINGS if heading in found}


def _headings(column):
    if column.has_infinity:
        return ["infinite"]
    if column.kind in OF_KIND:
        return [OF_KIND[column.kind]]
    if column.kind in ("text", "category"):
        return ["text" if column.n_levels <= MANY_LEVELS else "levels"]
    # numbers in some form
    if column.has_na and "decimal" in column.dtype:
        return ["decimals"]
    if column.strays or column.has_na:
        return ["other"]
    as_text = ["numbers as text"] if column.kind == "number as text" else []
    return as_text + (["gaps"] if column.has_missing else [])


def describe(estimator, X, found, incremental=False):
    """Describe which columns are not numeric, and how a pipeline prepares them.

    Parameters
    ----------
    estimator : object
        The estimator that gets the data.
    X : array-like, sparse matrix or DataFrame
        The features.
    found : dict of str to list of Column
        The result of `find_columns`.
    incremental : bool, default=False
        Whether the data are a piece of a stream.

    Returns
    -------
    text : str
        Some lines of text, which usually end with Python code.
    """
    name = type(estimator).__name__
    lines = [f"Columns that {name} cannot use as they are:"]
    for heading, columns in found.items():
        lines += [
            f"    {HEADINGS[heading]}: {listed_columns([c.name for c in columns])}"
        ]
    advice = ADVICE_POLARS if hasattr(X, "with_columns") else ADVICE
    advice = [text for heading, text in advice.items() if heading in found]
    if advice:
        return "\n".join(lines + advice)
    code = f"preprocess = {_preprocess(X, found)}"
    if incremental:
        classes = ", classes=np.unique(y)" if is_classifier(estimator) else ""
        code += ".fit(X)\n"
        code += f"model = {name}()\n"
        code += f"model.partial_fit(preprocess.transform(X), y{classes})"
        lines += ["Prepare them, every piece of the stream as the first one:\n"]
    else:
        code += f"\nmodel = make_pipeline(preprocess, {name}()).fit(X, y)"
        raw = "TabularClassifier" if is_classifier(estimator) else "TabularRegressor"
        lines += [f"{raw} takes this table as it is."]
        lines += [f"For {name}, a pipeline prepares the columns:\n"]
    code = _steps(code) + code
    return "\n".join([*lines, _imports(code, estimator), code])


def describe_targets(estimator, y):
    """Describe what is wrong with the target of a regression that is not numeric.

    Parameters
    ----------
    estimator : GradientDescent
        The estimator that gets the data.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        The target.

    Returns
    -------
    text : str
        A line of text.
    """
    text = f"The target y of {type(estimator).__name__} must be numeric."
    dtype = np.asarray(y).dtype
    if dtype.kind in "mM":
        text += (
            f" Got values of type {dtype}: convert them, for example to days since a "
            "date."
        )
    values = np.asarray(y, dtype=object).ravel()
    if any(isinstance(value, str) for value in values):
        kinds = {"linear": "GDClassifier", "network": "MLPGDClassifier"}
        text += f" If y contains classes, use {kinds[estimator._kind]}."
    return text


def describe_huge_integers(X):
    """Describe where there are integers that are too large for a float.

    Parameters
    ----------
    X : array-like or DataFrame
        The features.

    Returns
    -------
    text : str
        A line of text. If there are none in the features, they are in the target.
    """
    names = [
        name
        for name, values in series_of(X)
        if any(isinstance(value, int) and abs(value) > LARGEST for value in values)
    ]
    text = "contains integers that are too large for float64"
    if names:
        return f"Input X {text}, in these columns: {listed_columns(names)}."
    return f"Input y {text}."


def describe_text(names):
    """Describe what to do with numbers that are stored as text.

    Parameters
    ----------
    names : list of str or int
        The columns.

    Returns
    -------
    text : str
        A line of text.
    """
    return (
        f"These columns of X contain numbers stored as text: {listed_columns(names)}. "
        "They are used as numbers. If they are numbers, convert them before `fit`, for "
        "example by astype(float). If they are categories, encode them, for "
        "example by OneHotEncoder."
    )


def listed_columns(names):
    """List the names of columns, but not of too many.

    Parameters
    ----------
    names : list of str or int
        The names.

    Returns
    -------
    text : str
        The first names, and the number of the others.
    """
    text = ", ".join(map(repr, names[:NAMED]))
    n_more = len(names) - NAMED
    return f"{text} and {n_more} more" if n_more > 0 else text


def _preprocess(X, found):
    # Python code that makes a transformer for all columns
    if found.keys() <= {"gaps", "numbers as text"}:
        return IMPUTER  # it also makes numbers of text
    parts = _text_parts(X, found)
    dates = sum((found.get(h, []) for h in ("dates", "dates as text", "durations")), [])
    if dates:
        dates = sorted(dates, key=lambda column: column.position)
        parts += [("date_steps", _selection(X, dates))]
    # scikit-learn converts such a column only where there is no other one beside it
    parts += [(IMPUTER, _literal([c.name])) for c in found.get("decimals", [])]
    lines = "".join(f"    ({step}, {columns}),\n" for step, columns in parts)
    rest = IMPUTER if found.keys() & {"gaps", "numbers as text"} else '"passthrough"'
    return f"make_column_transformer(\n{lines}    remainder={rest},\n)"


def _text_parts(X, found):
    # steps for text and categories, and the columns that they get
    parts = []
    for heading, plain, filled in (
        ("text", ENCODER, "text_steps"),
        ("levels", MERGER, "level_steps"),
    ):
        columns = found.get(heading, [])
        for step, has_na in ((plain, False), (filled, True)):
            chosen = [column for column in columns if column.has_na == has_na]
            parts += [(step, _selection(X, chosen))] if chosen else []
    for column in found.get("long", []):  # a vectorizer takes a single column
        if column.has_missing:
            parts += [("word_steps", _literal([column.name]))]
        else:
            parts += [(WORDS, _literal(column.name))]
    if "identifiers" in found:
        parts += [('"drop"', _literal([c.name for c in found["identifiers"]]))]
    return parts


def _selection(X, columns):
    # Python code that selects columns by their names, or by their types if it can
    numbers = ["number", "bool"]
    names = [column.name for column in columns]
    many = len(names) > NAMED and hasattr(X, "select_dtypes")
    if many and list(X.select_dtypes(exclude=numbers)) == names:
        return f"make_column_selector(dtype_exclude={json.dumps(numbers)})"
    return _literal(names)


def _literal(names):
    return json.dumps(names, ensure_ascii=False)


def _steps(code):
    # the pipelines for single columns that the code uses
    lines = []
    for name, steps in STEPS.items():
        if f"({name}," in code:
            inner = "".join(f"    {step},\n" for step in steps)
            lines.append(f"{name} = make_pipeline(\n{inner})\n")
    return "".join(lines)


def _imports(code, estimator):
    # the names that the code uses
    lines = ["import numpy as np"] if "np." in code else []
    lines += ["import pandas as pd"] if "pd." in code else []
    for module, names in IMPORTS.items():
        used = ", ".join(name for name in names if f"{name}(" in code)
        lines += [f"from {module} import {used}"] if used else []
    name, module = type(estimator).__name__, type(estimator).__module__
    module = "skgd" if module.startswith("skgd.") else module
    lines += [f"from {module} import {name}"]
    if "DatetimeEncoder(" in code:
        lines += ["from skgd.preprocessing import DatetimeEncoder"]
    return "\n".join([*lines, ""])
