"""Many cases of the generated tests, with other seeds each time.

Run it as `python -m pytest -m campaign`. The environment variable
SKGD_CAMPAIGN_EXAMPLES is the number of cases of each test.
"""

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
