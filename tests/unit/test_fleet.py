"""The fleet's pace on a scripted clock: on time, spread, patient with the broker, newest past first."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from perception.kinds import load_kinds
from perception.payload import decode
from perception.seed_files import load_catalogue
from simulators.airway import Airway
from simulators.cast import Part
from simulators.climate import SEASONS
from simulators.crew import Crew, by_branch, one_each
from simulators.faults import SOUND_LINK, LinkFate
from simulators.fleet import LIVE_BEFORE_US, run_fleet
from simulators.heat.design import StationFacts
from simulators.player import WorldPlayer
from simulators.settings import SimulateSettings
from simulators.stage import players_for
from simulators.tempo import MAX, Tempo
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


class Ear:
    """A link that hears all that a crew says, with the time at which it was said; only waiting takes time."""

    def __init__(self, clock, away=lambda _now: False, slow_s=0.0):
        self.clock, self.away, self.slow_s = clock, away, slow_s
        self.heard, self.cuts = [], []
        self.crew = None
        self.was_up = False

    def connected(self):
        return not self.away(self.clock.now)

    def ring(self, place):
        pass

    def cut(self, place):
        self.cuts.append((self.clock.now, place, True))

    def mend(self, place):
        self.cuts.append((self.clock.now, place, False))

    def turn(self, wait_s):
        up = self.connected()
        for gateway in self.crew.gateways if up else ():
            for message in [] if self.was_up else gateway.greetings():
                self.heard.append((self.clock.now, message.topic, message.payload, message.retain))
            while said := gateway.say(7):
                for message in said:
                    self.clock.now += round(self.slow_s * S)
                    self.heard.append((self.clock.now, message.topic, message.payload, message.retain))
                    gateway.settled(message)
        self.was_up = up
        if wait_s:
            self.clock.wait(wait_s)

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


def play(players, clock, ear, *, tempo=None, most_bytes=1 << 30, groups=None, airway=None):
    parts = [part for player in players for part in player.parts]
    tempo = tempo or Tempo(clock)
    now = (lambda: tempo.reached) if tempo.shifted else clock
    ear.crew = Crew(groups or by_branch(parts, {}), now, most_bytes=most_bytes, airway=airway)
    return run_fleet(players, ear.crew, ear, tempo=tempo, stop=clock, progress=lambda _: None)


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

    ear = Ear(clock, slow_s=0.4)
    play([WorldPlayer(world(), NOW)], clock, ear)
    times = [ts for _, name, ts, _ in ear.readings("readings") if name == "dev-1"]
    assert set(np.diff(times)) == {10 * S}
    assert times[-1] > NOW + 280 * S


@pytest.mark.parametrize(("away_s", "late"), [(60, 0), (400, 1), (3600, 1)])
def test_what_was_measured_while_the_broker_was_away_comes_after_in_order(away_s, late):
    clock = Clock(away_s + 100)
    ear = Ear(clock, away=lambda now: NOW + 20 * S <= now < NOW + (20 + away_s) * S)
    counts = play([WorldPlayer(world(1), NOW)], clock, ear)
    fresh, old = ear.readings("readings"), ear.readings("backfill")
    assert all(at - ts <= 180 * S for at, _, ts, _ in fresh)
    assert all(at - ts > 180 * S for at, _, ts, _ in old)
    assert bool(old) == bool(late)
    times = [r.ts for _, topic, p, _ in ear.heard if topic.endswith(("/readings", "/backfill")) for r in decode(p)]
    assert set(np.diff(times)) == {10 * S}
    assert (counts.live, counts.dropped, counts.waiting) == (len(times), 0, 0)


def test_what_does_not_fit_while_the_broker_is_away_is_dropped_oldest_first_and_counted():
    clock = Clock(700)
    ear = Ear(clock, away=lambda now: NOW + 20 * S <= now < NOW + 600 * S)
    counts = play([WorldPlayer(world(1), NOW)], clock, ear, most_bytes=30_000)
    times = [ts for *_, ts, _ in [*ear.readings("backfill"), *ear.readings("readings")]]
    assert len(set(times)) == len(times)
    assert counts.dropped > 20
    assert counts.live + counts.dropped == 70
    gap = np.diff(sorted(times))
    assert sorted(set(gap.tolist())) == [10 * S, (counts.dropped + 1) * 10 * S]


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
    ear.crew = Crew(by_branch(players[0].parts, {}), clock, most_bytes=1)
    said = {m.topic: m.payload for gateway in ear.crew.gateways for m in gateway.greetings()}
    assert b'"kind":"heat_substation"' in said["hearthline/v1/dev-0/birth"]
    assert b'"interval_s":10.0' in said["hearthline/v1/dev-0/birth"]
    assert said["hearthline/v1/dev-1/state"] == b"online"
    play(players, clock, ear)
    assert [(t, p, r) for _, t, p, r in ear.heard[-2:]] == [
        (f"hearthline/v1/dev-{k}/state", b"offline", True) for k in (0, 1)
    ]


def test_nobody_to_play_is_a_quiet_fleet():
    clock = Clock(3)
    ear = Ear(clock)
    assert play([], clock, ear).live == 0
    assert ear.heard == []


def test_the_stage_plays_what_the_catalogue_says_and_nothing_else():
    catalogue = load_catalogue(CONFIGS / "cities")
    players = players_for(catalogue, KINDS, SimulateSettings(), now=NOW, recordings=CONFIGS / "recordings")
    assert sorted(len(p.parts) for p in players) == [1, 1, 1, 50 + len(catalogue.rooms)]
    chosen = players_for(catalogue, KINDS, SimulateSettings(), now=NOW, simulated=["xc-beian-01", "nis-l4"])
    assert [[part.name for part in p.parts] for p in chosen] == [["xc-beian-01"]]
    quiet = players_for(catalogue, KINDS, SimulateSettings(faults=False), now=NOW, simulated=["xc-laocheng-07"])
    (_, reading), *_ = quiet[0].play(quiet[0].next_due())
    assert reading.values["p_sec_return"] > 0.389 + 0.05


def test_jitter_is_late_by_dice_of_the_seed_and_neither_drifts_nor_reorders():
    plain, first, again, other = (
        WorldPlayer(world(3), NOW, jitter=jitter, seed=seed) for jitter, seed in ((0, 1), (0.3, 1), (0.3, 1), (0.3, 2))
    )
    times = [
        {n: [r.ts for name, r in played if name == n] for n in ("dev-0", "dev-1", "dev-2")}
        for played in (list(p.play(NOW + 600 * S)) for p in (plain, first, again, other))
    ]
    assert times[1] == times[2] != times[3]
    for name, planned in times[0].items():
        late = np.array(times[1][name]) - np.array(planned[: len(times[1][name])])
        assert 0 <= late.min() < late.max() <= 3 * S
        assert len(set(late.tolist())) > 40
        assert np.diff(times[1][name]).min() > 0


@pytest.mark.parametrize("speed", [60.0, MAX])
def test_a_faster_world_ends_in_the_present_and_is_never_ahead_of_it(speed):
    clock = Clock(10_000)
    ear = Ear(clock, slow_s=0.0001)
    begin = NOW - 3600 * S
    counts = play([WorldPlayer(world(2), begin)], clock, ear, tempo=Tempo(clock, speed=speed, begin=begin))
    heard = ear.readings("readings")
    assert len(heard) == counts.live
    assert not ear.readings("backfill")
    assert all(ts <= at for at, _, ts, _ in heard)
    assert set(np.diff([ts for _, name, ts, _ in heard if name == "dev-1"])) == {10 * S}
    assert abs(counts.reached - clock.now) < 11 * S
    if speed == 60:
        assert clock.now == pytest.approx(NOW + 3600 * S / 59, abs=2 * S)


def test_a_faster_world_stands_still_while_the_broker_is_away():
    clock = Clock(10_000)
    ear = Ear(clock, away=lambda now: NOW + 10 * S <= now < NOW + 70 * S)
    begin = NOW - 4 * 3600 * S
    tempo = Tempo(clock, speed=60.0, begin=begin, end=begin + 3600 * S)
    counts = play([WorldPlayer(world(2), begin)], clock, ear, tempo=tempo)
    times = [ts for _, name, ts, _ in ear.readings("readings") if name == "dev-0"]
    assert set(np.diff(times)) == {10 * S}
    assert counts.waiting == counts.dropped == 0
    assert begin + 3580 * S < max(times) <= begin + 3600 * S
    assert clock.now == pytest.approx(NOW + 120 * S, abs=2 * S)


def test_a_world_that_stays_lives_on_in_the_present():
    clock = Clock(200)
    ear = Ear(clock)
    begin = NOW - 1800 * S
    play([WorldPlayer(world(1), begin)], clock, ear, tempo=Tempo(clock, speed=MAX, begin=begin, stays=True))
    times = [ts for *_, ts, _ in ear.readings("readings")]
    assert set(np.diff(times)) == {10 * S}
    assert max(times) > NOW + 180 * S


class Fates:
    """A link that has a fate between two times."""

    def __init__(self, fate, begins=100, ends=300):
        self.fate, self.begins, self.ends = fate, NOW + begins * S, NOW + ends * S

    def __call__(self, device, at):
        return self.fate if device == "dev-0" and self.begins <= at < self.ends else SOUND_LINK


def played_with(fate, *, seconds=400, own=False):
    clock = Clock(seconds)
    ear = Ear(clock)
    player = WorldPlayer(world(2), NOW)
    groups = one_each(player.parts) if own else {"both": player.parts}
    counts = play([player], clock, ear, groups=groups, airway=Airway(Fates(fate)))
    assert sum(1 for _, name, *_ in ear.readings("readings") if name == "dev-1") == seconds // 10
    return ear, counts


def test_a_silent_device_is_offline_and_what_it_measured_is_lost_or_comes_late():
    ear, counts = played_with(LinkFate(silent=True))
    times = [ts for _, name, ts, _ in ear.readings("readings") if name == "dev-0"]
    assert (counts.lost, len(times)) == (20, 20)
    states = [p for _, topic, p, _ in ear.heard if topic.endswith("dev-0/state")]
    assert states == [b"online", b"offline", b"online", b"offline"]
    ear, counts = played_with(LinkFate(silent=True, keeps=True))
    mine = [
        p for _, topic, p, _ in ear.heard if topic in {f"hearthline/v1/dev-0/{c}" for c in ("readings", "backfill")}
    ]
    everything = [r.ts for p in mine for r in decode(p)]
    assert (counts.lost, len(everything)) == (0, 40)
    assert everything == sorted(everything)


def test_a_silent_device_with_its_own_connection_is_cut_off():
    ear, _ = played_with(LinkFate(silent=True), own=True)
    assert [(place, off) for _, place, off in ear.cuts] == [(0, True), (0, False)]


def test_delay_never_reorders_and_duplicates_and_clocks_are_as_told():
    ear, _ = played_with(LinkFate(delay_s=45))
    late = [(ts, at) for at, name, ts, _ in ear.readings("readings") if name == "dev-0"]
    assert [ts for ts, _ in late] == sorted(ts for ts, _ in late)
    assert max(at - ts for ts, at in late) >= 45 * S
    ear, _ = played_with(LinkFate(duplicates=2))
    times = [ts for _, name, ts, _ in ear.readings("readings") if name == "dev-0"]
    assert Counter(Counter(times).values()) == {1: 20, 3: 20}
    ear, _ = played_with(LinkFate(clock_offset_s=-86_400.0))
    wrong = [ts for _, name, ts, _ in ear.readings("backfill") if name == "dev-0"]
    assert len(wrong) == 20
    assert max(wrong) < NOW - 86_000 * S


def test_a_device_that_has_just_started_says_its_birth_again():
    clock = Clock(200)
    ear = Ear(clock)
    player = WorldPlayer(world(2), NOW)
    fates = Fates(LinkFate(boots=1))
    play([player], clock, ear, groups={"both": player.parts}, airway=Airway(fates))
    assert sum(1 for _, topic, *_ in ear.heard if topic.endswith("dev-0/birth")) == 2
