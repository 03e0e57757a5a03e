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
RIVALS = ["MLPGD*", "MLP*+scaler", "HistGradientBoosting*+categories", EXACT]
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
    """The less, the better; infinite if a fit diverged."""
    sign = 1 if field in COSTS else -1
    frame = frame_of(results, lambda records: sign * values(records, field).mean())
    return frame.fillna(np.inf)


def number(x):
    """Four decimals, or a power of ten."""
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
    return scores.where(np.isfinite(frame), 0.0)


def summary(results, field):
    """Lines: the mean of each model on each set, its mean rank and mean score."""
    frame, body = costs(results, field), []
    for name, row in frame.iterrows():
        rows, columns = results[name][frame.columns[0]][0]["shape"]
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
    frame = frame_of(results, lambda records: np.mean([r["seconds"] for r in records]))
    frame.loc["geometric mean"] = np.exp(np.log(frame).mean())
    body = [[name, *(f"{x:.3f}" for x in row)] for name, row in frame.iterrows()]
    return table(["data set", *frame.columns], body)


# ---------------------------------------------------------------- verdicts
def wrap(text):
    """Lines of a paragraph, or of an item of a list."""
    indent = "  " if text.startswith("- ") else ""
    options = dict(subsequent_indent=indent, break_on_hyphens=False)
    return [*textwrap.wrap(text, 88, **options), ""]


def rivals(of_task):
    """Lines: mean ranks among the rivals, and where our network is behind."""
    ranks, lines = [], []
    for task, results in of_task.items():
        frame = costs(results, FIELDS[task])[RIVALS]
        ranks.append(frame.rank(axis=1))
        behind, form = frame["MLPGD*"] - frame.min(axis=1), "{:.4f}"
        if task == "classification":
            behind, form = behind / frame.min(axis=1) * 100, "{:.1f} %"
        behind = behind[behind > 0].sort_values(ascending=False)
        best = frame.idxmin(axis=1)
        texts = [f"{s} {form.format(x)} ({best[s]})" for s, x in behind.items()]
        worst = f" (worst regret {form.format(behind.iloc[0])})" if texts else ""
        title = f"- {LABELS[FIELDS[task]]}, {len(texts)} of {len(frame)} data sets"
        lines += wrap(f"{title}{worst}: {', '.join(texts) or 'none'}")
    ranks = [f"{kind} {rank:.2f}" for kind, rank in pd.concat(ranks).mean().items()]
    title = "Where MLPGD* is behind the best of these four:"
    head = wrap(f"Mean rank among {', '.join(RIVALS)}: {', '.join(ranks)}")
    return [*head, title, "", *lines]


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
    lines += ["## Where skgd loses", "", *rivals(of_task), *verdicts(of_task)]
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
