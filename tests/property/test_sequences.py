"""Running numbers: order, split and repetition do not matter, and nothing is claimed that was not settled."""

from hypothesis import given
from hypothesis import strategies as st

from network.link import Numbering
from support import sequences
from support.sequences import MOST_SPANS, NOTHING, Count, Span, born, counted, gaps, length, settle, spans_of

numbers = st.lists(st.integers(0, 40), max_size=60)
birth = Numbering("a", 5)


def held(spans):
    return {n for first, last in spans for n in range(first, last + 1)}


def split(items, sizes):
    """Cut a list into pieces of these sizes, the rest at the end."""
    parts, place = [], 0
    for size in sizes:
        parts.append(items[place : place + size])
        place += size
    return [*parts, items[place:]]


@given(numbers, st.randoms(), st.lists(st.integers(1, 9), max_size=8), st.lists(st.integers(0, 40), max_size=4))
def test_the_order_the_split_and_repetitions_do_not_matter(several, random, sizes, firsts):
    """Births of one run come in their order, wherever they come between the numbers."""
    shuffled = [*several, *random.choices(several or [1], k=5 if several else 0)]
    random.shuffle(shuffled)
    births = [Numbering("a", first) for first in sorted(firsts)]
    places = sorted(random.randrange(len(shuffled) + 1) for _ in births)
    for place, b in reversed(list(zip(places, births, strict=True))):
        shuffled.insert(place, b)
    count = born(NOTHING, birth)
    for part in split(shuffled, sizes):
        count, final = counted(count, part)
        assert not final
    first = max([birth.first_seq, *firsts])
    came = {n for n in several if n >= birth.first_seq}
    settled = first - 1
    while settled + 1 in came:
        settled += 1
    highest = max([first - 1, *several])
    expected = Count("a", None, first, settled, sure=True, highest=highest,
                     ahead=spans_of([n for n in came if n > settled]),
                     missing=spans_of(set(range(birth.first_seq, settled + 1)) - came))  # fmt: skip
    assert count == expected
    assert sequences.missing(count) == length(gaps(count))
    assert held(gaps(count)) == set(range(birth.first_seq, highest + 1)) - came


@given(numbers, st.randoms(), st.integers(0, 40))
def test_without_a_birth_nothing_is_sure_until_one_comes(several, random, first):
    one, _ = counted(NOTHING, several)
    shuffled = random.sample(several, len(several))
    other = settle(settle(NOTHING, shuffled[: len(several) // 2]), shuffled[len(several) // 2 :])
    assert one == other
    assert not one.sure
    assert held(gaps(one)) == set(range(min(several, default=0), max(several, default=-1))) - set(several)
    begun = born(one._replace(boot="a"), Numbering("a", first))
    assert begun.sure
    assert set(range(first, begun.settled + 1)) <= set(several)
    assert held(gaps(begun)) == set(range(min([first, *several]), max([first, *several]))) - set(several)


births = st.builds(Numbering, st.sampled_from(["a", "b", 3]), st.none() | st.integers(0, 30))
events = st.lists(st.integers(0, 30) | births, max_size=40)


@given(events, st.lists(st.integers(1, 9), max_size=8))
def test_nothing_is_claimed_that_was_not_settled_since_its_run_began(several, sizes):
    """The model: numbers since the birth that began the run, and the highest `first_seq` since."""
    count = one_by_one = NOTHING
    for part in split(several, sizes):
        count, _ = counted(count, part)
    came = set()
    for item in several:
        boot = one_by_one.boot
        one_by_one, _ = counted(one_by_one, [item])
        if one_by_one.boot != boot:
            came = set()
        if isinstance(item, int):
            came.add(item)
        if one_by_one.sure:
            assert set(range(one_by_one.first, one_by_one.settled + 1)) <= came
    assert one_by_one == count
    assert sequences.missing(count) == length(gaps(count))


def test_a_new_run_begins_anew_and_the_gaps_of_the_one_before_are_final():
    count, final = counted(NOTHING, [Numbering("a", 1), 1, 2, 5, Numbering("b", 1), 1])
    assert final == [("a", (Span(3, 4),))]
    assert (count.boot, count.settled, count.sure) == ("b", 1, True)
    echoed, final = counted(count, [Numbering("a", 1), Numbering("b", 1)])  # both delivered again
    assert (echoed, final) == (count, [])


def test_what_the_device_has_no_longer_is_missing_until_it_comes_after_all():
    count, _ = counted(NOTHING, [Numbering("a", 1), 1, 4, 6, Numbering("a", 6)])
    assert (count.settled, gaps(count)) == (6, (Span(2, 3), Span(5, 5)))
    count, _ = counted(count, [3])
    assert gaps(count) == (Span(2, 2), Span(5, 5))


def test_with_too_many_holes_nothing_is_sure_until_the_next_birth():
    odd = range(1, 2_400, 2)
    count, final = counted(NOTHING, [Numbering("a", 0), *odd])
    assert not count.sure
    assert len(count.ahead) <= MOST_SPANS
    assert length(gaps(count)) + sum(length(spans) for _, spans in final) == len(odd)
    again, _ = counted(count, [Numbering("a", 10), *range(10, 2_400)])
    assert (again.sure, again.settled) == (True, 2_400 - 1)
    assert held(gaps(again)) == {0, 2, 4, 6, 8}


def test_holes_without_end_become_final_and_memory_stays_small():
    count, written_off = born(NOTHING, Numbering("a", 0)), 0
    for begin in range(0, 20 * MOST_SPANS, 100):
        count, final = counted(count, range(begin + 1, begin + 100, 2))
        written_off += sum(length(spans) for _, spans in final)
        assert len(count.ahead) + len(count.missing) <= 2 * MOST_SPANS + 50
    assert written_off + length(gaps(count)) == 10 * MOST_SPANS


@given(numbers, numbers, st.integers(-1, 41))
def test_spans_are_sets(some, others, limit):
    a, b = spans_of(some), spans_of(others)
    assert held(sequences.union(a, b)) == {*some, *others}
    assert held(sequences.minus(a, b)) == set(some) - set(others)
    assert held(sequences.above(a, limit)) == {n for n in some if n > limit}
    for spans in (a, sequences.union(a, b), sequences.minus(a, b)):
        assert spans == spans_of(held(spans))
