"""Receive under any input: both decoding paths agree, nothing raises, every reading has one fate."""

import json

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from network import plain
from network.link import Delivery
from network.plain import Lanes
from network.receive import receive
from perception import payload as codec
from perception.corrections import Correction
from perception.kinds import load_kinds
from perception.roster import Member, Roster
from perception.validate import Sheet

KINDS = load_kinds()
KIND = KINDS["weather_station"]
NOW = 1_767_225_600_000_000
MS = NOW // 1000
ROSTER = Roster(
    {
        "roof-1": Member(1, "roof-1", KIND, "roof", "nis", 60),
        "roof-2": Member(
            2, "roof-2", KIND, "roof", "nis", 60, corrections=(Correction(KIND.names[0], alias="a", scale=2),)
        ),
    },
    KINDS,
)

names = st.sampled_from([*KIND.names, "a", "odd"])
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70)
values = st.dictionaries(names, numbers, max_size=6) | st.dictionaries(
    names, numbers | st.none() | st.booleans() | st.text(max_size=3) | st.just(10**400), max_size=6
)
times = st.integers(MS - 10**10, MS + 10**6) | st.integers(-(2**60), 2**60)
stamped = st.fixed_dictionaries({"ts": times, "values": values}, optional={"seq": st.integers(-1, 2**64)})
bodies = stamped | st.lists(stamped | values, max_size=5) | values
deliveries = st.builds(
    Delivery,
    topic=st.sampled_from(["roof-1", "roof-2", "nobody"]).map("hearthline/v1/{}/readings".format),
    payload=bodies.map(lambda body: json.dumps(body).encode()) | st.binary(max_size=30),
    received_at=st.just(NOW),
    redelivered=st.booleans(),
    retained=st.booleans(),
)
anything = st.builds(
    Delivery,
    topic=st.text()
    | st.sampled_from(["readings", "backfill", "birth", "state", "reply"]).map("hearthline/v1/roof-1/{}".format),
    payload=st.binary() | bodies.map(lambda body: json.dumps(body).encode()),
    received_at=st.just(NOW),
)


def written(sheet):
    """The columns of a sheet, comparable."""
    r = sheet.readings()
    columns = (r.device_id, r.ts, r.received_at, r.values, r.quality, r.origin)
    return [np.nan_to_num(column, nan=1e-300).tolist() for column in columns]


@given(st.lists(st.tuples(st.sampled_from(["roof-1", "roof-2"]), stamped), max_size=6))
@example([("roof-1", {"ts": MS, "values": {KIND.names[0]: 1, "odd": 2}})])
@example([("roof-2", {"ts": MS, "values": {"a": 1}})])
def test_the_quick_path_and_the_tolerant_path_agree(several):
    quick, tolerant = Sheet(KIND, NOW), Sheet(KIND, NOW)
    for origin, (device, body) in enumerate(several):
        payload = json.dumps(body).encode()
        plain = codec.decode_plain(payload)
        if plain is None:
            continue
        member, (slow,) = ROSTER.members[device], codec.decode(payload)
        ts, values = plain[0].ts * 1000, plain[0].values
        refusal = None
        if not quick.add_plain(member, ts, values, NOW, origin):
            refusal = quick.add(member, codec.RawReading(ts, values), NOW, origin)
        assert refusal == tolerant.add(member, slow, NOW, origin)
    assert written(quick) == written(tolerant)


SHAPES = [KIND.names[:1], KIND.names[:2], KIND.names[1:4]]
usual = st.sampled_from(SHAPES).flatmap(lambda names: st.fixed_dictionaries(dict.fromkeys(names, numbers)))
usually = st.fixed_dictionaries(
    {"ts": st.integers(MS - 10**10, MS + 10**6) | times, "values": usual | values},
    optional={"seq": st.integers(-1, 2**64) | st.none()},
)
births = st.sampled_from(
    [{"kind": KIND.name, "boot": boot, "first_seq": first} for boot in (1, 2) for first in (None, 1, 5)]
)
mixture = st.one_of(
    st.builds(
        Delivery,
        topic=st.sampled_from(["roof-1", "roof-3", "roof-2"]).map("hearthline/v1/{}/readings".format),
        payload=(usually | st.lists(usually, max_size=4) | bodies).map(lambda body: json.dumps(body).encode()),
        received_at=st.just(NOW),
        retained=st.booleans(),
    ),
    st.builds(
        Delivery,
        topic=st.just("hearthline/v1/roof-1/birth"),
        payload=births.map(lambda body: json.dumps(body).encode()),
        received_at=st.just(NOW),
    ),
)


def with_lanes(*, learned: bool) -> Lanes:
    """Lanes of which each device's is of one of the shapes, or of none, and stays so."""
    roster = Roster({**ROSTER.members, "roof-3": Member(3, "roof-3", KIND, "roof", "nis", 60)}, KINDS)
    lanes = Lanes(roster)
    for place, device in enumerate(("roof-1", "roof-3")):
        for _ in range(plain._OFTEN if learned else 0):
            lanes.learn(f"hearthline/v1/{device}/readings", SHAPES[place])
        assert (lanes[f"hearthline/v1/{device}/readings"].shape is not None) == learned
    return lanes


def told_of(batch):
    """Everything that a batch says, comparable."""
    columns = {
        kind: [
            np.nan_to_num(c, nan=1e-300).tolist()
            for c in (r.device_id, r.ts, r.received_at, r.values, r.quality, r.origin, r.place)
        ]
        for kind, r in batch.readings.items()
    }
    numbered = {device: list(told) for device, told in batch.numbers.items()}
    return columns, list(batch.rejects), dict(batch.rejected), numbered, list(batch.births)


@given(st.lists(mixture, max_size=8))
@example([Delivery("hearthline/v1/roof-1/readings", b'{"ts":%d,"values":{"%s":1}}' % (MS, SHAPES[0][0].encode()), NOW)])
@example([Delivery("hearthline/v1/roof-1/readings", b'{"ts":1,"values":{"%s":1}}' % SHAPES[0][0].encode(), NOW)])
def test_the_short_way_and_the_tolerant_way_agree(several):
    said = []
    for learned in (True, False):
        lanes = with_lanes(learned=learned)
        plain._latest[0] = lanes
        said.append(told_of(receive(several, lanes.roster, NOW)))
    assert said[0] == said[1]


def test_points_that_come_often_get_a_shape_and_rubbish_none():
    lanes = with_lanes(learned=False)
    plain._latest[0] = lanes
    topic, names = "hearthline/v1/roof-3/readings", sorted(KIND.names[2:5])
    sent = Delivery(topic, json.dumps({"ts": MS, "values": dict.fromkeys(names, 1)}).encode(), NOW)
    batch = receive([sent] * (plain._OFTEN + 1), lanes.roster, NOW)
    assert lanes[topic].shape.names == tuple(names)
    assert len(batch.readings[KIND.name]) == plain._OFTEN + 1
    for other in ("hearthline/v1/nobody/readings", "hearthline/v1/roof-3/birth", "plant/7"):
        lanes.learn(other, names)
        assert other not in lanes


@given(st.lists(anything, max_size=6))
def test_nothing_raises_and_every_reading_has_one_fate(several):
    batch = receive(several, ROSTER, NOW)
    for origin, delivery in enumerate(several):
        rows = sum(int((r.origin == origin).sum()) for r in batch.readings.values())
        rejects = [r for r in batch.rejects if r.origin == origin]
        assert all(r.topic == delivery.topic and r.payload in delivery.payload for r in rejects)
        if delivery.topic.endswith("roof-1/readings"):
            claimed = codec.parse(delivery.payload) if readable(delivery.payload) else None
            count = max(1, len(claimed)) if isinstance(claimed, list) else 1
            assert rows + sum(not r.partial for r in rejects) == count


def readable(payload: bytes) -> bool:
    try:
        codec.parse(payload)
    except codec.PayloadError:
        return False
    return True


@given(st.lists(deliveries, max_size=8), st.integers(0, 8))
def test_any_split_of_the_deliveries_says_the_same(several, at):
    whole = receive(several, ROSTER, NOW)
    first, second = receive(several[:at], ROSTER, NOW), receive(several[at:], ROSTER, NOW)
    assert [r.reason for r in whole.rejects] == [r.reason for r in (*first.rejects, *second.rejects)]
    assert sum(map(len, whole.readings.values())) == sum(
        len(r) for part in (first, second) for r in part.readings.values()
    )
