"""DiskQueue: the readings of one device, from `send` until the platform says that they are stored.

It is an SQLite database in WAL mode with synchronous=FULL, and not files of our own: SQLite is in
the standard library, its recovery after kill -9 and power loss has been tested for decades,
forgetting the oldest is one statement that frees its pages for the next, and anybody can look
inside. The price is one fsync per call of `append`: some milliseconds on a flash card.

The readings are numbered. The first number is the time (epoch microseconds) at which the queue
was made, so that a queue that was lost and made anew uses no number again, not even while
messages of the former one are still under way. The name of the queue (`boot`) goes with it.
"""

import secrets
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from perception.payload import RawReading, decode, encode

MOST_READINGS = 1_000_000
MOST_BYTES = 1 << 30
MOST_BYTES_PER_READING = 64 * 1024
_TABLES = """
create table if not exists fact (name text primary key, value) without rowid;
create table if not exists reading (seq integer primary key, ts integer not null, body blob not null);
"""


class QueueError(Exception):
    """Root of what can go wrong with the queue of a device.

    QueueError
    ├── QueueFullError        there is no room, and nothing may be dropped
    ├── ReadingTooLargeError  one reading is larger than any broker should be given
    └── QueueUnusableError    the file cannot be opened, read or written
    """


class QueueFullError(QueueError):
    """There is no room for these readings: none was accepted. The platform has not stored the older ones yet."""


class ReadingTooLargeError(QueueError):
    """One of these readings is too large: none of them was accepted."""


class QueueUnusableError(QueueError):
    """The file cannot be used; the text says why and what to try. What was accepted before is still in it."""


class Kept(NamedTuple):
    """A reading in the queue: its number, its time (epoch microseconds), and its JSON object."""

    seq: int
    ts: int
    body: bytes


class DiskQueue:
    """A queue in the file `path`, for one process at a time; its methods may be called from any thread.

    Bounded: at most `most` readings and about `most_bytes` of JSON. When it is full `append`
    raises QueueFullError, or with `drop_oldest` the oldest readings go: `dropped` counts them,
    also over restarts, and the platform lists their numbers as never arrived. `durable` False
    is for tests: it survives the end of the process, not that of the machine.
    """

    def __init__(
        self,
        path: Path,
        *,
        most: int = MOST_READINGS,
        most_bytes: int = MOST_BYTES,
        drop_oldest: bool = False,
        durable: bool = True,
    ) -> None:
        self._path, self._most, self._most_bytes, self._drop_oldest = path, most, most_bytes, drop_oldest
        self._lock = threading.Lock()
        with self._in_queue_words():
            self._file = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
            try:
                self._open(durable=durable)
            except sqlite3.Error:
                self._file.close()
                raise

    def _open(self, *, durable: bool) -> None:
        self._file.execute("pragma locking_mode=exclusive")
        self._file.execute("pragma journal_mode=wal")
        self._file.execute(f"pragma synchronous={'full' if durable else 'off'}")
        self._file.executescript(f"begin immediate; {_TABLES} commit;")
        made = [("boot", secrets.token_hex(6)), ("next_seq", time.time_ns() // 1000), ("dropped", 0)]
        with self._transaction():
            self._file.executemany("insert or ignore into fact values (?, ?)", made)
        self.boot = str(self._fact("boot"))
        self._next, self._dropped = int(self._fact("next_seq")), int(self._fact("dropped"))
        whole = "select count(*), coalesce(sum(length(body)), 0), coalesce(min(seq), ?) from reading"
        row: tuple[int, int, int] = self._file.execute(whole, (self._next,)).fetchone()
        self._count, self._bytes, self._first = row

    def append(self, readings: Sequence[RawReading]) -> range:
        """Keep readings, all or none, and return their numbers. They are durable on return.

        Every reading needs its time. Raises QueueFullError, ReadingTooLargeError, QueueUnusableError.
        """
        with self._lock, self._in_queue_words():
            rows = [
                (seq, reading.ts, encode([replace(reading, seq=seq)]))
                for seq, reading in enumerate(readings, self._next)
            ]
            size = sum(self._measured(body) for _, _, body in rows)
            over = self._over(rows=len(rows), size=size)
            with self._transaction():
                gone = self._drop(over) if over else (0, 0)
                self._file.executemany("insert into reading values (?, ?, ?)", rows)
                self._remember("next_seq", self._next + len(rows))
                self._remember("dropped", self._dropped + gone[0])
            self._dropped += gone[0]
            self._next += len(rows)
            self._took(len(rows) - gone[0], size - gone[1])
            return range(self._next - len(rows), self._next)

    def peek(self, start: int, most: int, most_bytes: int = 256 * 1024) -> list[Kept]:
        """Return up to `most` readings from number `start` on, in order; at least one if there is any."""
        with self._lock, self._in_queue_words():
            found: list[Kept] = []
            for row in self._file.execute("select * from reading where seq >= ? order by seq limit ?", (start, most)):
                kept = Kept(*row)
                most_bytes -= len(kept.body)
                if found and most_bytes < 0:
                    break
                found.append(kept)
            return found

    def free(self, upto: int) -> int:
        """Forget what is numbered up to `upto`: it is stored. Return how many readings that were."""
        with self._lock, self._in_queue_words():
            with self._transaction():
                gone, size = self._delete("seq <= ?", upto)
            self._took(-gone, -size)
            return gone

    def begin_anew(self, above: int) -> None:
        """Begin a new run: another `boot`, and new numbers above `above` for all that is in the queue."""
        with self._lock, self._in_queue_words():
            boot, begin = secrets.token_hex(6), max(above + 1, self._next, time.time_ns() // 1000)
            old = [seq for (seq,) in self._file.execute("select seq from reading order by seq")]
            with self._transaction():
                for new, seq in enumerate(old, begin):
                    (body,) = self._file.execute("select body from reading where seq = ?", (seq,)).fetchone()
                    readings = [replace(r, seq=new) for r in decode(body) if isinstance(r, RawReading)]
                    change = "update reading set seq = ?, body = ? where seq = ?"
                    self._file.execute(change, (new, encode(readings), seq))
                self._remember("next_seq", begin + len(old))
                self._remember("boot", boot)
            self.boot, self._next = boot, begin + len(old)
            self._took(0, 0)

    def first(self) -> int:
        """Return the oldest number in the queue; the next one to be given when it is empty."""
        return self._first

    def next(self) -> int:
        """Return the number that the next reading will have."""
        return self._next

    def is_free_of(self, boot: str, upto: int) -> bool:
        """Return whether nothing numbered up to `upto` in a run is here. An empty queue is free of everything."""
        return not self._count or (self.boot == boot and self._first > upto)

    def tail_since(self, ts: int) -> int:
        """Return where the unbroken tail of readings at or after `ts` (epoch microseconds) begins."""
        with self._lock, self._in_queue_words():
            begin = self._next
            tail: Iterable[tuple[int, int]] = self._file.execute("select seq, ts from reading order by seq desc")
            for seq, at in tail:
                if at < ts:
                    break
                begin = seq
            return begin

    @property
    def dropped(self) -> int:
        """How many readings were dropped for want of room since the queue was made."""
        return self._dropped

    def __len__(self) -> int:
        return self._count

    def close(self) -> None:
        """Close the file. Everything in it stays for the next run."""
        with self._lock:
            self._file.close()

    def _measured(self, body: bytes) -> int:
        if len(body) > MOST_BYTES_PER_READING:
            raise ReadingTooLargeError(f"a reading of {len(body)} bytes; at most {MOST_BYTES_PER_READING} are taken")
        return len(body)

    def _over(self, *, rows: int, size: int) -> int:
        """Return how many of the oldest readings have to go; raises QueueFullError where none may."""
        too_many, too_big = self._count + rows - self._most, self._bytes + size - self._most_bytes
        if too_many <= 0 and too_big <= 0:
            return 0
        if not self._drop_oldest or rows > self._most or size > self._most_bytes:
            raise QueueFullError(
                f"{self._path} holds {self._count} readings ({self._bytes} bytes) and takes {self._most}"
                f" ({self._most_bytes}): {rows} more do not fit. Bring the link to the platform back, raise the"
                " limits, or choose to drop the oldest"
            )
        return max(too_many, self._oldest_of(too_big))

    def _oldest_of(self, size: int) -> int:
        """Return how many of the oldest readings hold so many bytes."""
        count = 0
        for (length,) in self._file.execute("select length(body) from reading order by seq"):
            if size <= 0:
                break
            size, count = size - length, count + 1
        return count

    def _drop(self, count: int) -> tuple[int, int]:
        return self._delete("seq in (select seq from reading order by seq limit ?)", count)

    def _delete(self, which: str, argument: int) -> tuple[int, int]:
        statement = f"delete from reading where {which} returning length(body)"  # noqa: S608 - `which` is ours
        rows: Iterable[tuple[int]] = self._file.execute(statement, (argument,))
        sizes = [size for (size,) in rows]
        return len(sizes), sum(sizes)

    def _took(self, rows: int, size: int) -> None:
        self._count, self._bytes = self._count + rows, self._bytes + size
        row: tuple[int] = self._file.execute("select coalesce(min(seq), ?) from reading", (self._next,)).fetchone()
        self._first = row[0]

    def _fact(self, name: str) -> str | int:
        [(value,)] = self._file.execute("select value from fact where name = ?", (name,))
        assert isinstance(value, str | int)
        return value

    def _remember(self, name: str, value: int | str) -> None:
        self._file.execute("update fact set value = ? where name = ?", (value, name))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._file.execute("begin immediate")
        try:
            yield
            self._file.execute("commit")
        finally:
            if self._file.in_transaction:
                self._file.execute("rollback")

    @contextmanager
    def _in_queue_words(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.ProgrammingError as err:
            raise QueueUnusableError(f"the queue {self._path} is closed") from err
        except sqlite3.OperationalError as err:
            raise QueueUnusableError(
                f"the queue {self._path} cannot be used ({err}): is its folder there and writable, its disk full,"
                " or does another process use it?"
            ) from err
        except sqlite3.DatabaseError as err:
            raise QueueUnusableError(
                f"the queue {self._path} is damaged ({err}): move the file away; the device then begins a new run,"
                " and what was in the file is listed as never arrived"
            ) from err
