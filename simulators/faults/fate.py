"""Fate: what a device's link does to whatever the device sends."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LinkFate:
    """What happens now to the messages of one device. All zero: they leave at once, once, with the right time.

    `silent`: nothing leaves. `keeps`: what is measured while silent is kept and sent, late, when the silence ends;
    else nobody ever hears of it. `delay_s`: everything leaves so long after it was measured. `duplicates`: so many
    more copies of each message follow it. `clock_offset_s` is added to each time stamp: a device whose clock fell
    back to 1970 has a large negative one, one whose clock drifts a growing one. `boots` counts the restarts so far:
    when it grows, the device has just started, says its birth again and counts its running numbers anew.
    """

    silent: bool = False
    keeps: bool = False
    delay_s: float = 0.0
    duplicates: int = 0
    clock_offset_s: float = 0.0
    boots: int = 0


SOUND_LINK = LinkFate()


def joined(one: LinkFate, other: LinkFate) -> LinkFate:
    """Return what two faults of one link do together: what is lost to one of them is lost."""
    loses = (one.silent and not one.keeps) or (other.silent and not other.keeps)
    return LinkFate(
        silent=one.silent or other.silent,
        keeps=(one.silent or other.silent) and not loses,
        delay_s=one.delay_s + other.delay_s,
        duplicates=one.duplicates + other.duplicates,
        clock_offset_s=one.clock_offset_s + other.clock_offset_s,
        boots=one.boots + other.boots,
    )
