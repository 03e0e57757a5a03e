"""The report of `quality.py`: tables of the results, and where skgd loses.

The results are, for each data set and each kind of model, the records of its splits.
"""

import itertools
import textwrap

import numpy as np
import pandas as pd

EXACT = "Ridge / LogisticRegression+scaler"
TWINS = {"GD*": ["SGD*+scaler", EXACT], "MLPGD*": ["MLP*+scaler", EXACT]}
RAW = "Tabular*"  # gets the table as it is
TREES = "HistGradientBoosting*+categories"
RIVALS = {  # our model -> the best models beside it, where they are installed
    RAW: ["CatBoost*+categories", "LGBM*+categories", TREES, "RealMLP_TD_*+categories"]
    + ["MLP*+scaler", EXACT],
    "MLPGD*": ["MLP*+scaler", TREES, EXACT],
}
FIELDS = {"classification": "log_loss", "regression": "score"}  # of a record, judged
LABELS = {"log_loss": "log loss", "score": "R2"}
COSTS = "log_loss", "calibration_error"  # of other fields, more is better
COVERAGES = 80, 90  # percent, of the intervals
RATIO, MARGIN = 1.05, 0.01  # limits: of the log loss, and of R2


# ---------------------------------------------------------------- tables
def values(records, field):
    """The field over the splits, as an array; NaN if a fit diverged."""
    diverged = any("error" in record for record in records)
    return np.array([np.nan] if diverged else [record[field] for record in records])


def frame_of(results, function):
    """DataFrame of sets and models: the function of the records."""
    rows = [{k: function(r) for k, r in models.items()} for models in results.values()]
    return pd.DataFrame(rows, index=list(results))


def costs(results, field):
    """The less, the better; infinite if a fit diverged, NaN if there was none."""
    sign = 1 if field in COSTS else -1

    def cost(records):
        if not records:
            return np.nan
        mean = values(records, field).mean()
        return np.inf if np.isnan(mean) else sign * mean

    return frame_of(results, cost)


def number(x):
    """Four decimals, or a power of ten; nothing for a model that was left out."""
    if np.isnan(x):
        return ""
    if not np.isfinite(x):
        return "diverged"
    return f"{x:.4f}" if abs(x) < 1000 else f"{x:.1e}"


def table(header, rows):
    """Lines of a Markdown table; the first column is text."""
    rows = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return [f"| {' | '.join(row)} |" for row in rows] + [""]


def normalised(frame):
    """Scores of the costs on each set: 1 for its best model, 0 for its worst."""
    costs = frame.replace(np.inf, np.nan)  # a fit that diverged scores 0, too
    best, worst = costs.min(axis=1), costs.max(axis=1)
    scores = (-costs).add(worst, axis=0).div(worst - best, axis=0)
    scores[worst == best] = 1.0
    return scores.where(frame != np.inf, 0.0)


def summary(results, field):
    """Lines: the mean of each model on each set, its mean rank and mean score."""
    frame, body = costs(results, field), []
    for name, row in frame.iterrows():
        rows, columns = next(r[0]["shape"] for r in results[name].values() if r)
        cells = [number(x if field in COSTS else -x) for x in row]
        if np.isfinite(row.min()):
            cells[row.argmin()] = f"**{cells[row.argmin()]}**"
        body.append([name, f"{rows:,}", str(columns), *cells])
    ranks = [f"{rank:.2f}" for rank in frame.rank(axis=1).mean()]
    body.append(["mean rank", "", "", *ranks])
    scores = [f"{score:.3f}" for score in normalised(frame).mean()]
    body.append(["mean normalised score", "", "", *scores])
    return table(["data set", "rows", "columns", *frame.columns], body)


def intervals(results):
    """Lines: the coverage and the width of the intervals on each set."""
    fields = [f"{what}_{c}" for c in COVERAGES for what in ("coverage", "width")]
    body = []
    for name, models in results.items():
        means = [values(models[RAW], field).mean() for field in fields]
        body.append([name, *(f"{x:.3f}" for x in means)])
    header = [f"{what} of {c}%" for c in COVERAGES for what in ("coverage", "width")]
    return table(["data set", *header], body)


def fit_times(results):
    """Lines: the CPU seconds of each model on each set."""
    frame = frame_of(results, lambda records: pd.Series(records).str["seconds"].mean())
    frame.loc["geometric mean"] = np.exp(np.log(frame).mean())
    body = [
        [name, *("" if np.isnan(x) else f"{x:.3f}" for x in row)]
        for name, row in frame.iterrows()
    ]
    return table(["data set", *frame.columns], body)


# ---------------------------------------------------------------- verdicts
def wrap(text):
    """Lines of a paragraph, or of an item of a list."""
    indent = "  " if text.startswith("- ") else ""
    options = dict(subsequent_indent=indent, break_on_hyphens=False)
    return [*textwrap.wrap(text, 88, **options), ""]


def rivals(of_task, ours):
    """Lines: mean ranks among the rivals, and where our model is behind."""
    ranks, scores, lines = [], [], []
    for task, results in of_task.items():
        field = FIELDS[task]
        frame = costs(results, field)
        frame = frame[[kind for kind in (ours, *RIVALS[ours]) if kind in frame]]
        ranks.append(frame.rank(axis=1))
        scores.append(normalised(frame))
        best, texts, sizes = frame.idxmin(axis=1), [], []
        for name, kind in best.items():
            if kind == ours:
                continue
            behind, error, text = difference(results[name], ours, kind, field)
            sizes.append(behind)
            texts.append(f"{name} {text.format(behind, error)} ({kind})")
        texts = [texts[k] for k in np.argsort(sizes)[::-1]]
        title = f"- {LABELS[field]}, {len(texts)} of {len(frame)} data sets"
        lines += wrap(f"{title}: {', '.join(texts) or 'none'}")

    def means(frames):
        return ", ".join(f"{k} {x:.2f}" for k, x in pd.concat(frames).mean().items())

    title = f"Where {ours} is behind the best of these {len(frame.columns)}, with the "
    return [
        f"### {ours} and the best others",
        "",
        *wrap(f"Mean rank: {means(ranks)}"),
        *wrap(f"Mean normalised score: {means(scores)}"),
        *wrap(f"{title}standard error of the difference over the splits:"),
        *lines,
    ]


def difference(models, ours, best, field):
    """By how much ours is behind, its standard error, and how to write both."""
    mine, theirs = values(models[ours], field), values(models[best], field)
    gaps, text = theirs - mine, "{:.4f} ± {:.4f}"
    if field in COSTS:
        gaps, text = -gaps / theirs.mean() * 100, "{:.1f} ± {:.1f} %"
    error = np.std(gaps, ddof=1) / np.sqrt(len(gaps)) if len(gaps) > 1 else np.nan
    return gaps.mean(), error, text


def compare(models, kind, field):
    """The cells of the table, or None if ours is good enough."""
    twins = {twin: models[twin] for twin in TWINS[kind]}
    best = costs({"": twins}, field).loc[""].idxmin()
    mine, theirs = values(models[kind], field), values(models[best], field)
    value, limit, unit = theirs.mean() - mine.mean(), MARGIN, 1
    if field == "log_loss":
        value, limit, unit = mine.mean() / theirs.mean(), RATIO, theirs.mean()
    n = len(theirs)  # a single split has no standard error
    error = np.std(theirs - mine, ddof=1) / np.sqrt(n) / unit if n > 1 else 0.0
    if value - error <= limit or np.isnan(theirs).any():
        return None
    text = "" if np.isnan(value) else f"{number(value)} ± {number(error)}"
    return [kind, best, number(mine.mean()), number(theirs.mean()), text]


def verdicts(of_task):
    """Lines: which models of skgd are worse than their twins, and how many diverged."""
    failed, fits, n_compared = [], [], 0
    for task, results in of_task.items():
        for (name, models), kind in itertools.product(results.items(), TWINS):
            fits += models[kind]
            n_compared += 1
            if cells := compare(models, kind, FIELDS[task]):
                failed.append([name, *cells])
    header = ["data set", "model", "best twin", "ours", "twin's", "ratio or difference"]
    restarts = sum(fit.get("restarts", 0) for fit in fits)
    diverged = sum("error" in fit for fit in fits)
    counts = f"Fits of skgd: {len(fits)}, diverged: {diverged}, restarts: {restarts}"
    title = f"Comparisons with the scaled twins that failed: {len(failed)}"
    lines = [f"{title} of {n_compared}", "", *wrap(LIMITS.format(RATIO, MARGIN))]
    return [*lines, *(table(header, failed) if failed else []), counts, ""]


METHOD = """\
`benchmarks/quality.py` creates this page; its docstring describes the method. It fits
the plain defaults on a random part of each raw table ({:,} rows at most, {} seeds) and
tests them on a quarter of these rows. Tabular* get the table as it is. Models with
"+categories" get the categories as such. For all others, categories are one-hot
encoded, and missing numbers are replaced by medians. Only the models with "+scaler" are
scaled. A star stands for Regressor or Classifier. The best result of a row is bold. The
normalised score of a model on a data set is 1 for the best model, 0 for the worst one,
and linear between them."""
LIMITS = """\
GD* is held against the better of SGD*+scaler and the linear model of scikit-learn,
MLPGD* against the better of MLP*+scaler and that linear model. The log loss may be {}
times that of the twin, and R2 may be {} less, plus the standard error of the difference
over the splits."""
CALIBRATION = """\
The test rows are put into 15 bins of equal width by the probability of the predicted
class. The error is the mean over the rows of the distance between the mean probability
and the share of right predictions of their bin. It is never zero for few test rows."""
INTERVALS = """\
The share of test rows whose target lies in its interval, and the mean width of the
intervals in standard deviations of the targets."""


def report(sets, results, args):
    """Return the lines of the whole report."""
    method = METHOD.format(args.max_rows, args.seeds)
    lines = ["# Quality on raw tables", "", *wrap(method)]
    tasks = [task for task in FIELDS if task in sets.values()]
    of_task = {t: {n: results[n] for n in sets if sets[n] == t} for t in tasks}
    for task in tasks:
        lines += [f"## {task.capitalize()}: {LABELS[FIELDS[task]]}", ""]
        lines += summary(of_task[task], FIELDS[task])
    lines += ["## Where skgd loses", ""]
    for ours in RIVALS:
        lines += rivals(of_task, ours)
    lines += ["### GD* and MLPGD* and their twins", "", *verdicts(of_task)]
    if "classification" in tasks:
        lines += ["## Calibration error (not judged)", "", *wrap(CALIBRATION)]
        lines += summary(of_task["classification"], "calibration_error")
    if "regression" in tasks:
        lines += ["## Intervals of TabularRegressor", "", *wrap(INTERVALS)]
        lines += intervals(of_task["regression"])
    if "classification" in tasks:
        lines += ["## Accuracy (not judged)", ""]
        lines += summary(of_task["classification"], "score")
    return [*lines, "## CPU seconds of fit", "", *fit_times(results)]
