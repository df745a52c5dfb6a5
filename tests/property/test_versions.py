"""Whatever is written, and whichever version is looked at in between: each shows what it showed at first."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from application.versions import Version

ROWS = 6
ROW = st.integers(0, ROWS - 1)


class Ground:
    """An array and a mapping of arrays, with how often they were turned."""

    def __init__(self):
        self.numbers = np.zeros((ROWS, 2))
        self.slots = {}
        self.turns = 0

    def turned(self):
        self.turns += 1

    def seen(self):
        return self.numbers.tolist(), {k: v.tolist() for k, v in self.slots.items()}


WRITES = st.lists(
    st.one_of(
        st.tuples(st.just("rows"), st.lists(ROW, min_size=1, unique=True), st.floats(-9, 9)),
        st.tuples(st.just("slot"), ROW, st.floats(-9, 9)),
        st.tuples(st.just("forget"), ROW, st.none()),
    ),
    max_size=5,
)


def write(ground, undo, writes):
    for what, where, value in writes:
        if what == "rows":
            rows = np.array(where, np.intp)
            undo.keep(ground.numbers, rows)
            ground.numbers[rows] = value
        elif what == "slot" and where in ground.slots:
            undo.keep(ground.slots[where], np.array([0]))
            ground.slots[where][0] = value
        elif what == "slot":
            undo.keep_key(ground.slots, where)
            ground.slots[where] = np.array([value, 0.0])
        else:
            undo.keep_key(ground.slots, where)
            ground.slots.pop(where, None)


@given(st.lists(st.tuples(st.integers(0, 20), WRITES, st.lists(st.integers(0, 20), max_size=3)), max_size=12))
def test_a_version_is_a_value(steps):
    first = Version(Ground())
    known = [(first, first.look().seen())]
    for origin, writes, looks in steps:
        version, undo = known[origin % len(known)][0].begin()
        write(version.look(), undo, writes)
        known.append((version, version.look().seen()))
        for look in looks:
            version, seen = known[look % len(known)]
            assert version.look().seen() == seen
    for version, seen in known:
        assert version.look().seen() == seen


def test_what_was_half_written_is_turned_back():
    first = Version(Ground())
    half, undo = first.begin()
    ground = half.look()
    write(ground, undo, [("rows", [1, 2], 5.0), ("slot", 3, 1.0)])
    assert first.look().seen() == Ground().seen()
    assert ground.turns == 1
