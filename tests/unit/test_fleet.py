"""The fleet's pace on a scripted clock: on time, spread, patient with the broker, newest past first."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from network.link import LinkDownError
from perception.kinds import load_kinds
from perception.payload import decode
from perception.seed_files import load_catalogue
from simulators.cast import Part
from simulators.climate import SEASONS
from simulators.fleet import LIVE_BEFORE_US, greetings, run_fleet
from simulators.heat.design import StationFacts
from simulators.player import WorldPlayer
from simulators.settings import SimulateSettings
from simulators.stage import players_for
from simulators.world import World

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
KINDS = load_kinds()
S = 1_000_000
NOW = 1_795_000_000_123_000


class Clock:
    """A clock that moves only when somebody waits: also the event that says when to stop."""

    def __init__(self, seconds):
        self.now, self.end = NOW, NOW + seconds * S

    def __call__(self):
        return self.now

    def is_set(self):
        return self.now >= self.end

    def wait(self, timeout):
        self.now += max(round(timeout * S), 1)
        return self.is_set()


class Acknowledged:
    def acknowledged(self):
        return True


class Ear:
    """An outlet that keeps what it is told, with the time at which it was."""

    def __init__(self, clock, away=lambda _now: False, fails_after=None):
        self.clock, self.away, self.fails_after = clock, away, fails_after
        self.heard = []

    def connected(self):
        return not self.away(self.clock.now)

    def publish(self, topic, payload, *, qos=1, retain=False):
        if self.fails_after is not None and len(self.heard) >= self.fails_after:
            raise LinkDownError("the outlet is closed")
        assert self.connected()
        self.heard.append((self.clock.now, topic, payload, retain))
        return Acknowledged()

    def flush(self, timeout_s):
        return True

    def close(self):
        pass

    def readings(self, channel):
        """(heard at, device, ts, values) of every reading on a channel."""
        return [
            (at, topic.split("/")[2], r.ts, r.values)
            for at, topic, payload, _ in self.heard
            if topic.endswith(f"/{channel}")
            for r in decode(payload)
        ]


def world(devices=4, interval_s=10):
    parts = [Part(f"dev-{k}", KINDS["heat_substation"], interval_s * S, StationFacts()) for k in range(devices)]
    return World(parts, SEASONS["cold-night"], utc_offset_s=0, seed=1)


def play(players, clock, ear):
    return run_fleet(players, ear, clock=clock, stop=clock, progress=lambda _: None)


def test_readings_keep_their_schedule_and_are_spread():
    clock = Clock(120)
    ear = Ear(clock)
    counts = play([WorldPlayer(world(), NOW)], clock, ear)
    heard = ear.readings("readings")
    assert counts.live == len(heard) == 48
    for device in ("dev-0", "dev-1", "dev-2", "dev-3"):
        times = [ts for _, name, ts, _ in heard if name == device]
        assert set(np.diff(times)) == {10 * S}
    assert len({ts % (10 * S) for _, _, ts, _ in heard}) == 4
    assert max(at - ts for at, _, ts, _ in heard) < 0.05 * S


def test_a_slow_listener_does_not_shift_the_schedule():
    clock = Clock(300)

    class Slow(Ear):
        def publish(self, topic, payload, *, qos=1, retain=False):
            self.clock.now += round(0.4 * S)
            return super().publish(topic, payload, qos=qos, retain=retain)

    ear = Slow(clock)
    play([WorldPlayer(world(), NOW)], clock, ear)
    times = [ts for _, name, ts, _ in ear.readings("readings") if name == "dev-1"]
    assert set(np.diff(times)) == {10 * S}
    assert times[-1] > NOW + 280 * S


@pytest.mark.parametrize(("away_s", "late"), [(60, 0), (400, 1), (3600, 1)])
def test_what_was_due_while_the_broker_was_away_comes_after(away_s, late):
    clock = Clock(away_s + 100)
    ear = Ear(clock, away=lambda now: NOW + 20 * S <= now < NOW + (20 + away_s) * S)
    play([WorldPlayer(world(1), NOW)], clock, ear)
    fresh, old = ear.readings("readings"), ear.readings("backfill")
    assert all(at - ts <= 180 * S for at, _, ts, _ in fresh)
    assert all(180 * S < at - ts <= 901 * S for at, _, ts, _ in old)
    assert bool(old) == bool(late)
    times = [ts for _, _, ts, _ in old + fresh]
    kept_from = NOW + (20 + away_s - 900) * S
    assert len(set(times)) == len(times)
    expected = np.arange(times[-1], max(NOW, kept_from) - 1, -10 * S)
    assert set(expected.tolist()) <= set(times)


def test_a_new_city_first_plays_the_last_minutes_and_then_its_past_newest_first():
    clock = Clock(30)
    ear = Ear(clock)
    live_from = NOW - LIVE_BEFORE_US
    player = WorldPlayer(world(3), live_from, past_from=NOW - 5 * 3600 * S)
    counts = play([player], clock, ear)
    assert counts.backfill_done
    past = ear.readings("backfill") + [r for r in ear.readings("readings") if r[2] < live_from]
    assert counts.backfilled == len(past) == 3 * 297
    grid = {ts for _, _, ts, _ in past}
    assert set(np.diff(sorted(grid))) == {60 * S}
    assert max(grid) < live_from
    assert min(grid) >= NOW - 5 * 3600 * S
    firsts = [decode(p)[0].ts for _, topic, p, _ in ear.heard if topic.endswith("dev-0/backfill")]
    assert firsts == sorted(firsts, reverse=True)
    first_live = next(k for k, (_, topic, _, _) in enumerate(ear.heard) if topic.endswith("/readings"))
    first_past = next(k for k, (_, topic, _, _) in enumerate(ear.heard) if topic.endswith("/backfill"))
    assert first_live < first_past
    recent = [ts for _, name, ts, _ in ear.readings("readings") if name == "dev-1" and live_from <= ts <= NOW]
    assert len(recent) == 17


def test_no_instant_comes_twice_and_counters_never_fall_over_past_and_present():
    clock = Clock(60)
    ear = Ear(clock)
    play([WorldPlayer(world(2), NOW - LIVE_BEFORE_US, past_from=NOW - 3 * 3600 * S)], clock, ear)
    heard = sorted(
        (ts, values)
        for _, name, ts, values in [*ear.readings("backfill"), *ear.readings("readings")]
        if name == "dev-1"
    )
    assert max(Counter(ts for ts, _ in heard).values()) == 1
    for counter in ("heat_energy_total", "volume_pri_total", "volume_makeup_total", "elec_energy_total"):
        values = [v[counter] for _, v in heard]
        assert values == sorted(values), counter


def test_past_lists_are_bounded_and_carry_no_number():
    clock = Clock(30)
    ear = Ear(clock)
    play([WorldPlayer(world(2), NOW, past_from=NOW - 4 * 3600 * S)], clock, ear)
    lists = [decode(p) for _, topic, p, _ in ear.heard if topic.endswith("/backfill")]
    assert max(map(len, lists)) == 60
    assert all(r.seq is None for part in lists for r in part)
    assert max(len(p) for *_, p, _ in ear.heard) < 256 * 1024


def test_births_tell_kind_and_cadence_and_the_end_says_offline():
    clock = Clock(5)
    ear = Ear(clock)
    players = [WorldPlayer(world(2), NOW)]
    said = dict(greetings(players))
    assert b'"kind":"heat_substation"' in said["hearthline/v1/dev-0/birth"]
    assert b'"interval_s":10.0' in said["hearthline/v1/dev-0/birth"]
    assert said["hearthline/v1/dev-1/state"] == b"online"
    play(players, clock, ear)
    assert [(t, p, r) for _, t, p, r in ear.heard[-2:]] == [
        (f"hearthline/v1/dev-{k}/state", b"offline", True) for k in (0, 1)
    ]


def test_an_outlet_closed_at_the_end_is_no_error_and_one_closed_before_is():
    clock = Clock(60)
    with pytest.raises(LinkDownError):
        play([WorldPlayer(world(), NOW)], clock, Ear(clock, fails_after=3))
    late = Clock(60)
    ear = Ear(late, fails_after=24)
    assert play([WorldPlayer(world(), NOW)], late, ear).live == 24


def test_nobody_to_play_is_a_quiet_fleet():
    clock = Clock(3)
    ear = Ear(clock)
    assert play([], clock, ear).live == 0
    assert ear.heard == []


def test_the_stage_plays_what_the_catalogue_says_and_nothing_else():
    catalogue = load_catalogue(CONFIGS / "cities")
    players = players_for(catalogue, KINDS, SimulateSettings(), now=NOW, recordings=CONFIGS / "recordings")
    assert sorted(len(p.parts) for p in players) == [1, 1, 1, 50]
    chosen = players_for(catalogue, KINDS, SimulateSettings(), now=NOW, simulated=["xc-beian-01", "nis-l4"])
    assert [[part.name for part in p.parts] for p in chosen] == [["xc-beian-01"]]
    quiet = players_for(catalogue, KINDS, SimulateSettings(faults=False), now=NOW, simulated=["xc-laocheng-07"])
    (_, reading), *_ = quiet[0].play(quiet[0].next_due())
    assert reading.values["p_sec_return"] > 0.389 + 0.05
