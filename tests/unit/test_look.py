"""The page that shows a simulated week beside a real one, for recordings of every state of repair."""

import csv
import re
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from perception.catalogue import Catalogue
from perception.kinds import load_kinds
from simulators.city import generate_city
from simulators.likeness.figures import likeness
from simulators.likeness.track import OUTDOOR
from simulators.likeness.verdicts import LINES, NOT_JUDGED, Rule, score, shapes_together, verdicts, within_factor
from simulators.look import texts
from simulators.look.orders import Hands, Orders
from simulators.look.played import Terms, cast_for
from simulators.look.report import Pretend, compared, look
from simulators.look.seen import Wanted, see
from simulators.look.svg import number, ticks
from simulators.recording import RecordingError

RECORDINGS = Path(__file__).resolve().parents[2] / "configs" / "recordings"
KINDS = load_kinds()
CITY = generate_city(3, 1)
MAP = """
kind = "heat_substation"
[time]
column = "time"
zone = "Europe/Berlin"
[points]
"""
COLUMNS = {
    "t_outdoor": "out", "t_pri_supply": "ps", "t_pri_return": "pr", "t_sec_supply": "ss", "t_sec_return": "sr",
    "t_sec_supply_setpoint": "set", "heat_power": "kw",
}  # fmt: skip


def rows(days, minutes=30, seed=5):
    rng = np.random.default_rng(seed)
    for k in range(round(days * 1440 / minutes)):
        hour = k * minutes / 60
        out = 3 * np.cos((hour - 14) * np.pi / 12) - 2 + 0.02 * hour
        setpoint = 46 - 0.4 * out
        supply = setpoint + rng.normal(0, 0.5)
        when = datetime.fromisoformat("2023-12-04") + timedelta(minutes=minutes * k)
        values = (out, 80 - out + rng.normal(0, 0.6), supply - 7, supply, supply - 9, setpoint, 14 * (19 - out))
        yield [when.isoformat(), *(f"{v:.1f}" for v in values)]


def recorded(folder, table, points=COLUMNS, name="station.csv"):
    """Write a recording and its map, with the points that it has; return what look wants of it."""
    file, columns = folder / name, folder / "map.toml"
    with file.open("w", newline="", encoding="utf-8") as text:
        csv.writer(text).writerows([["time", *COLUMNS.values()], *table])
    columns.write_text(MAP + "".join(f'{p} = {{ column = "{points[p]}" }}\n' for p in points))
    return Wanted(str(file), columns, None, None, 7)


PRETEND = Pretend(CITY, None, Terms(seed=3))


def looked(wanted):
    return look(wanted, PRETEND, recordings=RECORDINGS, kinds=KINDS, told=lambda share: None)


def beside(whole, wanted):
    """Look at another real station, beside the simulated one that was played already."""
    seen = see(wanted, RECORDINGS, KINDS)
    return compared(seen, cast_for(CITY, KINDS, None), whole.simulated.track, PRETEND)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return looked(recorded(tmp_path_factory.mktemp("whole"), rows(8)))


def test_both_stations_are_drawn_and_judged(whole):
    assert whole.html.count('class="week-panel"') == 8
    assert whole.html.count('<th scope="row">') == len(LINES)
    for line in LINES:
        assert line.title.zh in whole.html
    assert "NaN" not in whole.html
    assert len(whole.html) < 1_500_000


def test_the_simulated_station_lives_under_the_recorded_sky_and_has_its_size(whole):
    real, simulated = (side.track for side in (whole.real, whole.simulated))
    assert real.step_s == simulated.step_s == 1800
    at = np.intersect1d(real.at, simulated.at)
    assert len(at) > 300
    apart = real.of(OUTDOOR)[np.isin(real.at, at)] - simulated.of(OUTDOOR)[np.isin(simulated.at, at)]
    assert np.abs(apart).max() < 1.0
    power = [side.figures["level.heat_power.p50"] for side in (whole.real, whole.simulated)]
    assert within_factor(*power, factor=2.0)
    for point in ("t_sec_supply", "t_pri_supply"):
        levels = [side.figures[f"level.{point}.p50"] for side in (whole.real, whole.simulated)]
        assert levels[1] == pytest.approx(levels[0], abs=2.0)


def test_without_a_wish_the_station_has_a_night_programme_if_the_real_one_has_one():
    seen = see(Wanted("L4", None, None, None, 14), RECORDINGS, KINDS)
    cast = cast_for(generate_city(12, 1), KINDS, None)
    calm = seen.clean.with_values({"t_sec_supply": np.full(len(seen.track), 45.0)})
    chosen = {cast.programmed_as(track, 7).name for track in (seen.clean, calm)}
    assert len(chosen) == 2


def test_orders_are_those_of_the_recording(tmp_path):
    table = [list(row) for row in rows(3)]
    table[10][6] = ""
    for row in table[20:30]:
        row[7] = "0.0"
    seen = see(recorded(tmp_path, table), RECORDINGS, KINDS)
    orders = Orders(seen.clean, row=1, usual=Hands(2.0, 5.0).on(1, 3))
    at = seen.track.at
    setpoint = float(table[9][6])
    assert orders(int(at[10])).setpoint[1] == orders(int(at[9]) + 60_000_000).setpoint[1] == setpoint
    assert np.isnan(orders(int(at[10])).setpoint[[0, 2]]).all()
    assert np.isnan(orders(int(at[10])).valve_order).all()
    assert orders(int(at[25])).valve_order[1] == orders(int(at[25])).pump_order[1] == 0
    assert np.isnan(orders(int(at[0]) - 1).setpoint).all()
    assert orders(int(at[25])).setpoint_offset.tolist() == [0, 2, 0]
    assert orders(int(at[25])).source_offset.tolist() == [0, 5, 0]


def test_the_page_asks_nobody_for_anything(whole):
    assert not re.search(r"""(src|href)=["'](?!data:)""", whole.html)
    assert not re.search(r"url\(|@import|fetch\(", whole.html)


def test_every_text_is_there_in_both_languages(whole):
    assert whole.html.count('class="zh"') == whole.html.count('class="en"')


@pytest.mark.parametrize("missing", ["heat_power", "t_sec_supply_setpoint", "t_pri_return", "t_sec_return"])
def test_a_station_that_lacks_a_point_is_shown(whole, tmp_path, missing):
    points = {p: c for p, c in COLUMNS.items() if p != missing}
    found = beside(whole, recorded(tmp_path, rows(7), points))
    assert found.html.count('class="week-panel"') == 8
    assert "cannot tell" in found.html


def test_two_days_are_enough_to_be_played_and_shown(tmp_path):
    found = looked(recorded(tmp_path, rows(2, minutes=60)))
    assert "2 days" in found.html
    assert score(found.judged)[2] > 0


def test_dirt_is_left_out_counted_and_breaks_nothing(whole, tmp_path):
    table = [list(row) for row in rows(7)]
    table[10][1] = "-39.9"
    table[20][7] = "8000000"
    table[30][4] = "broken"
    table[40] = ["no time", *table[40][1:]]
    for row in table[100:130]:
        row[4] = row[5] = "0.0"
    found = beside(whole, recorded(tmp_path, table))
    assert "out of range 2" in found.html
    assert "dead pair 60" in found.html
    assert "Rows that could not be read: 1; values: 1." in found.html


def test_names_are_text_and_never_markup(whole, tmp_path):
    found = beside(whole, recorded(tmp_path, rows(3), name="<img src=x onerror=alert(1)>.csv"))
    assert "<img" not in found.html
    assert "&lt;img src=x" in found.html


@pytest.mark.parametrize("real", ["L4", "l12", "nis-l17"])
def test_the_shipped_recordings_are_found_by_their_names(real):
    seen = see(Wanted(real, None, None, None, 7), RECORDINGS, KINDS)
    assert seen.name.startswith("nis-l")
    assert "CC BY 4.0" in seen.source
    assert seen.days == 7


WRONG = {
    "elsewhere.csv": (Wanted("elsewhere.csv", None, None, None, 7), "nis-l4, nis-l12, nis-l17"),
    "unmapped": (Wanted(__file__, None, None, None, 7), "--map"),
    "another year": (Wanted("L4", None, None, date(1999, 1, 1), 7), "from 2024-01-08 to 2024-01-21"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_used_is_said_with_what_could(name):
    wanted, words = WRONG[name]
    with pytest.raises(RecordingError, match=re.escape(words)):
        see(wanted, RECORDINGS, KINDS)


def test_an_unreadable_file_is_said_to_be_one(tmp_path):
    wanted = recorded(tmp_path, [])
    with pytest.raises(RecordingError, match="no row of it could be read"):
        see(wanted, RECORDINGS, KINDS)
    Path(wanted.real).write_bytes(b"\xff\xfe\x00rubbish")
    with pytest.raises(RecordingError, match="cannot be read as CSV"):
        see(wanted, RECORDINGS, KINDS)


def test_a_recording_without_outdoor_cannot_be_a_sky(tmp_path):
    wanted = recorded(tmp_path, rows(3), {p: c for p, c in COLUMNS.items() if p != "t_outdoor"})
    with pytest.raises(RecordingError, match="t_outdoor, or ask for --own-sky"):
        looked(wanted)


def test_without_a_wish_the_first_week_of_heating_is_shown(tmp_path):
    table = [list(row) for row in rows(40, minutes=60)]
    for row in table[: 17 * 24]:
        row[7] = "0.0"
    seen = see(recorded(tmp_path, table), RECORDINGS, KINDS)
    assert seen.begin == (date(2023, 12, 25) - date(1970, 1, 1)).days * 86_400_000_000


def test_an_unknown_station_is_said_to_be_one():
    with pytest.raises(RecordingError, match="xc-nowhere-01: no simulated station"):
        cast_for(CITY, KINDS, "xc-nowhere-01")
    with pytest.raises(RecordingError, match="no simulated city"):
        cast_for(Catalogue(), KINDS, None)


def test_a_station_is_like_itself():
    seen = see(Wanted("L4", None, None, None, 14), RECORDINGS, KINDS)
    itself = likeness(seen.track, seen.step_s)
    yes, no, _ = score(verdicts(itself, itself))
    assert yes > 30
    assert no == 0


def test_what_was_given_is_not_praised(whole):
    given = {v.line.figure for v in whole.judged if v.line.rule is Rule.GIVEN}
    assert {"t_outdoor", "change.t_outdoor.p99", "level.t_pri_supply.p50", "level.t_sec_supply.p50"} <= given
    assert not {"change.t_pri_supply.p99", "control_error.p50", "level.t_sec_return.p50"} & given
    assert all(v.agrees is None for v in whole.judged if v.line.rule is Rule.GIVEN)
    assert sum(score(whole.judged)) == sum(v.line.rule not in NOT_JUDGED for v in whole.judged)


def test_the_rules_of_likeness():
    assert within_factor(1.0, 1.49)
    assert not within_factor(1.0, 1.6)
    assert within_factor(0.1, 0.2)  # meters show tenths
    day = np.sin(np.arange(24.0))
    assert shapes_together(day, 3 * day) == pytest.approx(1)
    assert np.isnan(shapes_together(day, np.full(24, np.nan)))
    assert {line.rule for line in LINES} <= set(Rule)
    assert set(texts.RULE_WORDS) == set(Rule)
    assert {line.group for line in LINES} <= set(texts.GROUPS)


def test_numbers_and_ticks_are_short():
    assert [number(v) for v in (float("nan"), -0.001, 0.456, 12.34, 1234.5, -7.0)] == [
        "–",
        "0",
        "0.46",
        "12.3",
        "1234",
        "−7",
    ]
    assert ticks(-12, 18, 4) == [-10, 0, 10]
    assert ticks(0, 1, 5) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
