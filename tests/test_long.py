"""Many cases of the generated tests, with other seeds each time.

Run it as `python -m pytest -m campaign`. The environment variable
SKGD_CAMPAIGN_EXAMPLES is the number of cases of each test.
"""

import inspect

import campaign_cases as cases
import numpy as np
import pytest
import test_campaign
import test_properties
from hypothesis import is_hypothesis_test

CHECKS = {
    name: check
    for module in (test_campaign, test_properties)
    for name, check in vars(module).items()
    if is_hypothesis_test(check)
}


@pytest.mark.campaign
@pytest.mark.parametrize("name", CHECKS)
def test_many(name):
    CHECKS[name]()


@pytest.mark.campaign
def test_many_damaged_sparse_arrays():
    seed = np.random.randint(1, 10**6)
    test_campaign.test_damaged_sparse_arrays_do_not_crash(seed)


# ---------------------------------------------------------------- every value
X = np.random.RandomState(0).standard_normal((12, 2))


def target(name):
    return np.arange(12) % 3 if cases.is_classifier_name(name) else X @ [1.0, 2.0]


@pytest.mark.campaign
@pytest.mark.parametrize("name", cases.MODELS)
def test_every_value_of_every_parameter(name):
    for parameter in inspect.signature(cases.MODELS[name][0]).parameters:
        for value in cases.values_of(parameter):
            check = test_campaign.check_parameter
            check(name, "fit", X, target(name), parameter, value)


@pytest.mark.campaign
@pytest.mark.parametrize("name", cases.MODELS)
def test_every_value_of_every_part_of_a_rule(name):
    for parameter, rules in cases.rules_of(cases.MODELS[name][0]).items():
        for rule in rules:
            for part in inspect.signature(rule).parameters:
                for value in cases.VALUES:
                    test_campaign.check_part_of_rule(
                        name, "fit", X, target(name), parameter, (rule, part, value)
                    )


@pytest.mark.campaign
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("name", cases.MODELS)
def test_every_value_of_every_argument(name, method):
    call = getattr(cases.MODELS[name][0], method)
    for argument in {*inspect.signature(call).parameters} - {"self", "X", "y"}:
        for value in cases.VALUES:
            test_campaign.check_argument(name, method, X, target(name), argument, value)
