"""What SECURITY.md promises: no text is evaluated, and only memory is touched."""

import ast
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
import skops.io
from numpy.testing import assert_array_equal

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor

ROOT = Path(__file__).parents[1]
FILES = sorted(path for path in (ROOT / "skgd").rglob("*.py*") if path.is_file())
SOURCES = [path for path in FILES if path.suffix in (".py", ".pyx")]
# modules that reach the network, other programs, temporary files or pickles
REFUSED = {
    *("asyncio", "ftplib", "http", "multiprocessing", "requests", "smtplib", "socket"),
    *("ssl", "subprocess", "telnetlib", "urllib", "urllib3", "xmlrpc"),
    *("tempfile", "shutil", "marshal", "pickle", "shelve", "joblib.numpy_pickle"),
}
CALLS = re.compile(
    r"(?<![\w.])(eval|exec|compile|open|__import__)\(|\bbuiltins\b"
    r"|\bos\.(system|popen|exec\w*|spawn\w*|posix_spawn\w*|startfile)\("
    r"|\b(mktemp|mkstemp|memmap|tofile|fromfile|write_text|write_bytes)\("
    r"|\b(pd|pandas|df|frame|X|data)\.(eval|query)\("
    r"|\bnp\.(load|save|savez|savetxt|genfromtxt)\("
)


def imported(text):
    """The modules that Python or Cython source imports."""
    pattern = r"^\s*(?:from\s+([\w.]+)\s+c?import|c?import\s+([\w., ]+))"
    for names in re.findall(pattern, text, re.MULTILINE):
        for name in re.split(r"[, ]+", "".join(names)):
            yield from (name, name.split(".")[0])


# what must not be overlooked, and what is harmless
@pytest.mark.parametrize(
    ("text", "is_refused"),
    [
        ("eval(text)", True),
        ("x = exec(code)", True),
        ("builtins.eval(text)", True),
        ("os.system(command)", True),
        ("os.popen(command)", True),
        ("os.execv(path, arguments)", True),
        ("tempfile.mktemp()", True),
        ("pd.eval(text)", True),
        ("np.load(path, allow_pickle=True)", True),
        ("path.write_text(text)", True),
        ("re.compile(pattern)", False),
        ("self.evaluate(x)", False),
        ("os.register_at_fork(before=f)", False),
    ],
)
def test_calls_that_are_refused(text, is_refused):
    assert bool(CALLS.search(text)) == is_refused


@pytest.mark.parametrize(
    "text",
    [
        "import socket",
        "from urllib import request",
        "import numpy, ssl",
        "import pickle",
    ],
)
def test_imports_that_are_refused(text):
    assert REFUSED.intersection(imported(text))


# programs may make files, in folders that nobody can foresee, but reach no network
NETWORK = {
    *("ftplib", "http", "requests", "smtplib", "socket", "ssl", "telnetlib", "urllib"),
    *("urllib3", "xmlrpc", "httpx", "aiohttp"),
}
PROGRAMS = sorted(
    path
    for folder in ("benchmarks", "examples", "docs")
    for path in (ROOT / folder).glob("*.py")
)


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_programs_download_nothing(path):
    text = path.read_text("utf-8")
    assert not NETWORK.intersection(imported(text))
    assert not re.search(r"\b(fetch_\w+|urlopen|urlretrieve|mktemp)\(|/tmp\b", text)
    assert not re.search(r"read_(csv|html|json)\(\s*f?.https?:", text)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_sources_evaluate_and_reach_nothing(path):
    text = path.read_text("utf-8")
    assert not REFUSED.intersection(imported(text))
    if path.suffix == ".py":  # without docstrings and comments
        called = [node for node in ast.walk(ast.parse(text)) if type(node) is ast.Call]
        text = "\n".join(ast.unparse(node.func) + "(" for node in called)
    assert not [found.group() for found in CALLS.finditer(text)]


# Python reports what a program does to these hooks (PEP 578).
WATCHED = dedent("""
    import sys
    import numpy as np
    from skgd import (GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor,
                      TabularRegressor)
    from skgd.preprocessing import TableEncoder

    X = np.random.RandomState(0).standard_normal((60, 3))
    y = X.sum(axis=1)

    def work():
        for model in (GDRegressor(), MLPGDRegressor(4, max_iter=3, tol=None)):
            model.fit(X, y).predict(X)
        for model in (GDClassifier(), MLPGDClassifier(4, max_iter=3, tol=None)):
            model.fit(X, y > 0).predict_proba(X)
        TabularRegressor(n_members=2, hidden_layer_sizes=4).fit(X, y).predict(X)

    work()  # what is imported late is imported here
    seen = []

    def hook(event, arguments):
        if event.split(".")[0] in ("socket", "subprocess", "os", "shutil", "tempfile"):
            seen.append((event, arguments))
        if event in ("exec", "compile", "pickle.find_class", "urllib.Request"):
            seen.append((event, arguments))
        if event == "open" and not str(arguments[1]).startswith("r"):
            seen.append((event, arguments))

    sys.addaudithook(hook)
    work()
    found = list(seen)
    eval("1 + 1")  # the hook sees something
    assert len(seen) > len(found)
    print(found)
    assert not found
""")


@pytest.mark.parametrize(
    "model", [GDRegressor(), GDClassifier(), MLPGDRegressor(3), MLPGDClassifier(3)]
)
def test_skops_loads_what_is_ours(model):
    X = np.random.RandomState(0).standard_normal((30, 2))
    model.set_params(max_iter=3, tol=None).fit(X, X[:, 0] > 0)
    data = skops.io.dumps(model)
    types = skops.io.get_untrusted_types(data=data)
    others = {name for name in types if not name.startswith("skgd.")}
    assert others <= {"collections.deque"}
    loaded = skops.io.loads(data, trusted=types)
    assert_array_equal(loaded.predict(X), model.predict(X))
    for _ in range(2):  # training goes on from the file
        assert_array_equal(
            loaded.partial_fit(X, X[:, 1] > 0).predict(X),
            model.partial_fit(X, X[:, 1] > 0).predict(X),
        )


def test_fits_touch_only_memory():
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WATCHED], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr[-2000:]
