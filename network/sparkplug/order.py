"""Order: which nodes must be asked to be born again, by the running numbers of what was committed.

Asked at most once in 30 s for each node, and 20 a second in all: nodes that come back together, or
somebody who makes them up, must not be answered with a storm.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import structlog

from network.link import Signal
from network.sparkplug.host import rebirth
from network.sparkplug.topics import What

EVERY_US = 30_000_000
MOST_PER_S = 20
MOST_NODES = 10_000
_NUMBERS = 256
_log = structlog.get_logger("network.sparkplug")


@dataclass(slots=True)
class _Node:
    seq: int | None = None
    at: int = 0
    alive: bool = False
    born: bool = False
    asked_at: int = -EVERY_US


class Order:
    """What is known of each node since this process began. Times are epoch microseconds."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Node] = {}
        self._room, self._room_at = MOST_PER_S, 0

    def heed(self, signals: Iterable[Signal], now: int) -> Sequence[tuple[str, bytes]]:
        """Return (topic, payload) of the requests that may go out at `now`."""
        wanted: dict[str, str] = {}
        for signal in signals:
            if signal.what == What.STATE:
                continue
            why = self._see(signal)
            if signal.what == What.NBIRTH:
                wanted.pop(signal.node, None)
            if why:
                wanted[signal.node] = why
        return [rebirth(node, now // 1000) for node, why in wanted.items() if self._may_ask(node, why, now)]

    def ask(self, nodes: Sequence[str], why: str, now: int) -> Sequence[tuple[str, bytes]]:
        """Return (topic, payload) of the requests to these nodes that may go out at `now`."""
        for node in nodes:
            self._node(node)
        return [rebirth(node, now // 1000) for node in nodes if self._may_ask(node, why, now)]

    def _node(self, name: str) -> _Node:
        node = self._nodes.get(name)
        if node is None:
            if len(self._nodes) >= MOST_NODES:
                self._nodes.pop(next(iter(self._nodes)))
            node = self._nodes[name] = _Node()
        return node

    def _see(self, signal: Signal) -> str:
        """Note a message; return why its node has to be born again, "" when it has not."""
        node = self._node(signal.node)
        if signal.what == What.NDEATH:
            node.alive = False
            return ""
        if signal.what == What.NBIRTH:
            node.seq, node.at, node.alive, node.born = signal.seq, signal.at or 0, True, True
            return signal.lacks
        if signal.at is not None and signal.at < node.at:  # delivered again, or sent before the birth
            return ""
        before, node.seq, node.at = node.seq, signal.seq, signal.at or node.at
        why = signal.lacks
        if before is not None and signal.seq is not None and signal.seq != (before + 1) % _NUMBERS:
            why = f"seq is {signal.seq} after {before}: messages are missing"
        if not node.alive:
            why = "it speaks and is said to be dead" if node.born else "nothing of it was heard since ingest began"
        return why

    def _may_ask(self, node: str, why: str, now: int) -> bool:
        known = self._node(node)
        if now - self._room_at >= 1_000_000:
            self._room, self._room_at = MOST_PER_S, now
        if not 0 <= now - known.asked_at < EVERY_US and self._room > 0:
            known.asked_at = now
            self._room -= 1
            _log.info("rebirth_asked", node=node, why=why)
            return True
        return False
