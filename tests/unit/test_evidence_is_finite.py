"""What is written of an alarm is finite: a table of JSON takes no infinity, and a refused row would end the watch."""

import json

import numpy as np

from application.judging import picked
from application.slow.lesson import Known, Learned


def test_evidence_that_is_not_finite_is_unknown():
    column = np.array([[np.inf], [-np.inf], [np.nan], [1.25]])
    told = [picked({"value": column}, row, 0)["value"] for row in range(4)]
    assert told == [None, None, None, 1.25]
    json.dumps(told, allow_nan=False)


def test_nothing_infinite_is_learned():
    value = np.array([np.inf, -np.inf, np.nan, 3.0])
    after, new = Known.nothing(4).taught(Learned(value, value, value, np.full(4, 9)), np.zeros(4, bool), rises=False)
    assert new.tolist() == [False, False, False, True]
    assert np.isnan(after.value[:3]).all()
