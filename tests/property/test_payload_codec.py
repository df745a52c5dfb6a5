"""The payload codec: round trips, both paths agree, and rubbish is refused in words."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from perception.payload import PayloadError, RawReading, decode, decode_plain, encode, parse_time, pieces
from perception.readings import Reason

points = st.text(min_size=1, max_size=12)
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**60), 2**60)
milliseconds = st.integers(-(2**52), 2**52)
readings = st.builds(
    RawReading,
    ts=st.none() | milliseconds.map(lambda ms: ms * 1000),
    values=st.dictionaries(points, numbers | st.none() | st.booleans() | st.text(max_size=5), min_size=1, max_size=8),
    seq=st.none() | st.integers(0, 2**63 - 1),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
near_readings = st.fixed_dictionaries(
    {},
    optional={
        "ts": json_values | milliseconds | st.floats() | st.datetimes().map(datetime.isoformat),
        "values": st.dictionaries(points, numbers | json_values, max_size=5) | json_values,
        "seq": json_values | st.integers(),
        "other": json_values,
    },
)


# Lists in which one element sends the whole payload to the reader of huge numbers, which must agree with `pieces`.
odd_ones = [b"1e400", b"1", b'"\\ud800"', b'{"\\udc00": 1}', b'"\\ud834\\udd1e"', b"{}", b"NaN", b"[[]]", b"\xff"]
lists_of_odd_ones = st.lists(st.sampled_from(odd_ones), min_size=1, max_size=6).map(
    lambda some: b"[%s]" % b",".join(some)
)


def outcome(step, argument):
    try:
        return step(argument)
    except PayloadError as err:
        return err


@given(st.lists(readings, min_size=1, max_size=5))
def test_what_is_encoded_is_decoded_to_the_same(several):
    assert decode(encode(several)) == several


@given(near_readings | st.lists(near_readings | json_values, max_size=4) | json_values)
@example({"ts": 2**53, "values": {"a": 1}})
@example({"ts": 2**53 - 1, "values": {"a": 2**60 + 1}})
@example({"ts": 0, "values": {"a": 10**400}})
@example({"ts": 0, "values": {"a": 1}, "seq": 2**63})
@example({"ts": 0, "values": {}})
@example([])
def test_the_quick_path_says_the_same_as_the_tolerant_one_or_nothing(body):
    payload = json.dumps(body).encode()
    plain = decode_plain(payload)
    if plain is None:
        return
    tolerant = decode(payload)
    assert [RawReading(r.ts * 1000, r.values, r.seq) for r in plain] == [
        RawReading(r.ts, {name: float(value) for name, value in r.values.items()}, r.seq) for r in tolerant
    ]


@given(st.lists(readings.filter(lambda r: r.ts is not None), min_size=1, max_size=4))
def test_readings_of_numbers_alone_take_the_quick_path(several):
    for reading in several:
        plain = all(type(v) in {int, float} for v in reading.values.values())
        assert (decode_plain(encode([reading])) is not None) == plain


@given(st.binary(max_size=200) | json_values.map(lambda v: json.dumps(v).encode()) | lists_of_odd_ones)
@example(b'[1e400,"\\ud800"]')
def test_any_bytes_are_decoded_or_refused_in_words(payload):
    elements = outcome(decode, payload)
    if isinstance(elements, PayloadError):
        assert elements.reason in {Reason.MALFORMED, Reason.EMPTY}
        assert str(elements)
    else:
        assert elements
        assert len(pieces(payload)) == len(elements)
        assert all(isinstance(e, RawReading | PayloadError) for e in elements)


@given(st.integers(-(2**52), 2**52), st.integers(-14 * 60, 14 * 60))
def test_iso_times_are_exact_to_the_microsecond(us, offset_min):
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
    assert parse_time(moment.astimezone(timezone(timedelta(minutes=offset_min))).isoformat()) == us


@pytest.mark.parametrize(
    ("ts", "us"),
    [(0, 0), (1767225600000, 1767225600000000), (1.5, 1500), ("2026-01-01T00:00:00Z", 1767225600000000),
     ("2026-01-01T08:00:00.25+08:00", 1767225600250000), ("20260101T000000Z", 1767225600000000)],
)  # fmt: skip
def test_times_that_are_accepted(ts, us):
    assert parse_time(ts) == us


@pytest.mark.parametrize(
    "ts",
    [True, None, [], {}, "", "now", "2026-01-01T00:00:00", "2026-01-01", "1767225600000", float("inf"), float("nan"),
     2**60, -(2**60)],
)  # fmt: skip
def test_times_that_are_refused(ts):
    refused = outcome(parse_time, ts)
    assert isinstance(refused, PayloadError)
    assert refused.reason is Reason.BAD_TIME


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", Reason.MALFORMED), (b"\xff\xfe", Reason.MALFORMED), (b'{"a": "\xff"}', Reason.MALFORMED),
        (b"[" * 200_000, Reason.MALFORMED), (b'{"a":' * 200_000, Reason.MALFORMED), (b"NaN", Reason.MALFORMED),
        (b'{"a": NaN}', Reason.MALFORMED), (b"[]", Reason.EMPTY), (b'\xef\xbb\xbf{"a": 1}', Reason.MALFORMED),
    ],
)  # fmt: skip
def test_payloads_that_cannot_be_read_at_all(payload, reason):
    with pytest.raises(PayloadError) as refused:
        decode(payload)
    assert refused.value.reason is reason
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("number", [b"1e400", b"-1e400", b"1" + b"0" * 400, b"9" * 200_000])
def test_a_number_beyond_float64_spoils_nothing_beside_it(number):
    payload = b'[{"ts": 1, "values": {"a": %s, "b": 2}}, {"ts": 2, "values": {"a": 3}}]' % number
    first, second = decode(payload)
    assert first.values["b"] == 2
    assert abs(first.values["a"]) > 1e308
    assert second == RawReading(2000, {"a": 3})


def test_bad_elements_of_a_list_are_told_apart_with_their_bytes():
    payload = b'[ {"ts": 1, "values": {"a": 1}}, 7, {"ts": 2}, {"ts": "x", "values": {"a": 1}}, {"ts":3,"values":{}} ]'
    kinds = [e.reason if isinstance(e, PayloadError) else None for e in decode(payload)]
    assert kinds == [None, Reason.MALFORMED, Reason.MALFORMED, Reason.BAD_TIME, Reason.EMPTY]
    assert pieces(payload)[1:3] == [b"7", b'{"ts": 2}']
