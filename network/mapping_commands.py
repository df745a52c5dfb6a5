"""Verbs about mappings of foreign controllers: check the files, and try one on what is said right now."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from network.commands import Ports
    from network.link import Batch, Delivery
    from network.mapped import Mappings, Match
    from perception.readings import Readings
    from perception.roster import Roster
    from perception.sensor_kind import SensorKind

MOST_TOPICS = 10_000  # remembered for the summary


class RecordedError(Exception):
    """A file of recorded messages cannot be read; the text says in which line and what was expected."""


def register(app: typer.Typer, ports: Ports) -> None:
    """Put the verbs on the command line."""
    group = typer.Typer(help="Mappings: foreign topics and payloads into points.", no_args_is_help=True)
    app.add_typer(group, name="map")

    @group.command("check")
    def map_check(
        file: Annotated[Path | None, typer.Argument(help="Only this file; else all of ingest.mappings.")] = None,
    ) -> None:
        """Check mapping files; every problem is named."""
        from network.mapping_files import load_mappings

        found = ports.mappings() if file is None else load_mappings(file, ports.kinds())
        typer.echo(
            f"{len(found.filters)} mapped topics are fine{': ' if found.filters else ''}{', '.join(found.filters)}"
        )

    @group.command("try")
    def map_try(
        file: Annotated[Path, typer.Argument(help="The mapping file.")],
        listen: Annotated[float, typer.Option(min=0.1, help="Seconds to listen on the broker.")] = 60.0,
        recorded: Annotated[
            Path | None, typer.Option("--from", help="Recorded lines instead: topic, a space, payload.")
        ] = None,
        also: Annotated[
            str | None, typer.Option("--also", help="Listen to this filter as well, to see what nothing matches.")
        ] = None,
    ) -> None:
        """Show what a mapping makes of each message, or why nothing; end with the topics that nothing matched."""
        from network.mapping_files import load_mappings

        mappings = load_mappings(file, ports.kinds())
        if recorded is not None:
            heard, roster = told_in(recorded, ports.clock), None
        else:
            heard, roster = heard_for(ports, mappings, also, listen), ports.roster()
        for line in tried(heard, mappings, ports.kinds(), roster):
            typer.echo(line)


def heard_for(ports: Ports, mappings: Mappings, also: str | None, listen_s: float) -> Iterator[Delivery]:
    """Yield what the broker tells for so many seconds, on the mapped topics and on those of the filter `also`."""
    from network.commands import quiet
    from network.link import Delivery
    from network.mqtt import LiveFeed

    quiet()
    queue: SimpleQueue[Delivery] = SimpleQueue()

    def put(topic: str, payload: bytes) -> None:
        queue.put(Delivery(topic, payload, ports.clock()))

    def put_strange(topic: str, payload: bytes) -> None:  # what is mapped comes by its own feed
        if mappings.match(topic) is None:
            put(topic, payload)

    address, until = ports.settings().address, time.monotonic() + listen_s
    feeds = [LiveFeed(address, one, put) for one in mappings.filters]
    feeds += [LiveFeed(address, also, put_strange)] if also else []
    try:
        while (left := until - time.monotonic()) > 0:
            try:
                yield queue.get(timeout=left)
            except Empty:
                return
    finally:
        for feed in feeds:
            feed.close()


def told_in(file: Path, clock: Callable[[], int]) -> Iterator[Delivery]:
    """Yield recorded messages: lines of topic, space and payload, as `mosquitto_sub -v` prints them.

    A line that begins with a brace is JSON instead: {"topic": ..., "payload": text} or "hex" for
    bytes that are no text. Raises RecordedError.
    """
    from network.link import Delivery

    try:
        lines = file.read_bytes().splitlines()
    except OSError as err:
        raise RecordedError(f"{file}: {err.strerror}") from err
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith(b"#"):
            continue
        topic, payload = _line(line, f"{file.name}, line {number}")
        yield Delivery(topic, payload, clock())


def _line(line: bytes, where: str) -> tuple[str, bytes]:
    try:
        if not line.startswith(b"{"):
            topic, _, payload = line.partition(b" ")
            return topic.decode(), payload
        told = json.loads(line)
        payload = bytes.fromhex(told["hex"]) if "hex" in told else str(told["payload"]).encode()
        return str(told["topic"]), payload
    except (ValueError, KeyError, TypeError) as err:
        expected = 'topic, a space, payload; or {"topic": ..., "payload" or "hex": ...}'
        raise RecordedError(f"{where}: {err}; expected {expected}") from err


def tried(
    heard: Iterable[Delivery], mappings: Mappings, kinds: Mapping[str, SensorKind], roster: Roster | None
) -> Iterator[str]:
    """Yield lines for each message, then a summary. Without a roster devices are assumed to be there."""
    from network.receive import receive

    unmatched: Counter[str] = Counter()
    used: Counter[str] = Counter()
    refused = 0
    if roster is None:
        yield "devices are assumed to be known, each of the kind that has most of the points"
    for delivery in heard:
        match = mappings.match(delivery.topic)
        if match is None:
            if len(unmatched) < MOST_TOPICS:
                unmatched[delivery.topic] += 1
            continue
        used[match.messages.topic.filter] += 1
        assumed = _assumed(match, delivery, kinds, roster)
        batch = receive([delivery], assumed, delivery.received_at, mappings)
        refused += bool(batch.rejects) or _is_strange(batch, roster)
        yield f"{_moment(delivery.received_at)} {delivery.topic!r:.200}"
        yield from (f"    {line}" for line in _outcome(batch, assumed, roster))
    yield from _summary(mappings.filters, used, unmatched, refused)


def _is_strange(batch: Batch, roster: Roster | None) -> bool:
    """Return whether a device of this message may not report, so that its readings would be rejected."""
    if roster is None:
        return False
    ids = {int(number) for readings in batch.readings.values() for number in readings.device_id}
    return not ids <= roster.by_id.keys()


def _assumed(match: Match, delivery: Delivery, kinds: Mapping[str, SensorKind], roster: Roster | None) -> Roster:
    """Return a roster that also knows the devices of this message, so that one sees what would be read."""
    from perception.payload import PayloadError
    from perception.roster import Member, Roster

    members: dict[str, Member] = dict(roster.members) if roster else {}
    names = {p.name for p in match.messages.topic.points}
    kind = max(kinds.values(), key=lambda k: len(names & set(k.names)))
    try:
        found = match.read(delivery.payload)
    except PayloadError:
        found = []
    for one in found:
        if not isinstance(one, PayloadError) and one.device not in members:
            members[one.device] = Member(-1 - len(members), one.device, kind, "", "", kind.interval_s)
    return Roster(members, kinds)


def _outcome(batch: Batch, assumed: Roster, roster: Roster | None) -> Iterator[str]:
    """Yield what was read, what was refused and why, and which devices still have to be added."""
    if not batch.readings and not batch.rejects:
        yield "ignored, as the mapping says"
    for readings in batch.readings.values():
        for row in range(len(readings)):
            name = assumed.by_id[int(readings.device_id[row])].name
            yield f"{name} at {_moment(int(readings.ts[row]))}: {_values(readings, row)}"
            if roster is not None and name not in roster.members:
                add = f"hearthline devices add {name} --kind {readings.kind.name} --station <station>"
                yield f"but no device {name} is known, so it would be rejected: {add}"
    for reject in batch.rejects:
        what = f"points refused ({', '.join(reject.points)})" if reject.partial else "REJECTED"
        yield f"{what}: {reject.reason}: {reject.detail}"


def _values(readings: Readings, row: int) -> str:
    word = int(readings.quality[row])
    return " ".join(
        f"{name}={value:g}{' (beyond its limits)' if word >> bit & 1 else ''}"
        for bit, (name, value) in enumerate(zip(readings.kind.names, readings.values[row], strict=True))
        if value == value  # noqa: PLR0124  NaN is not equal to itself: nothing was reported
    )


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at / 1e6, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _summary(filters: Sequence[str], used: Counter[str], unmatched: Counter[str], refused: int) -> Iterator[str]:
    matched, strange = sum(used.values()), sum(unmatched.values())
    yield f"{matched + strange} messages: {matched} matched, {refused} of them refused wholly or in part"
    yield from (f"  {used[one]:>6}  {one}" for one in filters)
    if unmatched:
        yield f"{strange} matched nothing, on {len(unmatched)} topics:"
        yield from (f"  {times:>6}  {topic!r:.120}" for topic, times in unmatched.most_common(50))
    silent = [one for one in filters if not used[one]]
    if silent:
        yield f"nothing came for {', '.join(silent)}: compare with `mosquitto_sub -v -t '#'` on that broker"
