"""Strangers: what is kept of names that may not report, and that the rest is counted to the last one."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from perception.catalogue import DeviceStatus
from perception.kinds import load_kinds
from perception.readings import Reason, Reject
from perception.roster import Member, Roster
from support.strangers import OF_ONE, Allowance, Strangers

KINDS = load_kinds()
KIND = KINDS["weather_station"]
ROSTER = Roster(
    {
        "roof-1": Member(1, "roof-1", KIND, "roof", "nis", 60),
        "roof-2": Member(2, "roof-2", KIND, "", "", 60, status=DeviceStatus.PENDING),
    },
    KINDS,
)
SECOND = 1_000_000


class Kept(Strangers):
    """Each round is kept at once."""

    def sifted(self, rejects, roster, now):
        kept = super().sifted(rejects, roster, now)
        self.settled()
        return kept


def reject(device, payload=b"?", reason=Reason.UNKNOWN_DEVICE):
    return Reject(reason, "", "t", payload, 7, device)


def test_what_a_device_of_ours_sends_is_always_kept():
    gate = Kept(Allowance(0, 0, 0, 0), Allowance(0, 0, 0, 0))
    several = [reject("roof-1", b"x" * 1000)] * 50
    assert gate.sifted(several, ROSTER, 0) == several


def test_a_name_may_begin_with_much_and_go_on_at_its_rate():
    gate = Kept(Allowance(10, 2, 1e9, 1e9))
    [*kept, rest] = gate.sifted([reject("roof-2")] * 15, ROSTER, 0)
    assert len(kept) == 10
    assert all(r.stranger for r in kept)
    assert (rest.device, rest.more, rest.payload) == ("roof-2", 5, b"")
    later = gate.sifted([reject("roof-2")] * 15, ROSTER, 3 * SECOND)
    assert (len(later), later[-1].more) == (7, 9)


def test_what_could_not_be_committed_uses_up_nothing():
    gate = Strangers(Allowance(10, 0, 1e9, 0))
    for _ in range(3):
        assert len(gate.sifted([reject("who")] * 10, ROSTER, 0)) == 10
    gate.settled()
    assert [r.more for r in gate.sifted([reject("who")] * 10, ROSTER, 0)] == [10]


def test_bytes_are_bounded_too():
    gate = Kept(Allowance(1000, 0, 2500, 0))
    kept = gate.sifted([reject("who", b"x" * 1000)] * 5, ROSTER, 0)
    assert [r.more for r in kept] == [0, 0, 3]


def test_many_names_share_what_there_is_and_are_counted_as_one():
    gate = Kept(OF_ONE, Allowance(20, 0, 1e9, 0))
    kept = gate.sifted([reject(f"made-up-{n}") for n in range(5000)], ROSTER, 0)
    assert len(kept) == 21
    assert (kept[-1].device, kept[-1].more) == ("", 4980)


names = st.sampled_from(["roof-1", "roof-2", "a", "b", None])
reasons = st.sampled_from([Reason.UNKNOWN_DEVICE, Reason.BAD_TOPIC])
batches = st.lists(st.tuples(st.lists(st.builds(reject, names, st.binary(max_size=40), reasons)), st.integers(0, 5)))


@given(batches)
def test_every_reject_is_kept_or_counted(several):
    gate, now = Kept(Allowance(3, 1, 60, 10), Allowance(8, 1, 200, 10)), 0
    came, seen = Counter(), Counter()
    for rejects, pause in several:
        now += pause * SECOND
        came.update(r.reason for r in rejects)
        for r in gate.sifted(rejects, ROSTER, now):
            seen[r.reason] += r.more or 1
    assert came == seen
