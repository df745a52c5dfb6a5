"""Sequences: the arithmetic of running numbers: which are settled, which are missing. Pure.

A device numbers its readings 1, 2, 3 ... and may say at its birth which run of its queue this is
(`boot`) and which number is the oldest that it still has (`first_seq`). A number is settled when
its reading was stored, found twice, merged, in conflict or rejected, or when it is below
`first_seq`. What is told to the device is the number up to which all are settled: it may forget
everything up to there, so it is never told more than what was seen.

The result depends on the set of numbers alone, not on their order, nor on how they were split
into batches, nor on how often each came (a property test), as long as at most `MOST_SPANS` holes
are open. Beyond that the oldest holes are written off, and the device is told nothing until its
next birth: it sends again what it still has, and the numbers are counted anew from there.
"""

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import NamedTuple

from network.link import Numbering

Boot = str | int | None

MOST_SPANS = 1_000
_KEPT_SPANS = MOST_SPANS // 2


class Span(NamedTuple):
    """Numbers from `first` to `last`, both included."""

    first: int
    last: int


Spans = tuple[Span, ...]
"""Disjoint, not touching, ascending."""


class Count(NamedTuple):
    """What is known of the numbers of one device in one run of its queue.

    Up to `settled` everything is accounted for: settled, or listed in `missing`, which never came
    and which the device has not any more. Above it, what came is `ahead`. `settled` is None while
    nobody has said where the numbers begin. `sure`: `settled` may be told to the device. `former`
    is the run before: when its birth comes again it is an echo.
    """

    boot: Boot = None
    former: Boot = None
    first: int | None = None
    settled: int | None = None
    sure: bool = False
    highest: int | None = None
    ahead: Spans = ()
    missing: Spans = ()


NOTHING = Count()


def counted(count: Count, told: Sequence[int | Numbering]) -> tuple[Count, list[tuple[Boot, Spans]]]:
    """Go on counting with what one device told, in its order: numbers that are settled, and births.

    Returns the new count, and the gaps that are final now, with the run that they belong to.
    """
    final: list[tuple[Boot, Spans]] = []
    numbers: list[int] = []
    if len(told) == 1 and told[0] == _expected(count):  # what nearly always comes
        return _moved(count, told[0]), final
    for item in told:
        if isinstance(item, int):
            numbers.append(item)
            continue
        count = _trimmed(settle(count, numbers), final)
        numbers = []
        if _is_new(count, item):
            final.append((count.boot, gaps(count)))
        count = born(count, item)
    return _trimmed(settle(count, numbers), final), [(boot, spans) for boot, spans in final if spans]


def settle(count: Count, numbers: Sequence[int]) -> Count:
    """Note numbers that are settled."""
    if not numbers:
        return count
    settled = count.settled
    if settled is None:
        ahead = union(count.ahead, spans_of(numbers))
        return count._replace(ahead=ahead, highest=ahead[-1].last)
    lowest, highest = min(numbers), max(numbers)
    if lowest > settled and not count.ahead and highest - settled == len(set(numbers)):
        return _moved(count, highest)
    came = spans_of(numbers)
    missing = minus(count.missing, came) if count.missing and lowest <= settled else count.missing
    ahead = union(count.ahead, above(came, settled))
    return _closed(count._replace(ahead=ahead, missing=missing, highest=max(count.highest or 0, highest)))


def born(count: Count, birth: Numbering) -> Count:
    """Note a birth: a new run begins, or the oldest number that is still queued has moved up."""
    first = birth.first_seq
    if _is_new(count, birth):
        begun = None if first is None else first - 1
        return Count(birth.boot, count.boot, first, begun, first is not None, begun)
    if birth.boot != count.boot or first is None:
        return count
    if count.settled is None or (not count.sure and first <= count.settled):
        return _begun_at(count, first)
    raised = _raised(count, first) if first - 1 > count.settled else count
    return raised._replace(sure=True, first=max(count.first or 0, first))


def _expected(count: Count) -> int | None:
    """Return the number that is next where nothing is open above `settled`."""
    return None if count.settled is None or count.ahead else count.settled + 1


def _moved(count: Count, settled: int) -> Count:
    """Move on over numbers that came without a hole. The other parts are the same objects: that tells it apart."""
    return Count(count.boot, count.former, count.first, settled, count.sure, settled, (), count.missing)


def only_moved(old: Count, new: Count) -> bool:
    """Return whether nothing but `settled` and with it `highest` is different."""
    return (
        new.missing is old.missing
        and new.first is old.first
        and new.boot is old.boot
        and new.former is old.former
        and new.sure is old.sure
        and not new.ahead
        and not old.ahead
        and new.settled is not None
        and new.highest == new.settled
    )


def gaps(count: Count) -> Spans:
    """Return the numbers below the highest seen that never came."""
    return (*count.missing, *_holes(count.settled, count.ahead, count.highest))


def missing(count: Count) -> int:
    """Return how many numbers the gaps hold."""
    if count.highest is None or not (count.ahead or count.missing):
        return 0
    low = count.ahead[0].first if count.settled is None else count.settled + 1
    return length(count.missing) + max(0, count.highest - low + 1) - length(count.ahead)


def length(spans: Spans) -> int:
    """Return how many numbers spans hold."""
    return sum(span.last - span.first + 1 for span in spans)


def _is_new(count: Count, birth: Numbering) -> bool:
    """Whether a birth begins a run. The run before comes again when the broker delivers again: an echo."""
    return birth.boot != count.boot and (count.former is None or birth.boot != count.former)


def _begun_at(count: Count, first: int) -> Count:
    """Count from `first`: now it is known where to begin, or what was above was written off and is sent again."""
    below = _holes(None, count.ahead, first - 1) if count.settled is None else ()
    known = above(count.ahead, first - 1) if count.settled is None else ()
    missing = union(minus(count.missing, (Span(first, 2**63),)), below)
    highest = first - 1 if count.highest is None else max(count.highest, first - 1)
    return _closed(Count(count.boot, count.former, first, first - 1, True, highest, known, missing))  # noqa: FBT003


def _raised(count: Count, first: int) -> Count:
    """Give up what is open below `first`: the device has it no longer, so it will never come."""
    assert count.settled is not None
    open_below = minus((Span(count.settled + 1, first - 1),), count.ahead)
    return _closed(
        count._replace(
            settled=first - 1,
            highest=max(count.highest or 0, first - 1),
            ahead=above(count.ahead, first - 1),
            missing=union(count.missing, open_below),
        )
    )


def _closed(count: Count) -> Count:
    """Move `settled` up over what came ahead of it."""
    ahead, settled = count.ahead, count.settled
    if settled is not None and ahead and ahead[0].first == settled + 1:
        return count._replace(settled=ahead[0].last, ahead=ahead[1:])
    return count


def _trimmed(count: Count, final: list[tuple[Boot, Spans]]) -> Count:
    """Keep a count small: with too many holes the oldest are written off, and nothing is sure until the next birth."""
    if len(count.ahead) > MOST_SPANS:
        kept = count.ahead[-_KEPT_SPANS:]
        written_off = _holes(count.settled, count.ahead[:-_KEPT_SPANS], kept[0].first - 1)
        count = _closed(
            count._replace(settled=kept[0].first - 1, sure=False, ahead=kept, missing=union(count.missing, written_off))
        )
    if len(count.missing) > MOST_SPANS:
        final.append((count.boot, count.missing[:-_KEPT_SPANS]))
        count = count._replace(missing=count.missing[-_KEPT_SPANS:])
    return count


def _holes(settled: int | None, ahead: Spans, highest: int | None) -> Spans:
    """Return what lies between `settled` and `highest` and is not in `ahead`; without `settled`, from its begin on."""
    if highest is None or (settled is None and not ahead):
        return ()
    low = ahead[0].first if settled is None else settled + 1
    return minus((Span(low, highest),), ahead) if low <= highest else ()


def spans_of(numbers: Collection[int]) -> Spans:
    """Return the spans that hold exactly these numbers."""
    if not numbers:
        return ()
    ordered = sorted(set(numbers))
    cuts = [i + 1 for i, (a, b) in enumerate(pairwise(ordered)) if b != a + 1]
    return tuple(
        Span(ordered[begin], ordered[end - 1]) for begin, end in zip([0, *cuts], [*cuts, len(ordered)], strict=True)
    )


def union(some: Spans, others: Spans) -> Spans:
    """Return the spans that hold what either holds."""
    if not some or not others:
        return some or others
    joined: list[Span] = []
    for span in sorted((*some, *others)):
        if joined and span.first <= joined[-1].last + 1:
            joined[-1] = Span(joined[-1].first, max(joined[-1].last, span.last))
        else:
            joined.append(span)
    return tuple(joined)


def minus(some: Spans, others: Spans) -> Spans:
    """Return the spans that hold what `some` holds and `others` does not."""
    left: list[Span] = []
    place = 0
    for first, last in some:
        begin = first
        while place < len(others) and others[place].last < begin:
            place += 1
        at = place
        while at < len(others) and others[at].first <= last:
            if others[at].first > begin:
                left.append(Span(begin, others[at].first - 1))
            begin = others[at].last + 1
            at += 1
        if begin <= last:
            left.append(Span(begin, last))
    return tuple(left)


def above(spans: Spans, limit: int) -> Spans:
    """Return what of the spans is above a limit."""
    return tuple(Span(max(s.first, limit + 1), s.last) for s in spans if s.last > limit)
