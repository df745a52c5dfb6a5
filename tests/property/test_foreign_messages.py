"""Sparkplug payloads and discovery configs, good and hostile: never a crash, always a fate, and the same one again."""

import json
import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from network.discovery.problem import DiscoveryProblem
from network.discovery.template import Place, place_of, stepped
from network.foreign import foreign_of
from network.heard import MOST_INTRODUCED
from network.link import Delivery
from network.mapped import Mappings
from network.receive import receive
from network.settings import BrokerSettings
from network.sparkplug.order import EVERY_US, Order
from network.sparkplug.payload import DataType, Payload, decode
from network.sparkplug.topics import parse
from perception.foreigner import Foreigner, Grammar, Taken
from perception.kinds import load_kinds
from perception.payload import PayloadError
from perception.readings import Reason
from perception.roster import Member, Roster

KINDS = load_kinds()
NOW = 1_800_000_000_000_000
MS = NOW // 1000
MEMBER = Member(1, "hx", KINDS["weather_station"], "s", "c", 60)
TAKEN = (Taken("T", "t_outdoor"), Taken("W", "wind_speed", unit="km/h"))
SOURCE = {
    "topic": "x/state",
    "pointer": "/a/b",
    "steps": ["float"],
    "availability": [{"topic": "x/a", "on": "up", "off": "no"}],
}
ROSTER = Roster(
    {"hx": MEMBER},
    KINDS,
    foreigners={
        ("sparkplug", "G/N/D"): Foreigner(Grammar.SPARKPLUG, "G/N/D", "hx", TAKEN),
        ("homeassistant", "dev"): Foreigner(
            Grammar.HOME_ASSISTANT, "dev", "hx", (Taken("k", "t_outdoor", source=SOURCE),)
        ),
    },
)


def host():
    return foreign_of(BrokerSettings(sparkplug=True, discovery=True), Mappings([]))


def payload(*metrics, at=MS, seq=0):
    """A payload; a metric is (name, alias, datatype, field, value), each None where it is left out."""
    told = Payload(timestamp=at) if at is not None else Payload()
    if seq is not None:
        told.seq = seq
    for name, alias, datatype, field, value in metrics:
        metric = told.metrics.add(
            **{k: v for k, v in (("name", name), ("alias", alias), ("datatype", datatype)) if v is not None}
        )
        if field:
            setattr(metric, field, value)
    return told.SerializeToString()


def delivery(topic, body, at=NOW, **more):
    return Delivery(topic, body, at, **more)


def birth(aliases=(1, 2), at=MS - 1000, seq=1):
    return delivery(
        "spBv1.0/G/DBIRTH/N/D",
        payload(
            ("T", aliases[0], DataType.FLOAT, "float_value", -5.0),
            ("W", aliases[1], DataType.INT16, "int_value", 36),
            at=at,
            seq=seq,
        ),
    )


def data(alias, field, value, at=MS, seq=2, **more):
    return delivery("spBv1.0/G/DDATA/N/D", payload((None, alias, None, field, value), at=at, seq=seq), **more)


def rows(batch):
    readings = batch.readings.get("weather_station")
    if readings is None:
        return []
    return [
        {n: v for n, v in zip(readings.kind.names, values, strict=True) if not math.isnan(v)}
        for values in readings.values.tolist()
    ]


def test_a_birth_is_a_reading_and_names_what_comes_by_alias():
    batch = receive([birth(), data(1, "float_value", -6.5), data(2, "int_value", 2**16 - 18)], ROSTER, NOW, host())
    assert rows(batch) == [
        {"t_outdoor": -5.0, "wind_speed": 10.0},
        {"t_outdoor": -6.5},
        {"wind_speed": pytest.approx(-5.0)},
    ]
    assert not batch.rejects
    assert [s.what for s in batch.signals] == ["DBIRTH", "DDATA", "DDATA"]
    assert batch.introductions[0].name == "hx"


def test_a_message_that_comes_again_is_read_by_the_birth_that_it_relied_on():
    foreign = host()
    old, new = birth((1, 2), at=MS - 5000), birth((2, 1), at=MS - 1000)
    early, late = data(1, "float_value", -7.0, at=MS - 4000), data(2, "float_value", -8.0, at=MS)
    once = receive([old, early, new, late], ROSTER, NOW, foreign)
    again = receive([early, new, late], ROSTER, NOW, foreign)  # after a reconnect: the book is ahead of what comes
    assert rows(once)[1::2] == [{"t_outdoor": -7.0}, {"t_outdoor": -8.0}]
    assert rows(again)[::2] == [{"t_outdoor": -7.0}, {"t_outdoor": -8.0}]


def test_an_alias_of_no_birth_is_kept_and_asks_for_one():
    batch = receive([data(9, "float_value", 1.0)], ROSTER, NOW, host())
    assert [(r.reason, r.device) for r in batch.rejects] == [(Reason.BAD_POINT, "hx")]
    assert "no birth" in batch.signals[0].lacks
    assert [topic for topic, _ in host().replies(batch.signals, NOW)] == ["spBv1.0/G/NCMD/N"]


def test_what_no_point_can_hold_is_refused_by_name():
    told = [
        delivery("spBv1.0/G/DDATA/N/D", payload(("T", None, datatype, field, value)))
        for datatype, field, value in (
            (16, "dataset_value", b"\x08\x01"),
            (19, "template_value", b"\x08\x01"),
            (17, "bytes_value", b"\x00"),
            (12, "string_value", "warm"),
            (1, "int_value", 300),
            (None, "int_value", 3),
        )
    ]
    for one in told:
        batch = receive([one], ROSTER, NOW, host())
        assert [r.reason for r in batch.rejects] == [Reason.BAD_POINT], one
        assert not rows(batch)


def test_times_of_one_message_become_readings_of_their_own():
    told = Payload(timestamp=MS, seq=3)
    told.metrics.add(name="T", timestamp=MS - 60_000, datatype=DataType.FLOAT, float_value=-1.0, is_historical=True)
    told.metrics.add(name="T", datatype=DataType.FLOAT, float_value=-2.0)
    told.metrics.add(name="W", datatype=DataType.FLOAT, is_null=True)
    batch = receive([delivery("spBv1.0/G/DDATA/N/D", told.SerializeToString())], ROSTER, NOW, host())
    readings = batch.readings["weather_station"]
    assert readings.ts.tolist() == [NOW - 60_000_000, NOW]
    assert rows(batch) == [{"t_outdoor": -1.0}, {"t_outdoor": -2.0}]


@pytest.mark.parametrize(("said", "believed"), [(7, True), (8, True), (6, False), (250, False)])
def test_a_death_of_an_earlier_session_is_not_believed(said, believed):
    foreign = host()
    born = delivery("spBv1.0/G/NBIRTH/N", payload(("bdSeq", None, DataType.INT64, "long_value", 7), seq=0))
    death = delivery("spBv1.0/G/NDEATH/N", payload(("bdSeq", None, DataType.INT64, "long_value", said), seq=None))
    batch = receive([born, birth(), death], ROSTER, NOW, foreign)
    assert batch.states[-1].online is not believed


@pytest.mark.parametrize(
    "topic",
    ["spBv1.0/G/NDATA", "spBv1.0/G/NDATA/N/D", "spBv1.0/G/DDATA/N", "spBv1.0/G/XDATA/N", "spBv1.0//NDATA/N",
     "spBv1.0/G/NDATA/" + "n" * 999],
)  # fmt: skip
def test_topics_of_no_shape_are_refused(topic):
    batch = receive([delivery(topic, payload())], ROSTER, NOW, host())
    assert [r.reason for r in batch.rejects] == [Reason.BAD_TOPIC]


def test_an_unapproved_node_cannot_speak_for_a_device_of_the_same_name():
    batch = receive(
        [delivery("spBv1.0/hx/NDATA/x", payload(("t_outdoor", None, 9, "float_value", 99.0)))], ROSTER, NOW, host()
    )
    impostor = receive(
        [delivery("spBv1.0/h/NDATA/x", payload(("T", None, 9, "float_value", 9.0)))],
        Roster({"h-x": MEMBER}, KINDS),
        NOW,
        host(),
    )
    assert not batch.readings
    assert not impostor.readings
    assert impostor.rejects[0].device != "h-x"


def test_names_that_would_be_alike_get_a_mark_and_a_flood_ends():
    foreign = host()
    names = [
        receive([delivery(f"spBv1.0/{g}/NBIRTH/{n}", payload())], ROSTER, NOW, foreign).introductions[0].name
        for g, n in (("A b", "c"), ("a", "b/c".replace("/", "-")), ("中", "文"), ("A b", "c"))
    ]
    assert names[0] == names[3] == "a-b-c"
    assert names[1].startswith("a-b-c-")
    assert names[2].startswith("foreign-")
    flood = [delivery(f"spBv1.0/g/NBIRTH/n{i}", payload()) for i in range(MOST_INTRODUCED + 5)]
    batch = receive(flood, ROSTER, NOW, foreign)
    assert len(batch.introductions) < MOST_INTRODUCED
    assert {r.reason for r in batch.rejects} == {Reason.BAD_BIRTH}


def test_large_births_of_strangers_end_and_those_of_approved_devices_do_not(monkeypatch):
    monkeypatch.setattr("network.heard.MOST_BYTES", 10_000)
    foreign = host()
    metrics = [(f"metric {i}", i, 9, "float_value", 1.0) for i in range(40)]
    large = [delivery(f"spBv1.0/g/NBIRTH/n{i}", payload(*metrics)) for i in range(5)]
    batch = receive(large, ROSTER, NOW, foreign)
    assert 1 <= len(batch.introductions) < 5
    assert {r.reason for r in batch.rejects} == {Reason.BAD_BIRTH}
    approved = receive([birth(), delivery("spBv1.0/G/DBIRTH/N/D", payload(*metrics))], ROSTER, NOW, foreign)
    assert not approved.rejects
    silent = [delivery(f"spBv1.0/made/NDATA/up{i}", payload()) for i in range(3000)]
    receive(silent, ROSTER, NOW, foreign)
    assert len(foreign._names._given) < 10  # what only sends data leaves nothing behind


HOSTILE = st.one_of(
    st.binary(max_size=200),
    st.builds(lambda body, cut: body[:cut], st.just(birth().payload), st.integers(0, 80)),
    st.builds(
        lambda body, at, bit: bytes(b ^ (1 << bit) if i == at else b for i, b in enumerate(body)),
        st.just(birth().payload), st.integers(0, len(birth().payload) - 1), st.integers(0, 7),
    ),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["NBIRTH/N", "DBIRTH/N/D", "NDATA/N", "DDATA/N/D", "NDEATH/N", "DDEATH/N/D", "NCMD/N"]),
            HOSTILE,
        ),
        max_size=6,
    )
)
@example([("DBIRTH/N/D", b"\x12\x02\x0a\x00")])
@example([("DDATA/N/D", b"\x12\x03\x0a\x01\xff")])
def test_hostile_bytes_have_a_fate_and_the_same_one_again(messages):
    deliveries = [delivery(f"spBv1.0/G/{what}", body) for what, body in messages]
    foreign = host()
    batch = receive(deliveries, ROSTER, NOW, foreign)
    again = receive(deliveries, ROSTER, NOW, foreign)
    assert len(batch.rejects) == len({r.origin for r in batch.rejects})
    assert {r.origin for r in batch.rejects if r.reason is Reason.MALFORMED} == {
        r.origin for r in again.rejects if r.reason is Reason.MALFORMED
    }
    json.dumps([i.born for i in batch.introductions])
    Order().heed(batch.signals, NOW)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_decoded_or_refused(body):
    try:
        decode(body)
    except PayloadError as err:
        assert err.reason is Reason.MALFORMED  # noqa: PT017


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KEYS = [
    "name",
    "stat_t",
    "state_topic",
    "uniq_id",
    "dev",
    "device",
    "val_tpl",
    "avty",
    "avty_t",
    "cmps",
    "unit_of_meas",
    "p",
    "~",
    "pl_on",
    "ids",
]
CONFIG = st.dictionaries(
    st.sampled_from(KEYS), ANYTHING | st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=4), max_size=8
)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["sensor", "binary_sensor", "device", "switch", "x y"]), CONFIG | st.binary(max_size=60) | ANYTHING
)
@example("device", {"cmps": {"a": {"p": "sensor"}}, "dev": {"ids": ["d"]}})
@example("sensor", {"stat_t": "hearthline/v1/hx/command"})
def test_any_config_is_a_birth_or_a_reject(component, config):
    body = config if isinstance(config, bytes) else json.dumps(config).encode()
    batch = receive([delivery(f"homeassistant/{component}/n/o/config", body)], ROSTER, NOW, host())
    assert not batch.readings
    assert {r.reason for r in batch.rejects} <= {Reason.BAD_BIRTH}
    for one in batch.introductions:
        told = json.loads(json.dumps(one.born))
        foreign = host()
        foreign.remember([(one.grammar, one.address, one.name, told)])
        topics = [e["topic"] for e in told["entities"]]
        assert not [t for t in topics if t.startswith(("hearthline/", "$")) or "#" in t]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=100) | ANYTHING.map(lambda v: json.dumps(v).encode()), st.booleans())
@example(b'{"a": {"b": "12"}}', False)  # noqa: FBT003
def test_any_state_is_a_reading_or_has_a_fate(body, retained):
    batch = receive([delivery("x/state", body, retained=retained)], ROSTER, NOW, host())
    count = sum(map(len, batch.readings.values()))
    assert count + len(batch.rejects) <= 1
    assert not (retained and count)
    receive([delivery("x/a", body)], ROSTER, NOW, host())


@pytest.mark.parametrize(
    ("template", "place"),
    [
        (None, Place(None)),
        ("{{ value }}", Place(None)),
        ("{{value|float}}", Place(None, ("float",))),
        ("{{ value_json.a.b }}", Place("/a/b")),
        ("{{ value_json['a b'][\"c/d\"][0] | float(0) | round(2) }}", Place("/a b/c~1d/0", ("float", "round:2"))),
        ("{{- value_json.t | int -}}", Place("/t", ("int",))),
    ],
)
def test_templates_that_only_say_where(template, place):
    assert place_of(template) == place


@pytest.mark.parametrize(
    "template",
    ["{{ value_json.a * 2 }}", "{% if value %}1{% endif %}", "{{ states('x') }}", "{{ value.x }}", "{{ ''.__class__ }}",
     "{{ value_json.a }} {{ value_json.b }}", "{{ value_json.a | default(0) }}", "{{ value_json.a | round(99) }}",
     "x" * 600],
)  # fmt: skip
def test_templates_that_are_more_than_a_place_are_refused(template):
    with pytest.raises(DiscoveryProblem):
        place_of(template)


def test_filters_are_applied_and_what_is_no_number_stays():
    assert stepped("21.66", ("float", "round:1")) == 21.7
    assert stepped("21.66", ("int",)) == 21.0
    assert stepped("warm", ("float",)) == "warm"
    assert stepped(float("inf"), ("int",)) == math.inf
    assert stepped(None, ("float",)) is None


def signals(*told):
    foreign = host()
    return receive([delivery(topic, body) for topic, body in told], ROSTER, NOW, foreign).signals


def test_a_node_is_asked_once_and_again_only_after_a_while():
    order = Order()
    born = signals(("spBv1.0/G/NBIRTH/N", payload(seq=0)))
    assert not order.heed(born, NOW)
    good = signals(("spBv1.0/G/NDATA/N", payload(("a", None, 9, "float_value", 1.0), seq=1, at=MS + 1)))
    bad = signals(("spBv1.0/G/NDATA/N", payload(("a", None, 9, "float_value", 1.0), seq=9, at=MS + 2)))
    worse = signals(("spBv1.0/G/NDATA/N", payload(("a", None, 9, "float_value", 1.0), seq=99, at=MS + 3)))
    strip = [s for s in good if not s.lacks] or [type(s)(s.node, s.what, s.seq, s.at) for s in good]
    assert not order.heed(strip, NOW)
    assert len(order.heed(bad, NOW)) == 1
    assert not order.heed(worse, NOW + EVERY_US - 1)
    assert len(order.heed(worse, NOW + EVERY_US + 5)) == 1


def test_a_topic_is_taken_apart():
    assert parse("spBv1.0/G/DDATA/N/D").address == "G/N/D"
    assert parse("spBv1.0/STATE/me").node == "me"
