"""What devices can be told: arguments checked by the kind, and the wire there and back."""

import json

import pytest

from network.orders import Answer, Order, State, UnreadableOrderError, answer_bytes, answered, order_of
from perception.command import AUTOMATIC, EVERY_DEVICE, Choice, Command, CommandError, Parameter, Why
from perception.kinds import load_kinds
from perception.point import Title
from perception.sensor_kind import SensorKind

KINDS = load_kinds()
WORDS = KINDS["heat_substation"].command_words
TITLE = Title(zh="令", en="Order")


@pytest.mark.parametrize(
    ("word", "given"),
    [
        ("setpoint_offset", {"kelvin": 2}),
        ("setpoint_offset", {"kelvin": -8.0}),
        ("setpoint_offset", {AUTOMATIC: True}),
        ("curve", {"shift": 1.5}),
        ("curve", {"supply": 45}),
        ("pump_speed", {"hertz": 42}),
        ("valve", {"percent": 100}),
        ("mode", {"mode": "off"}),
        ("fault", {"kind": "leak_sec", "severity": 0.5, "point": "t_outdoor"}),
        ("clear_fault", {}),
        ("ping", {}),
        ("reconnect", {}),
        ("reconnect", {"away_s": 3}),
    ],
)
def test_what_may_be_told(word, given):
    WORDS[word].check(given)


@pytest.mark.parametrize(
    ("word", "given", "why", "says"),
    [
        ("setpoint_offset", {"kelvin": 9}, Why.LIMITS, "kelvin is 9; it can be -8 to 8 K"),
        ("setpoint_offset", {}, Why.MALFORMED, "needs kelvin"),
        ("setpoint_offset", {"kelvin": float("nan")}, Why.MALFORMED, "number"),
        ("setpoint_offset", {"kelvin": True}, Why.MALFORMED, "number"),
        ("setpoint_offset", {"kelvin": 10**400}, Why.MALFORMED, "number"),
        ("fault", {"kind": "leak", "size": 10**400}, Why.MALFORMED, "number or a word"),
        ("setpoint_offset", {"kelvin": "2"}, Why.MALFORMED, "number"),
        ("setpoint_offset", {"kelvin": 1, "celsius": 3}, Why.MALFORMED, "takes no 'celsius'"),
        ("setpoint_offset", {"kelvin": 1, AUTOMATIC: True}, Why.MALFORMED, "given alone"),
        ("setpoint_offset", {AUTOMATIC: False}, Why.MALFORMED, "given alone"),
        ("mode", {AUTOMATIC: True}, Why.MALFORMED, "takes no 'automatic'"),
        ("mode", {"mode": "fast"}, Why.LIMITS, "automatic, manual, off"),
        ("curve", {}, Why.MALFORMED, "one of shift, supply"),
        ("curve", {"shift": 1, "supply": 45}, Why.MALFORMED, "supply is given alone"),
        ("fault", {"severity": 0.5}, Why.MALFORMED, "needs kind"),
        ("fault", {"kind": "leak", "more": ["x"]}, Why.MALFORMED, "number or a word"),
        ("ping", {"x": 1}, Why.MALFORMED, "no argument"),
    ],
)
def test_what_may_not_be_told_is_refused_in_words(word, given, why, says):
    with pytest.raises(CommandError, match=says) as told:
        WORDS[word].check(given)
    assert told.value.why is why


@pytest.mark.parametrize(
    "make",
    [
        lambda: Parameter(name="x", title=TITLE, low=1),
        lambda: Parameter(name="x", title=TITLE, low=2, high=1),
        lambda: Parameter(name="x", title=TITLE, low=1, high=2, choices=(Choice(name="a", title=TITLE),)),
        lambda: Command(name="do", title=TITLE, parameters=(Parameter(name=AUTOMATIC, title=TITLE),)),
        lambda: _kind(Command(name="ping", title=TITLE)),
        lambda: _kind(Command(name="do", title=TITLE, parameters=(Parameter(name="x", title=TITLE, point="none"),))),
    ],
)
def test_a_contradiction_in_a_kind_is_refused(make):
    with pytest.raises(ValueError, match=r"parameter|command|named twice|points"):
        make()


def _kind(*commands):
    points = KINDS["room_climate"].points
    return SensorKind(name="demo", title=TITLE, interval_s=1, points=points, commands=commands)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda k: k.name)
def test_every_word_of_every_kind_is_titled_and_only_simulated_ones_can_be_broken(kind):
    assert set(kind.command_words) >= set(EVERY_DEVICE)
    assert all(c.simulated for c in kind.commands if "fault" in c.name)


def test_an_order_comes_over_the_wire():
    body = {"id": "a", "do": "valve", "args": {"percent": 40}, "by": "cli:x", "expires_at": 5, "until": 9}
    assert order_of(json.dumps(body).encode()) == Order("a", "valve", {"percent": 40}, "cli:x", 5000, 9000)
    assert order_of(b'{"id": "a", "do": "ping"}') == Order("a", "ping")


@pytest.mark.parametrize("payload", [b"", b"[]", b"\xff", b'{"do": "x"}', b'{"id": "", "do": "x"}', b"[" * 5000])
def test_what_has_no_id_cannot_be_answered(payload):
    with pytest.raises(CommandError) as told:
        order_of(payload)
    assert not isinstance(told.value, UnreadableOrderError)


@pytest.mark.parametrize(
    "more", ['"do": 3', '"do": "x", "args": []', '"do": "x", "until": "soon"', '"do": "x", "until": -1']
)
def test_what_has_an_id_can_be_answered_even_when_it_makes_no_sense(more):
    with pytest.raises(UnreadableOrderError) as told:
        order_of(f'{{"id": "a", {more}}}'.encode())
    assert told.value.id == "a"


def test_a_reply_comes_over_the_wire():
    body = json.loads(answer_bytes(Answer("a", State.REJECTED, 5000, Why.LIMITS, "too much")))
    assert body == {"id": "a", "ok": False, "state": "rejected", "at": 5, "reason": "limits", "detail": "too much"}
    assert answered(body) == (State.REJECTED, "limits", "too much")
    assert [answered(b)[0] for b in ({"ok": True}, {"ok": False}, {})] == [State.DONE, State.REJECTED, State.ACCEPTED]
    with pytest.raises(CommandError, match="accepted, rejected, done, failed"):
        answered({"state": "maybe"})
