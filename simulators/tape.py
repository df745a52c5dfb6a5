"""Tape: exactly what a fleet sent, message by message, so that any run can be played again bit for bit.

JSON Lines, packed with gzip where the name ends in .gz. The first line is the header, every other one a message:
`{"at": epoch microseconds, "by": place of the connection in the header, "topic": ..., "payload": ..., "retain": ...}`.
A payload is text; one that is no UTF-8 stands as base64 in "bytes".
"""

import base64
import gzip
import io
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

import msgspec

from network.mqtt import Message

VERSION = 1
_MOST_UNWRITTEN = 1 << 20


class TapeError(Exception):
    """A tape cannot be written or played; the text says which, where, and what to try."""


class Will(msgspec.Struct, frozen=True):
    """What the broker says when a connection ends without a goodbye."""

    topic: str
    payload: str


class Speaking(msgspec.Struct, frozen=True):
    """One connection of a tape."""

    client_id: str
    will: Will | None = None


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What was played. `kinds` has the version of each kind by name; `begun` is ISO 8601."""

    hearthline: str
    version: int
    begun: str
    seed: int
    cities: tuple[str, ...]
    kinds: Mapping[str, int | str]
    connections: tuple[Speaking, ...]


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message: when it was sent (epoch microseconds), by which connection, and what."""

    at: int
    by: int
    topic: str
    payload: str | None = None
    bytes: str | None = None
    retain: bool = False

    def is_base64(self) -> bool:
        """Return whether `bytes`, where there are any, can be read."""
        try:
            return self.bytes is None or bool(base64.b64decode(self.bytes)) or not self.bytes
        except ValueError:
            return False

    def message(self) -> Message:
        """Return the message, bit for bit."""
        raw = base64.b64decode(self.bytes) if self.bytes is not None else (self.payload or "").encode()
        return Message(self.topic, raw, self.retain)


class Tape:
    """A tape that is being written. Nothing of it is there under its name before it is closed."""

    def __init__(self, path: Path, header: Header) -> None:
        self._path, self._beside = path, path.with_name(f"{path.name}.part")
        self._pieces: list[bytes] = []
        self._size = 0
        self._encoder = msgspec.json.Encoder()
        self.messages = 0
        try:
            self._file: IO[bytes] = self._opened()
        except OSError as err:
            raise TapeError(f"{path}: cannot be written: {err}") from err
        self._add(header)

    def _opened(self) -> IO[bytes]:
        raw = self._beside.open("wb")
        if self._path.suffix != ".gz":
            return raw
        return io.BufferedWriter(gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=3, mtime=0))

    def write(self, at: int, by: int, message: Message) -> None:
        """Note a message that was sent. Raises TapeError when the disk takes no more."""
        try:
            text: str | None = message.payload.decode()
            raw = None
        except UnicodeDecodeError:
            text, raw = None, base64.b64encode(message.payload).decode()
        self._add(Line(at, by, message.topic, text, raw, message.retain))
        self.messages += 1

    def close(self) -> None:
        """Write what is left, and put the tape under its name."""
        if self._file.closed:
            return
        self._flush()
        self._file.close()
        self._beside.replace(self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _add(self, what: Header | Line) -> None:
        self._pieces += (self._encoder.encode(what), b"\n")
        self._size += len(self._pieces[-2])
        if self._size > _MOST_UNWRITTEN:
            self._flush()

    def _flush(self) -> None:
        try:
            self._file.write(b"".join(self._pieces))
        except OSError as err:
            raise TapeError(f"{self._path}: cannot be written any further: {err}") from err
        self._pieces, self._size = [], 0


@dataclass(frozen=True, slots=True)
class Played:
    """A tape to be played: its header, and its messages in a stream."""

    path: Path
    header: Header

    def lines(self) -> Iterator[Line]:
        """Yield every message in order. Raises TapeError that names the line."""
        decode = msgspec.json.Decoder(Line).decode
        most = len(self.header.connections)
        for number, text in enumerate(_lines(self.path), 1):
            if number == 1:
                continue
            try:
                line = decode(text)
            except (msgspec.DecodeError, UnicodeDecodeError) as err:
                raise TapeError(f"{self.path}, line {number}: no message of a tape: {err}") from err
            if not line.is_base64():
                raise TapeError(f'{self.path}, line {number}: what stands in "bytes" is no base64')
            if not 0 <= line.by < most:
                raise TapeError(f"{self.path}, line {number}: connection {line.by} is not in the header")
            yield line


def open_tape(path: Path) -> Played:
    """Return a tape to be played. Raises TapeError."""
    first = next(_lines(path), b"")
    try:
        header = msgspec.json.decode(first, type=Header)
    except (msgspec.DecodeError, UnicodeDecodeError) as err:
        raise TapeError(
            f"{path}: the first line is no header of a tape ({err}): was it written by simulate --record?"
        ) from err
    if header.version != VERSION:
        raise TapeError(f"{path}: a tape of version {header.version}; this program plays version {VERSION}")
    return Played(path, header)


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as raw:
            yield from gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw
    except (OSError, EOFError, zlib.error) as err:
        raise TapeError(f"{path}: cannot be read: {err}") from err


def shifted(payload: bytes, shift_us: int) -> bytes:
    """Return a payload of readings with their times so much later; anything else as it is."""
    try:
        body = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return payload
    for reading in body if isinstance(body, list) else [body]:
        if isinstance(reading, dict) and isinstance(reading.get("ts"), int):
            reading["ts"] += shift_us // 1000
    return msgspec.json.encode(body)


def speakings(speakers: Sequence[tuple[str, tuple[str, bytes] | None]]) -> tuple[Speaking, ...]:
    """Return connections as a header tells them: client id and will of each."""
    return tuple(Speaking(who, None if will is None else Will(will[0], will[1].decode())) for who, will in speakers)
