"""Quality of the default models on raw tables, in comparison with other libraries.

    python benchmarks/quality.py [--data DIR] [--sets NAME ...] [--seeds 2]
                                 [--max-rows 10000] [--jobs 2] [--out FILE.md]
                                 [--cache FILE.json] [--refresh MODEL ...]

The report tells how good the plain defaults are for a table that they have not seen,
and where they lose. It is printed as Markdown and written to `--out`; progress goes to
stderr.

- Splits: for each seed, a random subset of at most `--max-rows` rows is split at random
  into four quarters (stratified for classes; those with fewer than four rows are left
  out). Each quarter in turn is the test set, and new quarters follow, until 2000 rows
  have been tested. (The splits of a table share rows, so the standard error is smaller
  than the uncertainty for other rows.)
- Preparation: categories are one-hot encoded, and missing numbers are replaced by
  medians, both learned from the training set. Only the models with "+scaler" have a
  StandardScaler, which does not centre sparse matrices. Targets are never scaled.
- Models: all have their default parameters, except that SGDClassifier uses the log
  loss, and that LightGBM and CatBoost, which take part where they are installed, are
  silent and use one thread. Trees get dense arrays.
- Results: R2, or log loss and accuracy, on the test set, and the CPU seconds of `fit`
  with one thread. "diverged" means that, for one of the splits or more, `fit` raised an
  error or a prediction was not finite.

`DIR` contains a `load.py` with ``names(task=None)`` and ``load(name) -> (X, y, info)``:
a DataFrame, an array, and a dict with 'task' ('regression' or 'classification') and
'categorical' (columns). Without `--data`, the sets that scikit-learn ships are used.
With `--cache`, the results are kept in that file, and only the models that `--refresh`
names are fitted again.
"""

import argparse
import itertools
import json
import runpy
import sys
import textwrap
import time
import warnings
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn.datasets
from joblib import Parallel, delayed
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, log_loss, r2_score
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

SHIPPED = dict.fromkeys(["iris", "wine", "breast_cancer", "digits"], "classification")
SHIPPED["diabetes"] = "regression"  # but not linnerud: 20 rows, three targets
EXACT = "Ridge / LogisticRegression+scaler"
MODULES = {  # kind of model -> where its class is; the trees are the last
    "GD*": "skgd",
    "MLPGD*": "skgd",
    "Tabular*": "skgd",
    "SGD*+scaler": "sklearn.linear_model",
    EXACT: "sklearn.linear_model",
    "MLP*+scaler": "sklearn.neural_network",
    "HistGradientBoosting*": "sklearn.ensemble",
    "LGBM*": "lightgbm",
    "CatBoost*": "catboost",
}
TREES = list(MODULES)[-3:]
KINDS = [k for k, module in MODULES.items() if find_spec(module.partition(".")[0])]
TWINS = {"GD*": ["SGD*+scaler", EXACT], "MLPGD*": ["MLP*+scaler", EXACT]}
RAW = "Tabular*"  # gets the table as it is
RIVALS = ["MLPGD*", "MLP*+scaler", "HistGradientBoosting*", EXACT]
MODELS = {  # task -> kind of model -> name of the model
    task: {k: exact if k == EXACT else k.replace("*", suffix) for k in KINDS}
    for task, suffix, exact in [
        ("classification", "Classifier", "LogisticRegression+scaler"),
        ("regression", "Regressor", "Ridge+scaler"),
    ]
}
OPTIONS = {
    "SGDClassifier": {"loss": "log_loss"},
    "LGBM": {"n_jobs": 1, "verbose": -1},
    "CatBoost": {"thread_count": 1, "verbose": False, "allow_writing_files": False},
}
FIELDS = {"classification": "log_loss", "regression": "score"}  # of a record, judged
LABELS = {"log_loss": "log loss", "score": "R2"}
RATIO, MARGIN = 1.05, 0.01  # limits: of the log loss, and of R2
TESTED = 2000  # so many test rows, or more, for a seed
DENSE_WIDTH = 1000  # as many columns or more are stored sparse, if most are zeros


# ---------------------------------------------------------------- data
def load_table(folder, name):
    """(DataFrame, target, info), from the folder or from scikit-learn."""
    if folder is not None:
        return runpy.run_path(f"{folder}/load.py")["load"](name)
    options = {"scaled": False} if name == "diabetes" else {}
    bunch = getattr(sklearn.datasets, f"load_{name}")(as_frame=True, **options)
    info = {"task": SHIPPED[name], "categorical": []}
    return bunch.data, bunch.target.to_numpy(), info


def list_sets(folder):
    """Name of the set -> its task."""
    if folder is None:
        return SHIPPED
    names = runpy.run_path(f"{folder}/load.py")["names"]
    return {name: task for task in MODELS for name in names(task=task)}


def splits(y, task, seed, max_rows):
    """Pairs of the rows for training and those for the test."""
    rows, kind = np.arange(len(y)), RepeatedKFold
    if len(y) > max_rows:
        rows = np.random.default_rng(seed).choice(len(y), max_rows, replace=False)
    if task == "classification":
        kind = RepeatedStratifiedKFold
        rows = rows[np.bincount(y[rows])[y[rows]] >= 4]  # one for each quarter
    n_splits = -(-4 * TESTED // len(rows))
    quarters = kind(n_splits=4, n_repeats=-(-n_splits // 4), random_state=seed)
    for train, test in itertools.islice(quarters.split(rows, y[rows]), n_splits):
        yield rows[train], rows[test]


def encode(X_train, X_test, info):
    """Both as matrices of float64."""
    categorical = list(info["categorical"])
    numeric = [column for column in X_train.columns if column not in categorical]
    medians = SimpleImputer(strategy="median", keep_empty_features=True)
    one_hot = OneHotEncoder(min_frequency=10, handle_unknown="infrequent_if_exist")
    encoder = make_column_transformer((medians, numeric), (one_hot, categorical))
    X_train = sparse.csr_matrix(encoder.fit_transform(X_train), dtype=np.float64)
    X_test = sparse.csr_matrix(encoder.transform(X_test), dtype=np.float64)
    if X_train.shape[1] < DENSE_WIDTH or X_train.nnz > 0.1 * np.prod(X_train.shape):
        X_train, X_test = X_train.toarray(), X_test.toarray()
    return X_train, X_test


# ---------------------------------------------------------------- fitting
def make_model(kind, task, seed, is_sparse):
    """The estimator, with its scaler if it has one."""
    name, _, scaler = MODELS[task][kind].partition("+")
    cls = getattr(import_module(MODULES[kind]), name)
    options = next((o for key, o in OPTIONS.items() if name.startswith(key)), {})
    steps = [StandardScaler(with_mean=not is_sparse)] if scaler else []
    return make_pipeline(*steps, cls(random_state=seed, **options))


def fit_and_score(task, model, X_train, X_test, y_train, y_test):
    """A record: score, log_loss, seconds, restarts; or error."""
    record, start = {}, time.process_time()
    try:
        model.fit(X_train, y_train)
        record["seconds"] = time.process_time() - start
        record["restarts"] = int(getattr(model[-1], "n_restarts_", 0))
        predict = model.predict if task == "regression" else model.predict_proba
        prediction = predict(X_test)
        if not np.isfinite(prediction).all():
            raise FloatingPointError("a prediction is not finite")
        if task == "regression":
            record["score"] = r2_score(y_test, prediction)
        else:
            record["score"] = accuracy_score(y_test, np.ravel(model.predict(X_test)))
            record["log_loss"] = log_loss(y_test, prediction, labels=model.classes_)
    except Exception as error:  # whatever it is, it goes into the report
        record.setdefault("seconds", time.process_time() - start)
        record["error"] = f"{type(error).__name__}: {error}".splitlines()[0]
    return record


def run_seed(folder, set_name, task, seed, max_rows, kinds):
    """Fit the models on each split: (set, seed, kind of model -> records)."""
    X, y, info = load_table(folder, set_name)
    if task == "classification":
        y = np.unique(y, return_inverse=True)[1]
    records = {kind: [] for kind in kinds}
    for train, test in splits(y, task, seed, max_rows):
        Xs = encode(X.iloc[train], X.iloc[test], info)
        shape = [len(train) + len(test), Xs[0].shape[1]]
        raw = X.iloc[train], X.iloc[test]
        for kind in kinds:
            if kind in TREES and sparse.issparse(Xs[0]):
                Xs = [matrix.toarray() for matrix in Xs]  # only trees follow
            model = make_model(kind, task, seed, sparse.issparse(Xs[0]))
            with threadpool_limits(1), warnings.catch_warnings(action="ignore"):
                given = raw if kind == RAW else Xs
                record = fit_and_score(task, model, *given, y[train], y[test])
            records[kind].append({**record, "shape": shape})
            outcome = record.get("error") or number(record[FIELDS[task]])
            facts = f"{outcome}, {record['seconds']:.1f} s"
            print(set_name, seed, kind, facts, file=sys.stderr, flush=True)
    return set_name, seed, records


def run_all(args, sets):
    """Set -> kind of model -> records, one for each split; from the cache or fitted."""
    cache_file, cache = Path(args.cache or ""), {}
    if cache_file.is_file():
        cache = json.loads(cache_file.read_text())
    source = str(Path(args.data).resolve()) if args.data else "shipped"

    def key(name, seed, kind):
        model = MODELS[sets[name]][kind]
        return f"{source}|{name}|{args.max_rows}|{TESTED}|{seed}|{model}"

    def is_missing(name, seed, kind):
        again = MODELS[sets[name]][kind] in args.refresh
        return again or key(name, seed, kind) not in cache

    jobs = []
    for seed, (name, task) in itertools.product(range(args.seeds), sets.items()):
        if kinds := [kind for kind in KINDS if is_missing(name, seed, kind)]:
            job = (args.data, name, task, seed, args.max_rows, kinds)
            jobs.append(delayed(run_seed)(*job))
    parallel = Parallel(n_jobs=args.jobs, return_as="generator_unordered")
    for name, seed, records in parallel(jobs):
        cache.update({key(name, seed, kind): r for kind, r in records.items()})
        if args.cache:
            unfinished = cache_file.with_suffix(".part")
            unfinished.write_text(json.dumps(cache, indent=0))
            unfinished.replace(cache_file)

    def gather(name, kind):
        return [r for seed in range(args.seeds) for r in cache[key(name, seed, kind)]]

    return {name: {kind: gather(name, kind) for kind in KINDS} for name in sets}


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
    sign = 1 if field == "log_loss" else -1
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


def summary(results, field):
    """Lines: the mean of each model on each set, and its mean rank."""
    frame, body = costs(results, field), []
    for name, row in frame.iterrows():
        rows, columns = results[name][frame.columns[0]][0]["shape"]
        cells = [number(x if field == "log_loss" else -x) for x in row]
        if np.isfinite(row.min()):
            cells[row.argmin()] = f"**{cells[row.argmin()]}**"
        body.append([name, f"{rows:,}", str(columns), *cells])
    ranks = [f"{rank:.2f}" for rank in frame.rank(axis=1).mean()]
    body.append(["mean rank", "", "", *ranks])
    return table(["data set", "rows", "columns", *frame.columns], body)


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
tests them on a quarter of these rows. Categories are one-hot encoded, and missing
numbers are replaced by medians. Only the models with "+scaler" are scaled. A star
stands for Regressor or Classifier. The best result of a row is bold."""
LIMITS = """\
GD* is held against the better of SGD*+scaler and the linear model of scikit-learn,
MLPGD* against the better of MLP*+scaler and that linear model. The log loss may be {}
times that of the twin, and R2 may be {} less, plus the standard error of the difference
over the splits."""


def report(sets, results, args):
    """The lines of the whole report."""
    method = METHOD.format(args.max_rows, args.seeds)
    lines = ["# Quality on raw tables", "", *wrap(method)]
    tasks = [task for task in MODELS if task in sets.values()]
    of_task = {t: {n: results[n] for n in sets if sets[n] == t} for t in tasks}
    for task in tasks:
        lines += [f"## {task.capitalize()}: {LABELS[FIELDS[task]]}", ""]
        lines += summary(of_task[task], FIELDS[task])
    lines += ["## Where skgd loses", "", *rivals(of_task), *verdicts(of_task)]
    if "classification" in tasks:
        lines += ["## Accuracy (not judged)", ""]
        lines += summary(of_task["classification"], "score")
    return [*lines, "## CPU seconds of fit", "", *fit_times(results)]


def main():
    """Parse the command line, fit what is missing, print the report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    models = [name for names in MODELS.values() for name in names.values()]
    parser.add_argument("--data", metavar="DIR")
    parser.add_argument("--sets", nargs="+", metavar="NAME")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--max-rows", type=int, default=10_000)
    parser.add_argument("--cache", metavar="FILE.json")
    parser.add_argument("--refresh", nargs="+", default=[], choices=models)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", metavar="FILE.md")
    args = parser.parse_args()
    sets = list_sets(args.data)
    wanted = args.sets or list(sets)
    if unknown := set(wanted) - set(sets):
        parser.error(f"no such set: {', '.join(sorted(unknown))}")
    sets = {name: task for name, task in sets.items() if name in wanted}
    text = "\n".join(report(sets, run_all(args, sets), args))
    print(text)
    if args.out:
        Path(args.out).write_text(text)


if __name__ == "__main__":
    main()
