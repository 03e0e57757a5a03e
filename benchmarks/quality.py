"""Quality of the default models on raw tables, in comparison with scikit-learn.

    python benchmarks/quality.py [--data DIR] [--sets NAME ...] [--seeds 3]
                                 [--max-rows 50000] [--models NAME ...]
                                 [--cache FILE.json] [--refresh NAME ...]
                                 [--jobs 2] [--out FILE.md]

The report has a table for each data set, the means over the sets and the verdicts. It
is printed as Markdown and written to `--out`; progress goes to stderr. For each seed, a
random subset of at most `--max-rows` rows is split at random into four quarters
(stratified for classes). Each quarter is the test set in turn. New quarters follow
until 2000 rows have been tested, because the log loss of 45 rows varies more than the
differences that matter here. (The splits of a table share rows, so the standard error
is smaller than the uncertainty for other rows.)

- Preparation: categories are one-hot encoded, and missing numbers are replaced by
  medians, both learned from the training set. Only the models with "+scaler" have a
  StandardScaler, which does not centre sparse matrices. The targets of a regression are
  never scaled.
- Models: all have their default parameters, except that SGDClassifier uses the log
  loss. Trees get dense arrays.
- Results: R2, or accuracy and log loss, on the test set, with the standard error over
  the splits, and the CPU seconds of `fit` with one thread. "diverged" means that `fit`
  raised an error or that a prediction is not finite.

`DIR` contains a `load.py` with ``names(task=None)`` and ``load(name) -> (X, y, info)``:
a DataFrame, an array, and a dict with 'task' ('regression' or 'classification') and
'categorical' (columns). Without `--data`, the sets that scikit-learn ships are used.
With `--cache`, the results are kept in that file, and only the models that `--refresh`
names are fitted again, for example to try other defaults of skgd.
"""

import argparse
import itertools
import json
import runpy
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import sklearn.datasets
from joblib import Parallel, delayed
from scipy import sparse
from sklearn import ensemble, linear_model, neural_network
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, log_loss, r2_score
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

import skgd

SHIPPED = dict.fromkeys(["iris", "wine", "breast_cancer", "digits"], "classification")
SHIPPED["diabetes"] = "regression"  # but not linnerud: 20 rows, three targets
MODULES = [skgd, linear_model, neural_network, ensemble]
MODELS, TWINS = {}, {}  # names of models; ours -> those it is held against
for task, suffix, exact in [
    ("regression", "Regressor", "Ridge+scaler"),
    ("classification", "Classifier", "LogisticRegression+scaler"),
]:
    twin, network = f"SGD{suffix}+scaler", f"MLP{suffix}+scaler"
    TWINS.update({f"GD{suffix}": [twin, exact], f"MLPGD{suffix}": [network]})
    kinds = ["GD{}", "SGD{}", twin, exact, "MLPGD{}", "MLP{}", network]
    MODELS[task] = [m.format(suffix) for m in [*kinds, "HistGradientBoosting{}"]]
MEASURES = {  # field of a record -> its name
    "regression": {"score": "R2"},
    "classification": {"score": "accuracy", "log_loss": "log loss"},
}
MARGIN, RATIO = 0.005, 1.02  # of the score; of the log loss
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
    rows = np.arange(len(y))
    if len(y) > max_rows:
        rows = np.random.default_rng(seed).choice(len(y), max_rows, replace=False)
    kind = RepeatedStratifiedKFold if task == "classification" else RepeatedKFold
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
def make_model(name, seed, is_sparse):
    """The estimator of that name, with its scaler if it has one."""
    name, _, scaler = name.partition("+")
    cls = next(getattr(m, name) for m in MODULES if hasattr(m, name))
    options = {"loss": "log_loss"} if name == "SGDClassifier" else {}
    steps = [StandardScaler(with_mean=not is_sparse)] if scaler else []
    return make_pipeline(*steps, cls(random_state=seed, **options))


def fit_and_score(task, model, X_train, X_test, y_train, y_test):
    """A record: score, log_loss, seconds, epochs, restarts; or error."""
    record, start = {}, time.process_time()
    try:
        model.fit(X_train, y_train)
        record["seconds"] = time.process_time() - start
        record["epochs"] = int(np.max(getattr(model[-1], "n_iter_", None) or 0))
        record["restarts"] = int(getattr(model[-1], "n_restarts_", 0))
        predict = model.predict if task == "regression" else model.predict_proba
        prediction = predict(X_test)
        if not np.isfinite(prediction).all():
            raise FloatingPointError("a prediction is not finite")
        if task == "regression":
            record["score"] = r2_score(y_test, prediction)
        else:
            record["score"] = accuracy_score(y_test, model.predict(X_test))
            record["log_loss"] = log_loss(y_test, prediction, labels=model.classes_)
    except Exception as error:  # whatever it is, it goes into the table
        record.setdefault("seconds", time.process_time() - start)
        record["error"] = f"{type(error).__name__}: {error}".splitlines()[0]
    return record


def run_seed(folder, set_name, task, seed, max_rows, models):
    """Fit the models on each split: (set, seed, name of the model -> records)."""
    X, y, info = load_table(folder, set_name)
    records = {name: [] for name in models}
    for train, test in splits(y, task, seed, max_rows):
        Xs = encode(X.iloc[train], X.iloc[test], info)
        is_sparse, n_rows = sparse.issparse(Xs[0]), len(train) + len(test)
        shape = [n_rows, Xs[0].shape[1], "sparse" if is_sparse else "dense"]
        for name in models:
            model = make_model(name, seed, is_sparse)
            if is_sparse and name.startswith("HistGradientBoosting"):
                Xs = [matrix.toarray() for matrix in Xs]  # it is the last of the models
            with (
                threadpool_limits(1),
                warnings.catch_warnings(action="ignore"),
                np.errstate(all="ignore"),
            ):
                record = fit_and_score(task, model, *Xs, y[train], y[test])
            records[name].append({**record, "shape": shape})
            outcome = record.get("error") or number(record["score"])
            seconds = f"{record['seconds']:.1f} s"
            print(set_name, seed, name, outcome, seconds, file=sys.stderr, flush=True)
    return set_name, seed, records


def run_all(args, sets):
    """(set, model) -> its records, one for each split; from the cache or fitted."""
    cache_file, cache = Path(args.cache or ""), {}
    if cache_file.is_file():
        cache = json.loads(cache_file.read_text())
    source = str(Path(args.data).resolve()) if args.data else "shipped"

    def key(name, seed, model):
        return f"{source}|{name}|{args.max_rows}|{TESTED}|{seed}|{model}"

    jobs = []
    chosen = {t: [m for m in MODELS[t] if m in args.models] for t in MODELS}
    for seed, (name, task) in itertools.product(range(args.seeds), sets.items()):
        known = [m for m in chosen[task] if key(name, seed, m) in cache]
        models = [m for m in chosen[task] if m not in known or m in args.refresh]
        if models:
            job = (args.data, name, task, seed, args.max_rows, models)
            jobs.append(delayed(run_seed)(*job))
    parallel = Parallel(n_jobs=args.jobs, return_as="generator_unordered")
    for name, seed, records in parallel(jobs):
        cache.update({key(name, seed, model): r for model, r in records.items()})
        if args.cache:
            unfinished = cache_file.with_suffix(".part")
            unfinished.write_text(json.dumps(cache, indent=0))
            unfinished.replace(cache_file)
    return {
        (name, model): [
            record
            for seed in range(args.seeds)
            for record in cache[key(name, seed, model)]
        ]
        for name, task in sets.items()
        for model in chosen[task]
    }


# ---------------------------------------------------------------- tables
def values(records, field):
    """The field over the splits, as an array; empty if a fit diverged."""
    diverged = any("error" in record for record in records)
    return np.array([] if diverged else [record[field] for record in records])


def standard_error(x):
    """Standard error of the mean; 0 for a single value."""
    return np.std(x, ddof=1) / np.sqrt(len(x)) if len(x) > 1 else 0.0


def number(x, error=None):
    """Four decimals, or a power of ten; with its standard error."""
    text = f"{x:.4f}" if abs(x) < 1000 else f"{x:.1e}"
    return text if error is None else f"{text} ± {number(error)}"


def mean_text(records, field, with_error=True):
    """The text of a cell."""
    x = values(records, field)
    if len(x):
        return number(x.mean(), standard_error(x) if with_error else None)
    return f"diverged ({sum('error' in r for r in records)} of {len(records)})"


def table(header, rows):
    """Lines of a Markdown table; the first column is text."""
    rows = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return [f"| {' | '.join(row)} |" for row in rows] + [""]


def model_table(task, models, with_error):
    """Lines: the means of each model, a dict of name -> records."""
    body = []
    for model, records in models.items():
        cells = [mean_text(records, field, with_error) for field in MEASURES[task]]
        seconds = np.mean([record["seconds"] for record in records])
        epochs = np.mean([record.get("epochs", 0) for record in records])
        body.append([model, *cells, f"{seconds:.2f}", f"{epochs:.0f}"])
    return table(["model", *MEASURES[task].values(), "fit, s", "epochs"], body)


def mean_record(records):
    """One record for a set, which counts as much as any other."""
    for record in records:
        if "error" in record:
            return record
    fields = set(records[0]) - {"shape"}
    return {field: np.mean([r[field] for r in records]) for field in fields}


def of_task(results, task):
    """Name of the model -> its records on all sets."""
    pooled = {model: [] for model in MODELS[task]}
    for (_, model), records in results.items():
        if model in pooled:
            pooled[model].append(mean_record(records))
    return {model: records for model, records in pooled.items() if records}


# ---------------------------------------------------------------- verdicts
def compare(results, name, ours, field):
    """Cells: the best twin, how far ours is from it, the limit, the verdict."""
    sign = -1 if field == "log_loss" else 1
    twins = {t: values(results.get((name, t), []), field) for t in TWINS[ours]}
    means = {t: sign * x.mean() if len(x) else -np.inf for t, x in twins.items()}
    best = max(means, key=means.get)
    mine, theirs = values(results[name, ours], field), twins[best]
    if not len(theirs) or not len(mine):
        return [best, "", "", "**FAIL**" if len(theirs) else "no twin"]
    error = standard_error(theirs - mine)
    if field == "score":
        value, limit = theirs.mean() - mine.mean(), max(MARGIN, error)
    else:
        value, limit = mine.mean() / theirs.mean(), RATIO
        error /= theirs.mean()
    verdict = "ok" if value <= limit + 1e-9 else "**FAIL**"
    best = f"{best} {number(theirs.mean())}"
    return [best, number(value, error), number(limit), verdict]


def verdicts(sets, results):
    """Lines: ours against its twins, and against boosted trees."""
    body, fits = [], []
    for (name, ours), records in results.items():
        if ours not in TWINS:
            continue
        fits += records
        for field, measure in MEASURES[sets[name]].items():
            label = measure + (", gap" if field == "score" else ", ratio")
            cells = compare(results, name, ours, field)
            body.append([name, ours, label, mean_text(records, field), *cells])
    header = ["set", "model", "measure", "ours", "best twin", "value", "limit", ""]
    lines = [
        "Each row compares a model of skgd with its twins, which are the",
        "corresponding models of scikit-learn on scaled data. For R2 and",
        "accuracy, the value is the gap: the score of the best twin minus ours.",
        "The limit is the standard error of this difference over the splits,",
        f"but at least {MARGIN}. For the log loss, the value is the ratio of ours",
        f"to that of the best twin, and the limit is {RATIO}.\n",
        *table(header, body),
        f"- {sum('FAIL' in row[-1] for row in body)} of {len(body)} comparisons failed",
        f"- fits of skgd: {len(fits)}, diverged: {sum('error' in f for f in fits)}, "
        f"restarts with a lower rate: {sum(f.get('restarts', 0) for f in fits)}, "
        f"R2 below 0: {sum(f.get('score', 0) < 0 for f in fits)}",
    ]
    for task, models in MODELS.items():
        pooled = of_task(results, task)
        pair = [m for m in (models[4], models[-1]) if m in pooled]  # networks, trees
        for field, measure in MEASURES[task].items() if pair else ():
            means = [f"{m} {mean_text(pooled[m], field, False)}" for m in pair]
            lines.append(f"- mean {measure}: {', '.join(means)}")
    return lines


METHOD = """\
`benchmarks/quality.py` creates this page, and its docstring describes the
method in detail. Each table is split at random, with a quarter of the rows as
the test set. For each seed, the splits continue until at least 2000 rows have
been tested. Categories are one-hot encoded, and missing numbers are replaced by
the median of the training set. Only the models with "+scaler" are scaled. All
models have their default parameters, except that SGDClassifier uses the log
loss. The tables show the mean and the standard error over the splits, which
share rows, and the CPU time of `fit` in seconds."""


def report(sets, results):
    """The lines of the whole report."""
    lines = ["# Quality on raw tables", "", *METHOD.splitlines(), ""]
    for name in dict.fromkeys(name for name, _ in results):
        models = {model: fits for (s, model), fits in results.items() if s == name}
        rows, columns, storage = next(iter(models.values()))[0]["shape"]
        facts = f"{sets[name]}, {rows:,} rows, {columns} columns, {storage}"
        lines += [f"## {name}", "", facts, "", *model_table(sets[name], models, True)]
    for task in dict.fromkeys(sets[name] for name, _ in results):
        lines += [f"## {task}: means over the sets", ""]
        lines += model_table(task, of_task(results, task), False)
    lines += ["## Verdicts", "", *verdicts(sets, results), "", "## Diverged fits", ""]
    for (name, model), records in results.items():
        for i, record in enumerate(records):
            if "error" in record:
                lines.append(f"- {name}, split {i}, {model}: {record['error'][:160]}")
    return lines if lines[-1] else [*lines, "none"]


def main():
    """Parse the command line, fit what is missing, print the report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    models = sum(MODELS.values(), [])
    names = dict(choices=models, metavar="NAME", nargs="+")
    parser.add_argument("--data", metavar="DIR")
    parser.add_argument("--sets", nargs="+", metavar="NAME")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--max-rows", type=int, default=50_000)
    parser.add_argument("--models", default=models, **names)
    parser.add_argument("--cache", metavar="FILE.json")
    parser.add_argument("--refresh", default=[], **names)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", metavar="FILE.md")
    args = parser.parse_args()
    sets = list_sets(args.data)
    wanted = args.sets or list(sets)
    if unknown := set(wanted) - set(sets):
        parser.error(f"no such set: {', '.join(sorted(unknown))}")
    sets = {name: task for name, task in sets.items() if name in wanted}
    text = "\n".join(report(sets, run_all(args, sets))) + "\n"
    print(text)
    if args.out:
        Path(args.out).write_text(text)


if __name__ == "__main__":
    main()
