"""The linear regressions of NIST's Statistical Reference Datasets, and their solutions.

The data are public: https://www.itl.nist.gov/div898/strd/lls/lls.shtml. They are kept
as exact fractions of the decimals in which NIST publishes them, and are solved as such.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

# x and y of each sample
NORRIS = """
0.2 0.1 337.4 338.8 118.2 118.1 884.6 888.0 10.1 9.2 226.5 228.1 666.3 668.5 996.3 998.5
448.6 449.1 777.0 778.9 558.2 559.2 0.4 0.3 0.6 0.1 775.5 778.1 666.9 668.8 338.0 339.3
447.5 448.9 11.6 10.8 556.0 557.7 228.1 228.3 995.8 998.0 887.6 888.8 120.2 119.6
0.3 0.3 0.3 0.6 556.8 557.6 339.1 339.3 887.2 888.0 999.0 998.5 779.0 778.9 11.1 10.2
118.3 117.6 229.2 228.9 669.1 668.4 448.9 449.2 0.5 0.2
"""
# y for the loads 150000, 300000, ..., 3000000, twice
PONTIUS = """
.11019 .21956 .32949 .43899 .54803 .65694 .76562 .87487 .98292 1.09146 1.20001 1.30822
1.41599 1.52399 1.63194 1.73947 1.84646 1.95392 2.06128 2.16844 .11052 .22018 .32939
.43886 .54798 .65739 .76596 .87474 .98300 1.09150 1.20004 1.30818 1.41613 1.52408
1.63159 1.73965 1.84696 1.95445 2.06177 2.16829
"""
# x and y of each sample
FILIP = """
-6.860120914 .8116 -4.324130045 .9072 -4.358625055 .9052 -4.358426747 .9039
-6.955852379 .8053 -6.661145254 .8377 -6.355462942 .8667 -6.118102026 .8809
-7.115148017 .7975 -6.815308569 .8162 -6.519993057 .8515 -6.204119983 .8766
-5.853871964 .8885 -6.109523091 .8859 -5.79832982 .8959 -5.482672118 .8913
-5.171791386 .8959 -4.851705903 .8971 -4.517126416 .9021 -4.143573228 .909
-3.709075441 .9139 -3.499489089 .9199 -6.300769497 .8692 -5.953504836 .8872
-5.642065153 .89 -5.031376979 .891 -4.680685696 .8977 -4.329846955 .9035
-3.928486195 .9078 -8.56735134 .7675 -8.363211311 .7705 -8.107682739 .7713
-7.823908741 .7736 -7.522878745 .7775 -7.218819279 .7841 -6.920818754 .7971
-6.628932138 .8329 -6.323946875 .8641 -5.991399828 .8804 -8.781464495 .7668
-8.663140179 .7633 -8.473531488 .7678 -8.247337057 .7697 -7.971428747 .77
-7.676129393 .7749 -7.352812702 .7796 -7.072065318 .7897 -6.774174009 .8131
-6.478861916 .8498 -6.159517513 .8741 -6.835647144 .8061 -6.53165267 .846
-6.224098421 .8751 -5.910094889 .8856 -5.598599459 .8919 -5.290645224 .8934
-4.974284616 .894 -4.64454848 .8957 -4.290560426 .9047 -3.885055584 .9129
-3.408378962 .9209 -3.13200249 .9219 -8.726767166 .7739 -8.66695597 .7681
-8.511026475 .7665 -8.165388579 .7703 -7.886056648 .7702 -7.588043762 .7761
-7.283412422 .7809 -6.995678626 .7961 -6.691862621 .8253 -6.392544977 .8602
-6.067374056 .8809 -6.684029655 .8301 -6.378719832 .8664 -6.065855188 .8834
-5.752272167 .8898 -5.132414673 .8964 -4.811352704 .8963 -4.098269308 .9074
-3.66174277 .9119 -3.2644011 .9228
"""
# price index, gross national product, unemployment, armed forces, population, year, and
# employment, which is the target
LONGLEY = """
83.0 234289 2356 1590 107608 1947 60323 88.5 259426 2325 1456 108632 1948 61122
88.2 258054 3682 1616 109773 1949 60171 89.5 284599 3351 1650 110929 1950 61187
96.2 328975 2099 3099 112075 1951 63221 98.1 346999 1932 3594 113270 1952 63639
99.0 365385 1870 3547 115094 1953 64989 100.0 363112 3578 3350 116219 1954 63761
101.2 397469 2904 3048 117388 1955 66019 104.6 419180 2822 2857 118734 1956 67857
108.4 442769 2936 2798 120445 1957 68169 110.8 444546 4681 2637 121950 1958 66513
112.6 482704 3813 2552 123366 1959 68655 114.2 502601 3931 2514 125368 1960 69564
115.7 518173 4806 2572 127852 1961 69331 116.9 554894 4007 2827 130081 1962 70551
"""
# what Wampler3 adds to the polynomial; multiples of it are in Wampler4 and Wampler5
NOISE = "759 -2048 2048 -2048 2523 -2048 2048 -2048 1838 -2048 2048"
# the certified coefficients, the intercept first; NIST prints 15 digits
CERTIFIED = {
    "Norris": "-0.262323073774029 1.00211681802045",
    "Pontius": "0.673565789473684E-03 0.732059160401003E-06 -0.316081871345029E-14",
    "NoInt1": "2.07438016528926",
    "NoInt2": "0.727272727272727",
    "Filip": (
        "-1467.48961422980 -2772.17959193342 -2316.37108160893 -1127.97394098372 "
        "-354.478233703349 -75.1242017393757 -10.8753180355343 -1.06221498588947 "
        "-0.670191154593408E-01 -0.246781078275479E-02 -0.402962525080404E-04"
    ),
    "Longley": (
        "-3482258.63459582 15.0618722713733 -0.358191792925910E-01 -2.02022980381683 "
        "-1.03322686717359 -0.511041056535807E-01 1829.15146461355"
    ),
    "Wampler1": "1 1 1 1 1 1",
    "Wampler2": "1 0.1 0.01 0.001 0.0001 0.00001",
    "Wampler3": "1 1 1 1 1 1",
    "Wampler4": "1 1 1 1 1 1",
    "Wampler5": "1 1 1 1 1 1",
}


@dataclass
class Problem:
    """A regression with exact features and targets.

    The first feature is the constant 1 if the model has an intercept.
    """

    X: list
    y: list
    has_intercept: bool

    @property
    def arrays(self):
        """The features without the constant, and the targets, in float64."""
        X = np.array(self.X, dtype=np.float64)
        return X[:, self.has_intercept :], np.array(self.y, dtype=np.float64)

    def solve(self):
        """The exact solution of the normal equations, by elimination."""
        columns = list(zip(*self.X, strict=True))
        rows = [
            [sum(a * b for a, b in zip(one, other, strict=True)) for other in columns]
            + [sum(a * b for a, b in zip(one, self.y, strict=True))]
            for one in columns
        ]
        for k, pivot in enumerate(rows):
            pivot[:] = [value / pivot[k] for value in pivot]
            for row in rows:
                if row is not pivot:
                    factor = row[k]
                    row[:] = [a - factor * b for a, b in zip(row, pivot, strict=True)]
        return [row[-1] for row in rows]


def _numbers(text, width=1):
    values = [Fraction(word) for word in text.split()]
    return list(zip(*[iter(values)] * width, strict=True))


def _polynomial(x, y, degree):
    return Problem([[a**k for k in range(degree + 1)] for a in x], list(y), True)


def _wampler(base, noise):
    x = [Fraction(k) for k in range(21)]
    half = [value for (value,) in _numbers(NOISE)]
    added = half + half[-2::-1]
    y = [
        sum((base * a) ** k for k in range(6)) + noise * extra
        for a, extra in zip(x, added, strict=True)
    ]
    return _polynomial(x, y, 5)


def _problems():
    x, y = zip(*_numbers(NORRIS, 2), strict=True)
    yield "Norris", _polynomial(x, y, 1)
    loads = [Fraction(150_000 * (1 + k % 20)) for k in range(40)]
    yield "Pontius", _polynomial(loads, [value for (value,) in _numbers(PONTIUS)], 2)
    ramp = [Fraction(k) for k in range(60, 71)]
    yield "NoInt1", Problem([[k] for k in ramp], [k + 70 for k in ramp], False)
    few = [[Fraction(k)] for k in (4, 5, 6)]
    yield "NoInt2", Problem(few, [Fraction(k) for k in (3, 4, 4)], False)
    x, y = zip(*_numbers(FILIP, 2), strict=True)
    yield "Filip", _polynomial(x, y, 10)
    rows = _numbers(LONGLEY, 7)
    X = [[Fraction(1), *row[:-1]] for row in rows]
    yield "Longley", Problem(X, [row[-1] for row in rows], True)
    yield "Wampler1", _wampler(Fraction(1), 0)
    yield "Wampler2", _wampler(Fraction(1, 10), 0)
    for k, noise in enumerate((1, 100, 10_000)):
        yield f"Wampler{3 + k}", _wampler(Fraction(1), noise)


PROBLEMS = dict(_problems())


def digits(found, exact):
    """The number of correct digits of the worst coefficient: the log relative error."""
    errors = [
        abs((Fraction(float(value)) - right) / right)
        for value, right in zip(found, exact, strict=True)
    ]
    worst = float(max(errors))
    return 16.0 if worst == 0 else float(np.clip(-np.log10(worst), 0, 16))


def digits_of(model, problem):
    """The digits of a linear model of scikit-learn, fitted to a problem."""
    model.set_params(fit_intercept=problem.has_intercept).fit(*problem.arrays)
    start = np.atleast_1d(model.intercept_)[: int(problem.has_intercept)]
    return digits([*start, *model.coef_], problem.solve())
