"""Replay of a recording through a device: pace, counts, shift."""

import pytest

from network.device import Sent
from perception.payload import RawReading
from simulators.replay import DAY_US, days_to, run_replay, shifted

S = 1_000_000
BEGIN = 1_700_000_000_000_000
ROWS = [RawReading(BEGIN + k * 180 * S, {"t_sec_supply": 40.0 + k}) for k in range(200)]


class Clock:
    """A clock that moves only when somebody waits: also the event that says when to stop."""

    def __init__(self, seconds=1e9):
        self.now, self.end = 0, seconds * S

    def __call__(self):
        return self.now

    def is_set(self):
        return self.now >= self.end

    def wait(self, timeout):
        self.now += max(round(timeout * S), 1)
        return self.is_set()


class Receipt:
    def __init__(self, client):
        self.client = client

    def acknowledged(self):
        return self.client.flushed


class Device:
    def __init__(self, clock, *, flushes=True):
        self.clock, self.flushes, self.flushed = clock, flushes, False
        self.sent = []

    def send(self, readings, now=None):
        self.sent.append((self.clock.now, list(readings)))
        return [Sent(len(readings), Receipt(self))]

    def flush(self, timeout_s):
        self.clock.wait(timeout_s)
        self.flushed = self.flushes
        return self.flushes


def replay(clock, device, speed):
    return run_replay(ROWS, device, speed=speed, clock=clock, stop=clock, progress=lambda _: None)


def test_as_fast_as_possible_sends_lists_in_order_and_counts():
    clock = Clock()
    device = Device(clock)
    counts = replay(clock, device, None)
    assert (counts.total, counts.sent, counts.acknowledged) == (200, 200, 200)
    assert [len(part) for _, part in device.sent] == [60, 60, 60, 20]
    assert [r for _, part in device.sent for r in part] == ROWS


@pytest.mark.parametrize("speed", [1.0, 60.0, 3600.0])
def test_a_speed_keeps_the_recorded_pace_without_drift(speed):
    clock = Clock()
    device = Device(clock)
    replay(clock, device, speed)
    assert [r for _, part in device.sent for r in part] == ROWS
    for at, part in device.sent:
        turn = (part[-1].ts - BEGIN) / speed
        assert 0 <= at - turn < 0.01 * S


def test_stop_ends_it_with_what_was_sent():
    clock = Clock(seconds=31)
    counts = replay(clock, Device(clock), 60.0)
    assert counts.sent == 11


def test_what_is_never_acknowledged_is_not_counted():
    clock = Clock()
    counts = replay(clock, Device(clock, flushes=False), None)
    assert (counts.sent, counts.acknowledged) == (200, 0)
    assert clock.now < 60 * S


def test_shift_by_whole_days_brings_the_newest_reading_to_now():
    now = BEGIN + 5 * 365 * DAY_US + 7 * 3600 * S
    moved = shifted(ROWS, days_to(ROWS, now))
    assert 0 <= now - moved[-1].ts < DAY_US
    assert all((b.ts - a.ts) % DAY_US == 0 and a.values == b.values for a, b in zip(ROWS, moved, strict=True))
    assert days_to([], now) == 0
