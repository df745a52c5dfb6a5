"""A recording that plays again and again, as if it were now."""

from itertools import pairwise
from pathlib import Path

import pytest

from perception.catalogue import DeviceStatus
from perception.kinds import load_kinds
from perception.payload import RawReading
from perception.seed_files import load_catalogue
from simulators.cast import Part
from simulators.heat.design import StationFacts
from simulators.recorded import DAY_US, RecordedPlayer, load_recordings
from simulators.recording import RecordingError

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
KINDS = load_kinds()
WHO = Part("nis-l4", KINDS["heat_substation"], 900_000_000, StationFacts())
HOUR_US = 3_600_000_000
BEGIN = 1_700_000_000_000_000
ROWS = [
    RawReading(BEGIN + k * 6 * HOUR_US, {"t_sec_supply": float(k), "heat_energy_total": 100.0 + 2 * k})
    for k in range(8)
]
LATER = BEGIN + 1000 * DAY_US + 7 * HOUR_US


def player(live_from=LATER, past_from=None):
    return RecordedPlayer(WHO, ROWS, live_from, past_from=past_from)


def test_rows_come_at_their_own_time_of_day():
    played = [r for _, r in player().play(LATER + 4 * DAY_US)]
    assert len(played) == 16
    assert all((r.ts - BEGIN) % DAY_US == (ROWS[int(r.values["t_sec_supply"])].ts - BEGIN) % DAY_US for r in played)
    assert {b.ts - a.ts for a, b in pairwise(played)} == {6 * HOUR_US}


def test_the_same_instant_shows_the_same_row_whenever_the_play_began():
    early = {r.ts: r.values for _, r in player().play(LATER + 3 * DAY_US)}
    late = {r.ts: r.values for _, r in player(LATER + DAY_US).play(LATER + 3 * DAY_US)}
    assert late.items() <= early.items()
    assert len(late) == 8


def test_counters_count_on_from_lap_to_lap():
    played = [r.values["heat_energy_total"] for _, r in player().play(LATER + 6 * DAY_US)]
    assert played == sorted(played)
    assert played[8] - played[0] == 14


def test_what_was_played_is_not_due_again_and_what_is_skipped_neither():
    p = player()
    first = [r.ts for _, r in p.play(p.next_due())]
    assert len(first) == 1
    assert p.next_due() == first[0] + 6 * HOUR_US
    p.skip(LATER + DAY_US)
    assert p.next_due() >= LATER + DAY_US
    before = p.next_due()
    p.skip(LATER)
    assert p.next_due() == before


def test_the_past_ends_where_the_play_begins_and_comes_newest_first():
    p = player(past_from=LATER - 40 * DAY_US)
    parcels = [readings for _, readings in p.past()]
    assert [len(parcel) for parcel in parcels] == [60, 60, 40]
    times = [r.ts for parcel in reversed(parcels) for r in parcel]
    assert times == sorted(set(times))
    assert times[0] >= LATER - 40 * DAY_US
    assert times[-1] + 6 * HOUR_US == p.next_due() >= LATER


def test_no_past_unless_asked_for():
    assert list(player().past()) == []


def test_shipped_recordings_play_the_active_devices():
    catalogue = load_catalogue(CONFIGS / "cities")
    players = load_recordings(CONFIGS / "recordings", catalogue, KINDS, LATER, LATER - 2 * DAY_US)
    assert [p.parts[0].name for p in players] == ["nis-l4", "nis-l12", "nis-l17"]
    assert all(sum(len(parcel[1]) for parcel in p.past()) == 192 for p in players)
    devices = tuple(
        d.model_copy(update={"status": DeviceStatus.RETIRED}) if d.name == "nis-l12" else d for d in catalogue.devices
    )
    fewer = load_recordings(
        CONFIGS / "recordings", catalogue.model_copy(update={"devices": devices}), KINDS, LATER, None
    )
    assert [p.parts[0].name for p in fewer] == ["nis-l4", "nis-l17"]


def test_a_broken_index_is_said(tmp_path):
    (tmp_path / "recordings.toml").write_text("recordings = [{ device = 'x' }]")
    with pytest.raises(RecordingError, match=r"recordings\.toml: cannot be read as the index"):
        load_recordings(tmp_path, load_catalogue(CONFIGS / "cities"), KINDS, LATER, None)
