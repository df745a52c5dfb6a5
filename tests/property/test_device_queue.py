"""The queue of a device against a model: whatever is done to it, and however often it is opened again."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from network.device import DiskQueue, QueueFullError, QueueUnusableError, ReadingTooLargeError
from perception.payload import RawReading, decode

T0 = 1_767_225_600_000_000


def readings(count, at=0):
    return [RawReading(T0 + (at + n) * 1_000_000, {"t_outdoor": n / 2}) for n in range(count)]


class QueueMachine(RuleBasedStateMachine):
    """The model: numbers and times of what is in the queue, and how many were dropped."""

    @initialize(most=st.integers(1, 30), drop_oldest=st.booleans())
    def begin(self, most, drop_oldest):
        self.folder = Path(tempfile.mkdtemp(prefix="hearthline-queue-"))
        self.most, self.drop_oldest = most, drop_oldest
        self.queue = self.opened()
        self.boot, self.model, self.dropped = self.queue.boot, [], 0
        self.base = self.next = self.queue.next()

    def opened(self):
        return DiskQueue(self.folder / "q.db", most=self.most, drop_oldest=self.drop_oldest, durable=False)

    @rule(count=st.integers(0, 12))
    def append(self, count):
        if len(self.model) + count > self.most and (not self.drop_oldest or count > self.most):
            with pytest.raises(QueueFullError, match="do not fit"):
                self.queue.append(readings(count))
            return
        numbers = self.queue.append(readings(count, self.next - self.base))
        assert numbers == range(self.next, self.next + count)
        self.model += [(n, T0 + (n - self.base) * 1_000_000) for n in numbers]
        self.next += count
        over = max(0, len(self.model) - self.most)
        self.dropped += over
        del self.model[:over]

    @rule(offset=st.integers(-5, 40))
    def free(self, offset):
        upto = self.queue.first() + offset
        gone = [n for n, _ in self.model if n <= upto]
        assert self.queue.free(upto) == len(gone)
        del self.model[: len(gone)]

    @rule()
    def open_again(self):
        self.queue.close()
        self.queue = self.opened()

    @rule(above=st.integers(-100, 100))
    def begin_anew(self, above):
        boot, former = self.queue.boot, self.next
        self.queue.begin_anew(former + above)
        assert self.queue.boot != boot
        first = self.queue.first()
        assert first >= max(former, former + above + 1)
        self.model = [(first + n, at) for n, (_, at) in enumerate(self.model)]
        self.boot, self.base = self.queue.boot, self.base + first + len(self.model) - self.next
        self.next = first + len(self.model)

    @rule(offset=st.integers(-5, 40), most=st.integers(1, 20), most_bytes=st.integers(1, 500))
    def peek(self, offset, most, most_bytes):
        start = self.queue.first() + offset
        wanted = [n for n, _ in self.model if n >= start][:most]
        found = self.queue.peek(start, most, most_bytes)
        assert [k.seq for k in found] == wanted[: len(found)]
        assert bool(found) == bool(wanted)
        assert len(found) <= 1 or sum(len(k.body) for k in found) <= most_bytes
        for kept in found:
            [read] = decode(kept.body)
            assert (read.seq, read.ts) == (kept.seq, kept.ts)

    @rule(back=st.integers(0, 40))
    def tail(self, back):
        ts = T0 + (self.next - self.base - back) * 1_000_000
        young = [n for n, at in self.model if at >= ts]
        assert self.queue.tail_since(ts) == min(young, default=self.next)

    @invariant()
    def the_same_is_in_both(self):
        if hasattr(self, "queue"):
            assert len(self.queue) == len(self.model)
            assert self.queue.first() == min((n for n, _ in self.model), default=self.next)
            assert (self.queue.next(), self.queue.dropped, self.queue.boot) == (self.next, self.dropped, self.boot)

    def teardown(self):
        if hasattr(self, "queue"):
            self.queue.close()
            shutil.rmtree(self.folder)


TestQueue = QueueMachine.TestCase
TestQueue.settings = settings(max_examples=120, stateful_step_count=25, deadline=None)


def test_one_process_at_a_time_and_a_clear_word_for_the_second(tmp_path):
    queue = DiskQueue(tmp_path / "q.db")
    with pytest.raises(QueueUnusableError, match="does another process use it"):
        DiskQueue(tmp_path / "q.db")
    queue.close()
    with pytest.raises(QueueUnusableError, match="is closed"):
        queue.append(readings(1))
    DiskQueue(tmp_path / "q.db").close()


def test_a_damaged_file_or_a_missing_folder_says_what_to_do(tmp_path):
    (tmp_path / "q.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(QueueUnusableError, match="move the file away"):
        DiskQueue(tmp_path / "q.db")
    with pytest.raises(QueueUnusableError, match="is its folder there"):
        DiskQueue(tmp_path / "none" / "q.db")


def test_a_reading_too_large_for_any_broker_is_refused_and_its_neighbours_with_it(tmp_path):
    queue = DiskQueue(tmp_path / "q.db")
    large = RawReading(T0, {f"p{n}": 1.0 for n in range(10_000)})
    with pytest.raises(ReadingTooLargeError):
        queue.append([*readings(1), large])
    assert len(queue) == 0
    queue.close()


def test_bytes_are_bounded_too(tmp_path):
    queue = DiskQueue(tmp_path / "q.db", most_bytes=1000, drop_oldest=True)
    for at in range(100):
        queue.append(readings(1, at))
    assert 5 < len(queue) < 20
    assert queue.dropped == 100 - len(queue)
    assert sum(len(k.body) for k in queue.peek(0, 100)) <= 1000
    queue.close()


def test_a_queue_made_anew_uses_no_number_again(tmp_path):
    first = DiskQueue(tmp_path / "a.db")
    first.append(readings(500))
    second = DiskQueue(tmp_path / "b.db")
    assert second.boot != first.boot
    assert second.next() >= first.next()
    first.close(), second.close()
