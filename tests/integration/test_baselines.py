"""What is learned of a station is kept once per quantity, with its range."""

import pytest
from sqlalchemy.exc import IntegrityError

from application.baseline import Baseline, Key, keep, learned
from support.postgres.connect import make_engine

HOUR = 3_600_000_000


@pytest.fixture
def engine(database):
    engine = make_engine(database, "test")
    yield engine
    engine.dispose()


def test_a_baseline_replaces_what_was_known_before(engine):
    key = Key("station:north-1", "time_constant_h")
    with engine.begin() as on:
        assert keep(on, [(key, Baseline(90.0, 75.0, 110.0, 12, 5 * HOUR))]) == 1
        keep(on, [(key, Baseline(95.0, None, None, 40, 9 * HOUR))])
        assert learned(on, ["time_constant_h"])[key] == Baseline(95.0, None, None, 40, 9 * HOUR)
        assert learned(on, ["ua_kw_per_k"]) == {}
        on.rollback()


def test_a_value_outside_its_range_is_refused(engine):
    with pytest.raises(IntegrityError), engine.begin() as on:
        keep(on, [(Key("station:north-1", "time_constant_h"), Baseline(70.0, 75.0, 110.0, 12, 5 * HOUR))])
