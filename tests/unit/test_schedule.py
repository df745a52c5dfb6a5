"""A schedule: what acts when, what links do, faults that come and go while it runs, and the truth of it."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from perception.kinds import load_kinds
from simulators.faults import (
    KINDS,
    SOUND_LINK,
    FaultError,
    LinkFate,
    Schedule,
    TruthError,
    joined,
    made,
    read_truth,
    write_truth,
)
from simulators.heat.design import StationFacts, design
from simulators.heat.interventions import Interventions, sound

START = 1_795_000_000_000_000
MINUTE_US, HOUR_US, DAY_US = 60_000_000, 3_600_000_000, 86_400_000_000
KIND = load_kinds()["heat_substation"]


class Noon:
    """A sky that does not move."""

    def hour(self, at):
        return 12.0

    def irradiance(self, at):
        return 400.0


def fault(kind, device="a", *, begins=START, ends=None, severity=0.5, **parameters):
    return made(kind, device, KIND, begins=begins, ends=ends, severity=severity, parameters=parameters)


def seated(*faults, devices=("a", "b", "c")):
    schedule = Schedule(faults)
    schedule.settle({name: k for k, name in enumerate(devices)}, design([StationFacts()] * len(devices), 1), Noon())
    return schedule


def differing(one, other):
    return {
        name
        for name in Interventions.__slots__
        if not np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True)
    }


def test_a_fault_acts_from_its_beginning_to_before_its_end_and_at_its_device_alone():
    schedule = seated(fault("valve_stuck", "b", ends=START + HOUR_US, opening_percent=20))
    stuck = schedule.interventions(START).valve_stuck
    assert stuck[1] == pytest.approx(0.2)
    assert np.isnan(stuck[[0, 2]]).all()
    for at in (START - 1, START + HOUR_US):
        assert not differing(schedule.interventions(at), sound(3))
    assert differing(schedule.interventions(START), sound(3)) == {"valve_stuck"}


def test_growth_takes_its_time_and_what_does_not_change_is_handed_out_again():
    schedule = seated(fault("fouling", grows_over_days=10, added_resistance=0.8))
    shares = [schedule.interventions(START + day * DAY_US).fouling[0] for day in (0, 5, 10, 300)]
    assert shares == pytest.approx([0, 0.4, 0.8, 0.8])
    steady = seated(fault("valve_stuck", opening_percent=20))
    assert steady.interventions(START) is steady.interventions(START + DAY_US)


def test_faults_of_one_station_add_up():
    schedule = seated(fault("leak", grows_over_h=0, makeup_share=1), fault("leak", grows_over_h=0, makeup_share=2))
    alone = seated(fault("leak", grows_over_h=0, makeup_share=3))
    assert schedule.interventions(START).leak_sec == pytest.approx(alone.interventions(START).leak_sec)


def test_pumps_are_stopped_one_by_one_and_thieves_come_in_the_evening():
    orders = seated(fault("pump_trip", "c", pump=2, standby_fails=False)).interventions(START)
    assert orders.pump_stopped.tolist() == [[0, 0, 0], [0, 0, 1], [0, 0, 0]]
    assert not orders.standby_fails.any()
    assert seated(fault("theft", from_hour=11, to_hour=13)).interventions(START).theft[0] > 0
    assert seated(fault("theft")).interventions(START).theft[0] == 0


def test_faults_come_and_go_while_it_runs_and_the_truth_keeps_them():
    schedule = seated(fault("silence", "b"))
    assert not schedule.interventions(START).leak_sec.any()
    schedule.add(fault("leak", "a", begins=START, grows_over_h=0))
    assert schedule.interventions(START).leak_sec[0] > 0
    assert schedule.clear("a", START + HOUR_US, "burst") == 0
    assert schedule.clear("a", START + HOUR_US) == 1
    assert not schedule.interventions(START + HOUR_US).leak_sec.any()
    assert schedule.interventions(START).leak_sec[0] > 0
    ends = {f.kind.name: f.ends for f in schedule.faults}
    assert ends == {"silence": None, "leak": START + HOUR_US}
    assert len({f.number for f in schedule.faults}) == 2


def test_a_meter_that_fails_by_command_is_seen_to_begin_before_those_that_are_planned():
    schedule = seated(fault("sensor_frozen", "a", begins=START + DAY_US))
    schedule.add(fault("sensor_frozen", "b", begins=START))
    assert [f.device for f in schedule.starting(START - 1, START)] == ["b"]
    schedule.hold(schedule.starting(START - 1, START)[0], np.zeros(1))
    assert schedule.starting(START - 1, START) == ()
    assert [f.device for f in schedule.starting(START, START + DAY_US)] == ["a"]


def test_what_is_cleared_as_it_begins_has_never_been():
    schedule = seated(fault("leak"))
    assert schedule.clear("a", START) == 1
    assert schedule.faults == ()


def test_nothing_can_be_asked_of_plants_before_there_are_any():
    with pytest.raises(FaultError, match="does not know its plants yet"):
        Schedule([fault("leak")]).interventions(START)


def test_a_device_without_a_fault_has_a_sound_link():
    schedule = seated(fault("silence", "b"), fault("leak", "a"))
    assert schedule.link("a", START) == SOUND_LINK == schedule.link("z", START)
    assert schedule.link("b", START) == LinkFate(silent=True)
    assert schedule.link("b", START - 1) == SOUND_LINK


@pytest.mark.parametrize(
    ("kind", "parameters", "after", "fate"),
    [
        ("gateway_loss", {}, 0, LinkFate(silent=True, keeps=True)),
        ("late_delivery", {"delay_min": 30}, 0, LinkFate(delay_s=1800)),
        ("duplicates", {"copies": 2}, 0, LinkFate(duplicates=2)),
        ("wrong_clock", {"offset_s": -600, "drift_s_per_day": 48}, DAY_US // 2, LinkFate(clock_offset_s=-576)),
        ("power_cut", {"battery_min": 10}, 9 * MINUTE_US, SOUND_LINK),
        ("power_cut", {"battery_min": 10}, 10 * MINUTE_US, LinkFate(silent=True)),
        ("reboots", {"every_h": 1, "takes_s": 30}, 0, LinkFate(silent=True, boots=1)),
        ("reboots", {"every_h": 1, "takes_s": 30}, 2 * HOUR_US + MINUTE_US, LinkFate(boots=3)),
    ],
)
def test_what_links_do(kind, parameters, after, fate):
    assert seated(fault(kind, **parameters)).link("a", START + after) == fate


@pytest.mark.parametrize("kind", sorted(k.name for k in KINDS.values() if k.link and "COMM" in k.family))
def test_lost_communication_is_silence_or_lateness_of_minutes(kind):
    schedule = seated(fault(kind, severity=0.8))
    fates = [schedule.link("a", START + k * MINUTE_US) for k in range(10 * 60)]
    late = [f.silent or f.delay_s > 180 or abs(f.clock_offset_s) > 180 for f in fates]
    assert any(all(late[k : k + 4]) for k in range(len(late) - 4))


@pytest.mark.parametrize("year", [1970, 2040])
def test_a_lost_clock_counts_from_its_year(year):
    schedule = seated(fault("lost_clock", year=year))
    at = START + 5 * MINUTE_US
    believed = at / 1e6 + schedule.link("a", at).clock_offset_s
    assert datetime.fromtimestamp(believed, UTC).isoformat(timespec="seconds") == f"{year}-01-01T00:05:00+00:00"


def test_a_weak_radio_is_away_for_its_share_of_the_time():
    schedule = seated(fault("weak_radio", away_share=0.4, period_min=10))
    fates = [schedule.link("a", START + k * 10 * MINUTE_US) for k in range(1000)]
    assert set(fates) == {SOUND_LINK, LinkFate(silent=True, keeps=True)}
    assert sum(f.silent for f in fates) / 1000 == pytest.approx(0.4, abs=0.03)


def test_what_is_lost_to_one_fault_of_a_link_is_lost():
    kept, lost = LinkFate(silent=True, keeps=True), LinkFate(silent=True)
    assert joined(kept, kept).keeps
    assert not joined(kept, lost).keeps
    assert joined(LinkFate(delay_s=3, duplicates=1), LinkFate(delay_s=4, boots=2)) == LinkFate(
        delay_s=7, duplicates=1, boots=2
    )


def test_the_truth_is_the_schedule_as_lines(tmp_path):
    schedule = seated(fault("leak", severity=1, makeup_share=2), fault("counter_zero", "b", ends=START + HOUR_US))
    path = tmp_path / "truth.jsonl"
    assert write_truth(path, schedule) == 2
    first = json.loads(path.read_text().splitlines()[0])
    assert first["to"] is None
    assert first["parameters"] == {"makeup_share": 2.0, "grows_over_h": 0.5}
    rows = read_truth(path)
    for row, kept in zip(rows, schedule.faults, strict=True):
        assert (row.device, row.station, row.kind, row.begins, row.ends, row.severity, row.area) == (
            kept.device, kept.station, kept.kind.name, kept.begins, kept.ends, kept.severity, kept.area
        )  # fmt: skip
        assert row.family == KINDS[row.kind].family
        assert row.parameters == kept.parameters.model_dump()
    assert write_truth(path, schedule, Schedule()) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["truth.jsonl"]


def test_a_truth_that_cannot_be_read_names_its_lines(tmp_path):
    path = tmp_path / "truth.jsonl"
    write_truth(path, seated(fault("leak")))
    good = path.read_text()
    path.write_text(good + "{}\n" + good + "no json\n" + good.replace("+00:00", "") + "[]\n")
    with pytest.raises(TruthError) as told:
        read_truth(path)
    assert [f"jsonl, line {n}:" in str(told.value) for n in range(1, 7)] == [False, True, False, True, True, True]
