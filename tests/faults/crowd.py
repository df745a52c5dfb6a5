"""Thousands of devices in one process: the few bytes of MQTT 3.1.1 that a small controller speaks, on plain sockets."""

import asyncio
import contextlib
import json
import resource
import struct
import time

from publishers import POINT, Due, Sent, value_of

_CONNACK, _PUBLISH, _PUBACK = 0x20, 0x32, 0x40
_KEEPALIVE_S = 600


class _Receipt:
    """Whether the broker has acknowledged a message."""

    def __init__(self):
        self.came = False

    def is_published(self):
        return self.came


class Member:
    """One device of the crowd. It keeps its message until the broker has acknowledged it."""

    talks = False

    def __init__(self, address, name):
        self.name, self.sent = name, []
        self._address = address
        self._reader = self._writer = None

    def acknowledged(self):
        return [sent for sent in self.sent if sent.acknowledged]

    async def say(self):
        """Publish the next reading, connecting again as often as it takes."""
        serial = len(self.sent) + 1
        ts_ms = time.time_ns() // 1_000_000
        body = json.dumps({"ts": ts_ms, "values": {POINT: value_of(serial)}}).encode()
        sent = Sent(serial, Due.ROW, body, ts_ms, _Receipt())
        self.sent.append(sent)
        while not sent.info.came:
            try:
                await self._deliver(sent)
            except (OSError, asyncio.IncompleteReadError):
                self._hang_up()
                await asyncio.sleep(0.2)

    async def gone(self):
        """Wait until the broker hangs up."""
        with contextlib.suppress(OSError):
            await self._reader.read(1)
        self._hang_up()

    async def leave(self):
        """Close the connection, and wait until its file is free: paho's select takes no number beyond 1,023."""
        writer = self._writer
        self._hang_up()
        if writer is not None:
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _hang_up(self):
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def _deliver(self, sent):
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(self._address.host, self._address.port)
            self._writer.write(_packet(0x10, _text("MQTT") + bytes((4, 2)) + struct.pack("!H", _KEEPALIVE_S)
                                       + _text(f"crowd-{self.name}")))  # fmt: skip
            await self._answer(_CONNACK)
        topic = _text(f"hearthline/v1/{self.name}/readings")
        self._writer.write(_packet(_PUBLISH, topic + struct.pack("!H", sent.serial) + sent.payload))
        await self._answer(_PUBACK)
        sent.info.came = True

    async def _answer(self, kind):
        first, _length, *_rest = await self._reader.readexactly(4)
        if first != kind:
            raise ConnectionResetError(f"packet {first:#x} instead of {kind:#x}")


def _text(words):
    return struct.pack("!H", len(words)) + words.encode()


def _packet(first, body):
    length, size = bytearray(), len(body)
    while True:
        size, digit = size >> 7, size & 127
        length.append(digit | (128 if size else 0))
        if not size:
            return bytes((first,)) + bytes(length) + body


def room_for(connections):
    """Raise the limit of open files for this process and its children as far as we may; return whether it suffices."""
    wanted = connections + 500
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted <= hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted <= max(soft, hard)


async def all_say(members, at_once):
    """Let everyone publish a reading, so many at a time."""
    turn = asyncio.Semaphore(at_once)

    async def one(member):
        async with turn:
            await member.say()

    await asyncio.gather(*(one(member) for member in members))
