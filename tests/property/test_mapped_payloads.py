"""Any bytes on a mapped topic give readings or Rejects, never an exception, and every reading has one fate."""

import json
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from network.link import Delivery
from network.mapped import Mappings
from network.mapping import MappedTopic, overlap
from network.mapping_files import load_topics
from network.receive import receive, unstamped_again
from perception.kinds import load_kinds
from perception.roster import Member, Roster

KINDS = load_kinds()
NOW = 1_767_225_600_000_000
FILES = sorted((Path(__file__).parents[1] / "cases" / "mappings").glob("*/mapping.toml"))
MAPPINGS = Mappings(load_topics(FILES, KINDS))
NAMES = ("gw-hx1-1", "uv-3", "north-hx-1", "north", "roof-7", "l4-nis")
ROSTER = Roster({n: Member(i, n, KINDS["heat_substation"], "s", "c", 60) for i, n in enumerate(NAMES, 1)}, KINDS)

TOPICS = [
    "fernwaerme/hx1/telemetry", "fernwaerme//telemetry", "heizung/uv-3/sensor/S3_flow", "heizung/uv-3/json/outdoor",
    "sensors/senml", "edge/north/DDATA", "edge/north/DDATA/hx/1",
]  # fmt: skip
KEYS = [
    "header", "time", "meters", "id", "t", "flow", "p", "metrics", "name", "value", "timestamp", "bn", "bt", "bv", "n",
    "v", "vb", "Time", "Temp", "valve/pos",
]  # fmt: skip
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([1_767_225_590, 1_767_225_590_000, 10**400, "hx1", "uv-3", "Inputs/T1", "supply", "roof-7", "on"])
    | st.text(max_size=8)
)
bodies = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=20,
)
payloads = (
    st.binary(max_size=80)
    | bodies.map(lambda body: json.dumps(body).encode())
    | st.lists(st.dictionaries(st.sampled_from(KEYS), leaves, max_size=5), max_size=4).map(
        lambda several: json.dumps({"metrics": several, "meters": several, "timestamp": NOW // 1000,
                                    "header": {"time": NOW // 1_000_000}}).encode()
    )
)  # fmt: skip
deliveries = st.builds(
    Delivery,
    topic=st.sampled_from(TOPICS) | st.text(max_size=20),
    payload=payloads,
    received_at=st.just(NOW),
    redelivered=st.booleans(),
    retained=st.booleans(),
)


@settings(deadline=None)
@given(st.lists(deliveries, max_size=5))
def test_any_bytes_give_readings_or_rejects(several):
    batch = receive(several, ROSTER, NOW, MAPPINGS)
    for readings in batch.readings.values():
        assert np.isfinite(readings.values[~np.isnan(readings.values)]).all()
        assert unstamped_again(readings, several).shape == (len(readings),)
    for origin, delivery in enumerate(several):
        rejects = [r for r in batch.rejects if r.origin == origin]
        assert len(rejects) <= 1
        assert all((r.topic, r.payload) == (delivery.topic, delivery.payload) for r in rejects)
    whole = sum(not r.partial for r in batch.rejects)
    assert sum(batch.rejected.values()) >= whole
    assert bool(sum(batch.rejected.values())) == bool(whole)


levels = st.sampled_from(["a", "b", "+"])
filters = st.lists(levels, min_size=1, max_size=4).map("/".join) | st.lists(levels, max_size=3).map(
    lambda several: "/".join([*several, "#"])
)
topics = st.lists(st.sampled_from(["a", "b", ""]), min_size=1, max_size=5).map("/".join)


@settings(deadline=None)
@given(filters, filters, topics)
def test_filters_that_match_one_topic_are_said_to_overlap(one, other, topic):
    def matches(topic_filter):
        return Mappings([MappedTopic.model_construct(filter=topic_filter, device="x-1", points=())]).match(topic)

    if matches(one) and matches(other):
        assert overlap(one, other)
    assert overlap(one, other) == overlap(other, one)
