"""Remedies: one line for each reason, in the documents too."""

import pytest

from perception.readings import Reason
from support.remedies import remedy


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_remedy(reason):
    assert "does not know" not in remedy(reason, "st-5")
    assert "{" not in remedy(reason, "st-5", ["T_VL"])


def test_a_remedy_names_the_device_and_the_point():
    assert "rejects fix st-5 --point T_VL --as POINT" in remedy("bad_point", "st-5", ["T_VL", "T_RL"])
    assert "does not know" in remedy("a_reason_of_tomorrow", None)
