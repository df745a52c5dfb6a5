"""Mapping files: what is wrong is said when they are loaded, all of it at once; and what `map try` shows."""

import json

import pytest

from network.link import Delivery
from network.mapped import Mappings
from network.mapping_commands import RecordedError, told_in, tried
from network.mapping_files import MappingError, load_mappings, load_topics, mapping_paths
from network.pointer import ABSENT, PointerError, parse, resolve
from network.receive import receive, unstamped_again
from perception.corrections import Correction
from perception.kinds import load_kinds
from perception.readings import Reason
from perception.roster import Member, Roster
from perception.units import Linear, conversion

KINDS = load_kinds()
NOW = 1_767_225_600_000_000
POINT = '{ pointer = "/t", name = "t_sec_supply" }'
GOOD = f"""
[[topic]]
filter = "plant/+/data"
device = "{{1}}"
points = [{POINT}]
"""


def mapping(tmp_path, text, name="mapping.toml"):
    file = tmp_path / name
    file.write_text(text)
    return file


def problems(tmp_path, text):
    with pytest.raises(MappingError) as caught:
        load_mappings(mapping(tmp_path, text), KINDS)
    return str(caught.value)


def changed(**changes):
    lines = {"filter": '"plant/+/data"', "device": '"{1}"', "points": f"[{POINT}]", **changes}
    return "[[topic]]\n" + "\n".join(f"{key} = {value}" for key, value in lines.items())


def test_all_problems_of_all_files_are_named_at_once(tmp_path):
    mapping(tmp_path, "[[topic]\n", "a.toml")
    mapping(tmp_path, changed(filter='"plant/+x"', colour='"red"'), "b.toml")
    mapping(tmp_path, changed(points='[{ pointer = "t", name = "t_sec_suply" }]'), "c.toml")
    mapping(tmp_path, changed(points='[{ pointer = "/t", name = "t_sec_suply" }]'), "d.toml")
    (tmp_path / "e.toml").write_bytes(b"\xff")
    with pytest.raises(MappingError) as caught:
        load_topics(mapping_paths(tmp_path), KINDS)
    said = str(caught.value)
    for words in ("a.toml", "b.toml: topic 1 colour", "c.toml: topic 1 points 1 pointer", "begins with /",
                  "d.toml", "did you mean t_sec_supply", "e.toml"):  # fmt: skip
        assert words in said, f"{words} is missing in\n{said}"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"filter": '"plant/+x/data"'}, "one whole level"),
        ({"filter": '"plant/#/data"'}, "at the end"),
        ({"filter": '"#"'}, "Hearthline's own topics"),
        ({"filter": '"hearthline/v1/+/readings"'}, "Hearthline's own topics"),
        ({"filter": '"+/+/x-1/readings"'}, "Hearthline's own topics"),
        ({"filter": '"$SYS/#"'}, "begin with no $"),
        ({"device": '"{2}"'}, "has 1 wildcards"),
        ({"device": '"{1"'}, "has no partner"),
        ({"device": '"{one}"'}, "first wildcard"),
        ({"device": '"{/a~2}"'}, "~0"),
        ({"devices": '{ A = "Not A Name" }'}, "devices A"),
        ({"form": '"value"'}, "give source, not pointer"),
        ({"form": '"records"'}, "needs source"),
        ({"form": '"senml"', "at": '"/x"'}, "knows by itself"),
        ({"form": '"pair"'}, "records"),
        ({"payload": '"number"'}, 'goes with form = "value"'),
        ({"ignore": '["x"]'}, "belong to other forms"),
        ({"points": "[]"}, "points"),
        ({"points": f"[{POINT}, {POINT}]"}, "given twice"),
        ({"points": '[{ pointer = "/t", name = "t_sec_supply", scale = 0 }]'}, "scale of 0"),
        ({"points": '[{ pointer = "/t", name = "t_sec_supply", scale = nan }]'}, "finite"),
        ({"points": '[{ pointer = "/t", name = "t_sec_supply", unit = "bar" }]'}, "cannot be turned into Cel"),
        ({"points": '[{ pointer = "/t", name = "no_such_thing_at_all" }]'}, "no kind has a point"),
        ({"ts": '{ pointer = "/t", format = "weeks" }'}, "epoch_ms"),
        ({"ts": '{ pointer = "/t", format = "iso", utc_offset = "CET" }'}, "utc_offset"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, changes, words):
    assert words in problems(tmp_path, changed(**changes))


def test_filters_that_share_topics_are_refused(tmp_path):
    said = problems(tmp_path, GOOD + GOOD.replace("plant/+/data", "plant/#"))
    assert "overlaps plant/+/data" in said


def test_a_place_that_is_not_there_is_named(tmp_path):
    with pytest.raises(MappingError, match=r"ingest\.mappings"):
        mapping_paths(tmp_path / "nowhere")


def test_an_empty_folder_maps_nothing(tmp_path):
    assert load_mappings(tmp_path, KINDS).match("plant/a/data") is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {"a": [1, {"b/c": 2, "~": 3}], "": 4}), ("/a/0", 1), ("/a/1/b~1c", 2), ("/a/1/~0", 3), ("/", 4),
        ("/a/00", ABSENT), ("/a/-", ABSENT), ("/a/9", ABSENT), ("/a/0/x", ABSENT), ("/x", ABSENT),
    ],
)  # fmt: skip
def test_pointers_are_those_of_rfc_6901(text, found):
    value = {"a": [1, {"b/c": 2, "~": 3}], "": 4}
    assert resolve(parse(text), value) == found


@pytest.mark.parametrize("text", ["a", "/~", "/~2"])
def test_what_is_no_pointer_is_refused(text):
    with pytest.raises(PointerError):
        parse(text)


@pytest.mark.parametrize(
    ("sent", "stored", "value", "expected"),
    [
        ("K", "Cel", 293.15, 20), ("[degF]", "Cel", 212, 100), ("bar", "MPa", 6, 0.6), ("kPa", "MPa", 600, 0.6),
        ("W", "kW", 1500, 1.5), ("kW.h", "GJ", 1000, 3.6), ("MW.h", "GJ", 1, 3.6), ("GJ", "kW.h", 3.6, 1000),
        ("L/h", "m3/h", 1200, 1.2), ("GJ/h", "kW", 3.6, 1000), ("l/s", "m3/h", 1, 3.6), ("Cel", "Cel", 5, 5),
    ],
)  # fmt: skip
def test_units_are_turned_into_each_other(sent, stored, value, expected):
    assert Linear(*conversion(sent, stored))(value) == pytest.approx(expected)


def member(**facts):
    return Member(1, "line-1", KINDS["heat_substation"], "s", "c", 60, **facts)


def test_a_correction_of_the_device_comes_after_its_mapping(tmp_path):
    mappings = load_mappings(mapping(tmp_path, GOOD), KINDS)
    corrected = member(corrections=(Correction("t_sec_supply", offset=-2),))
    batch = receive(
        [Delivery("plant/Line_1/data", b'{"t": 50}', NOW)], Roster({"line-1": corrected}, KINDS), NOW, mappings
    )
    readings = batch.readings["heat_substation"]
    assert readings.values[0, KINDS["heat_substation"].bits["t_sec_supply"]] == 48


def test_a_retained_message_without_time_is_not_taken_for_new_and_a_redelivered_one_is_known(tmp_path):
    mappings, roster = load_mappings(mapping(tmp_path, GOOD), KINDS), Roster({"line-1": member()}, KINDS)
    topic, body = "plant/line-1/data", b'{"t": 50}'
    batch = receive([Delivery(topic, body, NOW, retained=True)], roster, NOW, mappings)
    assert [r.reason for r in batch.rejects] == [Reason.BAD_TIME]
    batch = receive([Delivery(topic, body, NOW, redelivered=True), Delivery(topic, body, NOW)], roster, NOW, mappings)
    assert unstamped_again(batch.readings["heat_substation"], batch.deliveries).tolist() == [True, False]
    stamped = load_mappings(mapping(tmp_path, changed(ts='{ pointer = "/at", format = "epoch_ms" }')), KINDS)
    body = json.dumps({"t": 50, "at": NOW // 1000 - 1000}).encode()
    batch = receive([Delivery(topic, body, NOW, redelivered=True)], roster, NOW, stamped)
    assert unstamped_again(batch.readings["heat_substation"], batch.deliveries).tolist() == [False]


def test_a_redelivered_message_whose_topic_only_looks_like_ours_stops_nobody(tmp_path):
    text = changed(
        filter='"+/+/+/+/+"', device='"line-1"', form='"value"', payload='"number"',
        points='[{ source = "t", name = "t_sec_supply" }]',
    )  # fmt: skip
    mappings, roster = load_mappings(mapping(tmp_path, text), KINDS), Roster({"line-1": member()}, KINDS)
    batch = receive([Delivery("hearthline/v1/a/b/t", b"ON", NOW, redelivered=True)], roster, NOW, mappings)
    assert unstamped_again(batch.readings["heat_substation"], batch.deliveries).tolist() == [True]


def test_a_pack_of_one_name_over_and_over_is_read_in_linear_time(tmp_path):
    text = changed(device='"line-1"', form='"senml"', points='[{ source = "t", name = "t_sec_supply" }]')
    mappings, roster = load_mappings(mapping(tmp_path, text), KINDS), Roster({"line-1": member()}, KINDS)
    body = json.dumps([{"n": "t", "v": 1, "bt": NOW // 1_000_000}] * 5_000).encode()
    batch = receive([Delivery("plant/a/data", body, NOW)], roster, NOW, mappings)
    assert len(batch.readings["heat_substation"]) == 5_000


@pytest.mark.parametrize("depth", [200, 500, 800, 900, 950, 980, 1_000, 5_000])
@pytest.mark.parametrize("form", ["reading", "senml"])
def test_values_nested_deeper_than_any_stack_become_rejects(tmp_path, depth, form):
    which = "pointer" if form == "reading" else "source"
    text = changed(
        device='"line-{1}"', form=f'"{form}"', points=f'[{{ {which} = "/t", name = "t_sec_supply" }}]',
        **({"ts": '{ pointer = "/at", format = "epoch_s" }'} if form == "reading" else {}),
    )  # fmt: skip
    mappings, roster = load_mappings(mapping(tmp_path, text), KINDS), Roster({"line-1": member()}, KINDS)
    deep = "[" * depth + "]" * depth
    for body in (f'{{"t": 1, "at": {deep}}}', f'[{{"n": "/t", "v": {deep}, "bt": {deep}, "bn": {deep}}}]', deep):
        batch = receive([Delivery("plant/1/data", body.encode(), NOW)], roster, NOW, mappings)
        assert len(batch.rejects) == 1
        assert not batch.readings


def test_native_topics_are_not_looked_up(tmp_path):
    mappings = load_mappings(mapping(tmp_path, GOOD), KINDS)
    native = Delivery("hearthline/v1/line-1/readings", b'{"t_sec_supply": 50}', NOW)
    assert len(receive([native], Roster({"line-1": member()}, KINDS), NOW, mappings).readings["heat_substation"]) == 1
    assert not mappings._seen


def shown(tmp_path, lines, roster=None):
    mappings = load_mappings(mapping(tmp_path, GOOD), KINDS)
    file = tmp_path / "lines.txt"
    file.write_text("\n".join(lines))
    return list(tried(told_in(file, lambda: NOW), mappings, KINDS, roster))


def test_map_try_shows_what_matched_and_what_did_not(tmp_path):
    said = "\n".join(shown(tmp_path, ['plant/a-1/data {"t": 45.5}', "plant/a-1/data {", "other/x 1", "other/x 2"]))
    assert "a-1 at 2026-01-01T00:00:00.000Z: t_sec_supply=45.5" in said
    assert "REJECTED: malformed" in said
    assert "4 messages: 2 matched, 1 of them refused" in said
    assert "2 matched nothing, on 1 topics" in said
    assert "'other/x'" in said


def test_map_try_says_which_devices_have_to_be_added(tmp_path):
    said = "\n".join(shown(tmp_path, ['plant/a-1/data {"t": 45.5}'], Roster({}, KINDS)))
    assert "hearthline devices add a-1 --kind heat_substation" in said


def test_map_try_says_that_nothing_came(tmp_path):
    assert "nothing came for plant/+/data" in shown(tmp_path, [])[-1]


@pytest.mark.parametrize("line", ['{"topic": "a"}', '{"topic": "a", "hex": "zz"}', "{"])
def test_a_recorded_line_that_cannot_be_read_is_named(tmp_path, line):
    with pytest.raises(RecordedError, match=r"line 2"):
        shown(tmp_path, ['plant/a-1/data {"t": 45.5}', line])


def test_matches_are_remembered_within_bounds(tmp_path, monkeypatch):
    monkeypatch.setattr("network.mapped.MOST_REMEMBERED", 3)
    mappings: Mappings = load_mappings(mapping(tmp_path, GOOD), KINDS)
    for number in range(10):
        match = mappings.match(f"plant/{number}/data")
        assert match is not None
        assert match.captures[0] == str(number)
        assert len(mappings._seen) <= 3
