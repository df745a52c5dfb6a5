"""A check that cannot fail proves nothing: an ingest that loses one message must turn it red, wherever it loses it."""

import pytest
from conservation import NotConservedError


@pytest.mark.parametrize(
    ("how", "says"),
    [("swallow", "1 acknowledged messages are lost"), ("drop-row", "stored, the table")],
)
def test_an_ingest_that_loses_one_message_is_found_out(stage, how, says):
    stage.replace_ingest(f"bent_ingest.py {how}")
    try:
        fleet = stage.fleet(2, 0, 0, rubbish_every=0, period_s=0.01).start()
        fleet.await_acknowledged(100)
        with pytest.raises(NotConservedError, match="1 acknowledged messages are lost") as caught:
            stage.conserved(fleet, within_s=1)
        assert says in str(caught.value)
    finally:
        stage.replace_ingest()


def test_the_same_ingest_unbent_passes(stage):
    fleet = stage.fleet(2, 0, 0, rubbish_every=0, period_s=0.01).start()
    fleet.await_acknowledged(100)
    account = stage.conserved(fleet)
    assert (account.lost, account.doubled) == ([], [])
