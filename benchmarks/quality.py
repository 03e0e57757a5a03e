"""Quality of the default models on raw tables, next to scikit-learn.

    python benchmarks/quality.py [--data DIR] [--sets NAME ...] [--seeds 3]
                                 [--max-rows 50000] [--models NAME ...]
                                 [--cache FILE.json] [--refresh NAME ...]
                                 [--jobs 2] [--out FILE.md]

A table for each data set, then means over the sets and verdicts, as Markdown on stdout
and in `--out`; progress goes to stderr. Every seed is another random split (a quarter
for the test, stratified for classes) of a random subset of at most `--max-rows` rows.

- Preparation, learnt on the training part: one-hot encoding, medians for missing
  numbers. No scaling, but for the models with "+scaler" (StandardScaler; without the
  means where the matrix is sparse). Targets of a regression are never scaled.
- Models: skgd with its defaults; scikit-learn with its defaults, but for the log loss of
  SGDClassifier. HistGradientBoosting* gets dense arrays.
- Figures: R2, or accuracy and log loss, on the test part; CPU seconds of `fit` with one
  thread. "diverged" is a `fit` that raised an error, or a prediction that is not finite.

`DIR` has a `load.py` with ``names(task=None)`` and ``load(name) -> (X, y, info)``: a
DataFrame, an array, and a dict with 'task' ('regression' or 'classification') and
'categorical' (columns). Without it, the sets that ship with scikit-learn are used, but
for Linnerud's: 20 rows and three targets are no test.

With `--cache`, results are kept there, and later runs fit again only the models that
`--refresh` names: to try other defaults of skgd, say, while all others stay.
"""

import argparse
import importlib.util
import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import sklearn.datasets
from joblib import Parallel, delayed
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    LogisticRegression,
    Ridge,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.metrics import accuracy_score, log_loss, r2_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor

SHIPPED = {
    "diabetes": "regression",
    "iris": "classification",
    "wine": "classification",
    "breast_cancer": "classification",
    "digits": "classification",
}
MODELS = {
    "regression": {
        "GDRegressor": lambda seed: GDRegressor(random_state=seed),
        "SGDRegressor": lambda seed: SGDRegressor(random_state=seed),
        "SGDRegressor+scaler": lambda seed: SGDRegressor(random_state=seed),
        "Ridge+scaler": lambda seed: Ridge(random_state=seed),
        "MLPGDRegressor": lambda seed: MLPGDRegressor(random_state=seed),
        "MLPRegressor": lambda seed: MLPRegressor(random_state=seed),
        "MLPRegressor+scaler": lambda seed: MLPRegressor(random_state=seed),
        "HistGradientBoostingRegressor": lambda seed: HistGradientBoostingRegressor(
            random_state=seed
        ),
    },
    "classification": {
        "GDClassifier": lambda seed: GDClassifier(random_state=seed),
        "SGDClassifier": lambda seed: SGDClassifier("log_loss", random_state=seed),
        "SGDClassifier+scaler": lambda seed: SGDClassifier(
            "log_loss", random_state=seed
        ),
        "LogisticRegression+scaler": lambda seed: LogisticRegression(random_state=seed),
        "MLPGDClassifier": lambda seed: MLPGDClassifier(random_state=seed),
        "MLPClassifier": lambda seed: MLPClassifier(random_state=seed),
        "MLPClassifier+scaler": lambda seed: MLPClassifier(random_state=seed),
        "HistGradientBoostingClassifier": lambda seed: HistGradientBoostingClassifier(
            random_state=seed
        ),
    },
}
# ours, and the models of scikit-learn that it is held against
TWINS = {
    "GDRegressor": ["SGDRegressor+scaler", "Ridge+scaler"],
    "MLPGDRegressor": ["MLPRegressor+scaler"],
    "GDClassifier": ["SGDClassifier+scaler", "LogisticRegression+scaler"],
    "MLPGDClassifier": ["MLPClassifier+scaler"],
}
SCORE = {"regression": "R2", "classification": "accuracy"}
MARGIN, RATIO = 0.005, 1.02  # of the score; of the log loss
DENSE_WIDTH = 1000  # as many columns or more are stored sparse, if most are zeros


# ---------------------------------------------------------------- data
def load_module(folder):
    """The module load.py of the folder."""
    spec = importlib.util.spec_from_file_location("load", Path(folder) / "load.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_table(folder, name):
    """(DataFrame, target, info), from the folder or from scikit-learn."""
    if folder is not None:
        return load_module(folder).load(name)
    options = {"scaled": False} if name == "diabetes" else {}
    bunch = getattr(sklearn.datasets, f"load_{name}")(as_frame=True, **options)
    info = {"task": SHIPPED[name], "categorical": []}
    return bunch.data, bunch.target.to_numpy(), info


def list_sets(folder):
    """Name of the set -> its task."""
    if folder is None:
        return SHIPPED
    module = load_module(folder)
    return {name: task for task in MODELS for name in module.names(task=task)}


def split_and_encode(X, y, info, seed, max_rows):
    """X_train, X_test, y_train, y_test: matrices of float64."""
    if len(y) > max_rows:
        rows = np.random.default_rng(seed).choice(len(y), max_rows, replace=False)
        X, y = X.iloc[rows], y[rows]
    stratify = y if info["task"] == "classification" else None
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.25, random_state=seed, stratify=stratify
    )
    categorical = list(info["categorical"])
    numeric = [column for column in X.columns if column not in set(categorical)]
    encoder = make_column_transformer(
        (SimpleImputer(strategy="median", keep_empty_features=True), numeric),
        (
            OneHotEncoder(min_frequency=10, handle_unknown="infrequent_if_exist"),
            categorical,
        ),
    )
    X_train = sparse.csr_matrix(encoder.fit_transform(X_train), dtype=np.float64)
    X_test = sparse.csr_matrix(encoder.transform(X_test), dtype=np.float64)
    few_zeros = X_train.nnz > 0.1 * np.prod(X_train.shape)
    if X_train.shape[1] < DENSE_WIDTH or few_zeros:
        X_train, X_test = X_train.toarray(), X_test.toarray()
    return X_train, X_test, y_train, y_test


# ---------------------------------------------------------------- fitting
def make_model(task, name, seed, is_sparse):
    """The estimator of that name, with its scaler if it has one."""
    model = MODELS[task][name](seed)
    if name.endswith("+scaler"):
        model = make_pipeline(StandardScaler(with_mean=not is_sparse), model)
    return model


def fit_and_score(task, name, seed, X_train, X_test, y_train, y_test):
    """A record: score, log_loss, seconds, epochs, restarts; or error."""
    is_sparse = sparse.issparse(X_train)
    model = make_model(task, name, seed, is_sparse)
    if is_sparse and name.startswith("HistGradientBoosting"):
        X_train, X_test = X_train.toarray(), X_test.toarray()
    record, start = {}, time.process_time()
    try:
        model.fit(X_train, y_train)
        record["seconds"] = time.process_time() - start
        last = model[-1] if name.endswith("+scaler") else model
        record["epochs"] = int(np.max(getattr(last, "n_iter_", None) or 0))
        record["restarts"] = getattr(last, "n_restarts_", 0)
        if task == "regression":
            prediction = model.predict(X_test)
        else:
            prediction = model.predict_proba(X_test)
        if not np.isfinite(prediction).all():
            raise FloatingPointError("a prediction is not finite")
        if task == "regression":
            record["score"] = r2_score(y_test, prediction)
        else:
            record["score"] = accuracy_score(y_test, model.predict(X_test))
            record["log_loss"] = log_loss(y_test, prediction, labels=last.classes_)
    except Exception as error:  # whatever it is, it goes into the table
        record.setdefault("seconds", time.process_time() - start)
        record["error"] = f"{type(error).__name__}: {error}".splitlines()[0]
    return record


def run_split(folder, set_name, task, seed, max_rows, models):
    """Fit the models on one split: (set, seed, name of the model -> record)."""
    X, y, info = load_table(folder, set_name)
    parts = split_and_encode(X, y, info, seed, max_rows)
    rows, columns = len(parts[2]) + len(parts[3]), parts[0].shape[1]
    shape = [rows, columns, "sparse" if sparse.issparse(parts[0]) else "dense"]
    records = {}
    for name in models:
        with threadpool_limits(1), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            record = fit_and_score(task, name, seed, *parts)
        records[name] = {**record, "shape": shape}
        outcome = record.get("error") or f"{record['score']:.4f}"
        line = f"{set_name} {seed} {name}: {outcome}, {record['seconds']:.1f} s"
        print(line, file=sys.stderr, flush=True)
    return set_name, seed, records


def run_all(arguments, sets):
    """(set, model) -> its records, one for each seed; from the cache or fitted."""
    cache_file = Path(arguments.cache) if arguments.cache else None
    cache = {}
    if cache_file and cache_file.exists():
        cache = json.loads(cache_file.read_text())
    source = str(Path(arguments.data).resolve()) if arguments.data else "shipped"

    def key(name, seed, model):
        return f"{source}|{name}|{arguments.max_rows}|{seed}|{model}"

    chosen = {task: pick(MODELS[task], arguments.models) for task in MODELS}
    jobs = []
    for seed in range(arguments.seeds):
        for name, task in sets.items():
            missing = [
                model
                for model in chosen[task]
                if model in arguments.refresh or key(name, seed, model) not in cache
            ]
            if missing:
                job = (arguments.data, name, task, seed, arguments.max_rows, missing)
                jobs.append(delayed(run_split)(*job))
    parallel = Parallel(n_jobs=arguments.jobs, return_as="generator_unordered")
    for name, seed, records in parallel(jobs):
        cache.update({key(name, seed, model): r for model, r in records.items()})
        if cache_file:
            unfinished = cache_file.with_name(cache_file.name + ".part")
            unfinished.write_text(json.dumps(cache, indent=0))
            unfinished.replace(cache_file)
    return {
        (name, model): [cache[key(name, i, model)] for i in range(arguments.seeds)]
        for name, task in sets.items()
        for model in chosen[task]
    }


def pick(names, wanted):
    """Those of the names that are wanted; all without a wish."""
    return [name for name in names if not wanted or name in wanted]


# ---------------------------------------------------------------- tables
def values(records, field):
    """The field over the seeds, as an array; None if a fit diverged."""
    if any("error" in record for record in records):
        return None
    return np.array([record[field] for record in records], dtype=float)


def standard_error(x):
    """Standard error of the mean; 0 for a single value."""
    return np.std(x, ddof=1) / np.sqrt(len(x)) if len(x) > 1 else 0.0


def number(x):
    """Four decimals, or a power of ten."""
    return f"{x:.4f}" if abs(x) < 1000 else f"{x:.1e}"


def mean_and_error(records, field):
    """The text of a cell."""
    x = values(records, field)
    if x is None:
        n_errors = sum("error" in record for record in records)
        return f"diverged ({n_errors} of {len(records)})"
    return f"{number(x.mean())} ± {number(standard_error(x))}"


def table(header, rows):
    """Lines of a Markdown table; the first column is text."""
    rule = ["---"] + ["---:"] * (len(header) - 1)
    return ["| " + " | ".join(row) + " |" for row in [header, rule, *rows]] + [""]


def set_table(name, task, results):
    """Lines: the models on one set."""
    models = {m: records for (s, m), records in results.items() if s == name}
    fields = ["score"] + (["log_loss"] if task == "classification" else [])
    rows, columns, storage = next(iter(models.values()))[0]["shape"]
    lines = [f"### {name}", "", f"{task}, {rows:,} rows, {columns} columns, {storage}"]
    body = []
    for model, records in models.items():
        seconds = np.mean([record["seconds"] for record in records])
        epochs = np.mean([record.get("epochs", 0) for record in records])
        cells = [mean_and_error(records, field) for field in fields]
        body.append([model, *cells, f"{seconds:.2f}", f"{epochs:.0f}"])
    header = ["model", SCORE[task], "log loss", "fit, s", "epochs"]
    if task == "regression":
        header.remove("log loss")
    return [*lines, "", *table(header, body)]


def mean_over_sets(results, sets, model, field):
    """Mean over sets and seeds; None if a fit diverged or none was made."""
    found = [values(results[s, model], field) for s in sets if (s, model) in results]
    return None if not found or any(x is None for x in found) else np.mean(found)


def summary(task, sets, results):
    """Lines: the means over the sets of a task."""
    fields = ["score"] + (["log_loss"] if task == "classification" else [])
    body = []
    for model in MODELS[task]:
        fits = [r for s in sets for r in results.get((s, model), [])]
        if not fits:
            continue
        means = [mean_over_sets(results, sets, model, field) for field in fields]
        cells = ["diverged" if x is None else number(x) for x in means]
        n_errors = sum("error" in fit for fit in fits)
        seconds = sum(fit["seconds"] for fit in fits)
        body.append([model, *cells, f"{n_errors} of {len(fits)}", f"{seconds:.0f}"])
    means = [f"mean {SCORE[task]}", "mean log loss"][: len(fields)]
    header = ["model", *means, "diverged fits", "all fits, s"]
    return [f"### {task}, {len(sets)} sets", "", *table(header, body)]


# ---------------------------------------------------------------- verdicts
def best_twin(results, name, twins, field, sign):
    """(model, values) with the highest mean of sign * field; None without any."""
    found = [
        (t, values(results[name, t], field)) for t in twins if (name, t) in results
    ]
    found = [(t, x) for t, x in found if x is not None]
    return max(found, key=lambda pair: sign * pair[1].mean(), default=None)


def compare(results, name, ours, field):
    """Cells: the best twin, how far ours is from it, the limit, the verdict."""
    sign = -1 if field == "log_loss" else 1
    twin = best_twin(results, name, TWINS[ours], field, sign)
    x = values(results[name, ours], field)
    if twin is None:
        return ["none", "", "", ""]
    if x is None:
        return [twin[0], "diverged", "", "**FAIL**"]
    best = twin[1].mean()
    if sign > 0:
        gap, limit = best - x.mean(), max(MARGIN, standard_error(twin[1] - x))
    else:
        gap, limit = x.mean() / best, RATIO
    verdict = "ok" if gap <= limit else "**FAIL**"
    return [f"{twin[0]} {number(best)}", number(gap), number(limit), verdict]


def verdicts(sets, results):
    """Lines: ours against its twins, and against boosted trees."""
    body, failed, n_errors, n_restarts = [], 0, 0, 0
    for (name, model), records in results.items():
        if model not in TWINS:
            continue
        n_errors += sum("error" in record for record in records)
        n_restarts += sum(record.get("restarts", 0) for record in records)
        task = sets[name]
        for field in ["score", "log_loss"][: 1 + (task == "classification")]:
            label = f"{SCORE[task]}, gap" if field == "score" else "log loss, ratio"
            cells = compare(results, name, model, field)
            failed += "FAIL" in cells[-1]
            body.append([name, model, label, mean_and_error(records, field), *cells])
    header = ["set", "model", "measure", "ours", "best twin", "value", "limit", ""]
    lines = [
        "The gap is what ours is below the best of its scaled twins in scikit-learn; the "
        f"limit is {MARGIN} or the standard error of the difference over the splits, "
        f"if that is more. The ratio is log loss of ours over theirs, limit {RATIO}.",
        "",
        *table(header, body),
        f"- {failed} of {len(body)} comparisons failed",
        f"- skgd diverged in {n_errors} fits, and started again {n_restarts} times",
    ]
    pairs = [
        ("MLPGDRegressor", "HistGradientBoostingRegressor", "score", "R2"),
        ("MLPGDClassifier", "HistGradientBoostingClassifier", "score", "accuracy"),
        ("MLPGDClassifier", "HistGradientBoostingClassifier", "log_loss", "log loss"),
    ]
    for *models, field, label in pairs:
        means = [mean_over_sets(results, sets, model, field) for model in models]
        if None not in means:
            text = ", ".join(
                f"{m} {number(x)}" for m, x in zip(models, means, strict=True)
            )
            lines.append(f"- mean {label}: {text}")
    return lines


def error_list(results):
    """Lines: what the diverged fits said."""
    lines = ["", "## Diverged fits", ""]
    for (name, model), records in results.items():
        for seed, record in enumerate(records):
            if "error" in record:
                lines.append(f"- {name}, seed {seed}, {model}: {record['error'][:160]}")
    return lines if len(lines) > 3 else []


def report(sets, results):
    """The whole report."""
    lines = ["# Quality on raw tables", ""]
    for name, task in sets.items():
        if any(s == name for s, _ in results):
            lines += set_table(name, task, results)
    lines += ["## Means over the sets", ""]
    for task in MODELS:
        of_task = [name for name in sets if sets[name] == task]
        if of_task:
            lines += summary(task, of_task, results)
    return [*lines, "## Verdicts", "", *verdicts(sets, results), *error_list(results)]


def main():
    """Parse the command line, fit what is missing, print the report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [name for models in MODELS.values() for name in models]
    parser.add_argument("--data", metavar="DIR")
    parser.add_argument("--sets", nargs="+", metavar="NAME")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--max-rows", type=int, default=50_000)
    parser.add_argument("--models", nargs="+", choices=names, metavar="NAME")
    parser.add_argument("--cache", metavar="FILE.json")
    parser.add_argument(
        "--refresh", nargs="+", choices=names, metavar="NAME", default=[]
    )
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", metavar="FILE.md")
    arguments = parser.parse_args()
    sets = list_sets(arguments.data)
    unknown = set(arguments.sets or []) - set(sets)
    if unknown:
        parser.error(f"no such set: {', '.join(sorted(unknown))}")
    sets = {name: sets[name] for name in pick(sets, arguments.sets)}
    text = "\n".join(report(sets, run_all(arguments, sets))) + "\n"
    print(text)
    if arguments.out:
        Path(arguments.out).write_text(text)


if __name__ == "__main__":
    main()
