"""The check behind every fault: what was acknowledged to the devices is in the tables, once, and the ledger agrees."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import psycopg
from publishers import POINT, Due, serial_of

LAST_WORDS_WITHIN_S = 180.0
FATES = ("stored", "duplicate", "merged", "conflict", "rejected")


class NotConservedError(AssertionError):
    """Something was lost, doubled or counted wrongly; the text lists what."""


@dataclass
class Account:
    """What became of the messages of some devices. Everything in `troubles` is a broken promise."""

    acknowledged: int = 0
    rows: int = 0
    rejects: int = 0
    lost: list = field(default_factory=list)
    doubled: list = field(default_factory=list)
    ledger: Counter = field(default_factory=Counter)
    troubles: list = field(default_factory=list)


def conserved(url, publishers, *, within_s=30.0, most_lost=0, unstamped_once=True):
    """Wait for the last words of each device, compare, and return the Account; raise NotConservedError.

    The devices must have finished. `most_lost`: how many acknowledged messages a broker that
    forgets may lose. `unstamped_once=False` allows a reading without a time to be there twice
    (a broker that redelivers without saying so).
    """
    await_last_words(url, publishers)
    limit = time.monotonic() + within_s
    while True:
        account = accounted(url, publishers, most_lost=most_lost, unstamped_once=unstamped_once)
        if not account.troubles:
            return account
        if time.monotonic() > limit:
            raise NotConservedError("; ".join(account.troubles))
        threading.Event().wait(0.2)


def await_last_words(url, publishers, within_s=LAST_WORDS_WITHIN_S):
    """Wait until the newest message of each device is in the table: those before it are in, or never will be."""
    limit = time.monotonic() + within_s
    waited = {p.name: p.sent[-1].serial for p in publishers}
    while waited:
        with psycopg.connect(url) as on:
            seen = {name: {serial for serial, _ in rows} for name, rows in _rows(on, list(waited)).items()}
        waited = {name: serial for name, serial in waited.items() if serial not in seen.get(name, ())}
        if waited:
            assert time.monotonic() < limit, f"still not stored after {within_s:.0f} s: last words of {sorted(waited)}"
            threading.Event().wait(0.1)


def accounted(url, publishers, *, most_lost=0, unstamped_once=True):
    """Compare as things are now."""
    names = [p.name for p in publishers]
    with psycopg.connect(url) as on:
        on.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        rows, ledger, rejects = _rows(on, names), _ledger(on, names), _rejects(on, names)
    account = Account()
    for publisher in publishers:
        _compare_rows(account, publisher, rows.get(publisher.name, []), unstamped_once=unstamped_once)
        _compare_rejects(account, publisher, rejects.get(publisher.name, []), ledger[publisher.name])
        _compare_ledger(account, publisher, len(rows.get(publisher.name, [])), ledger[publisher.name], most_lost)
    if len(account.lost) > most_lost:
        account.troubles.append(f"{len(account.lost)} acknowledged messages are lost: {account.lost[:5]}")
    if account.doubled:
        account.troubles.append(f"{len(account.doubled)} readings are there twice: {account.doubled[:5]}")
    return account


def _compare_rows(account, publisher, rows, *, unstamped_once):
    wanted = {s.serial: s for s in publisher.sent if s.due is Due.ROW}
    counts = Counter(serial for serial, _ in rows)
    account.rows += len(rows)
    account.acknowledged += len(publisher.acknowledged())
    for sent in wanted.values():
        if sent.acknowledged and not counts[sent.serial]:
            account.lost.append((publisher.name, sent.serial))
        if counts[sent.serial] > 1 and (unstamped_once or sent.ts_ms is not None):
            account.doubled.append((publisher.name, sent.serial))
    for serial, ts_ms in rows:
        sent = wanted.get(serial)
        if sent is None:
            account.troubles.append(f"{publisher.name} never sent {serial}, or not to be stored")
        elif sent.ts_ms not in (None, ts_ms):
            account.troubles.append(f"{publisher.name} sent {serial} at {sent.ts_ms}, stored at {ts_ms}")


def _compare_rejects(account, publisher, rejects, ledger):
    kept = Counter(payload for payload, partial, reason in rejects if not partial and reason != "conflict")
    wanted = {s.payload: s for s in publisher.sent if s.due is Due.REJECT}
    account.rejects += kept.total()
    account.lost.extend(
        (publisher.name, sent.payload[:40]) for sent in wanted.values() if sent.acknowledged and not kept[sent.payload]
    )
    strange = [payload[:40] for payload in kept if payload not in wanted]
    if strange:
        account.troubles.append(f"{publisher.name} has Rejects of what was no rubbish: {strange[:3]}")
    if ledger["rejected"] != kept.total():
        account.troubles.append(f"{publisher.name}: {kept.total()} Rejects, the ledger has {ledger['rejected']}")


def _compare_ledger(account, publisher, rows, ledger, most_lost):
    account.ledger += ledger
    name, acknowledged = publisher.name, len(publisher.acknowledged())
    if ledger["received"] != sum(ledger[fate] for fate in FATES):
        account.troubles.append(f"the ledger of {name} does not add up: {dict(ledger)}")
    if ledger["stored"] != rows:
        account.troubles.append(f"the ledger of {name} has {ledger['stored']} stored, the table {rows} rows")
    if ledger["received"] + most_lost < acknowledged:
        account.troubles.append(f"{name}: {acknowledged} acknowledged, only {ledger['received']} received")


def _rows(on, names):
    found = {}
    query = (
        f"select d.name, r.{POINT}, round(extract(epoch from r.ts) * 1000)::bigint"
        " from readings_weather_station r join device d using (device_id) where d.name = any(%s)"
    )
    for name, value, ts_ms in on.execute(query, [names]):
        found.setdefault(name, []).append((None if value is None else serial_of(value), ts_ms))
    return found


def _ledger(on, names):
    columns = ("received", *FATES)
    sums = ", ".join(f"sum({column})::bigint" for column in columns)
    found = {name: Counter() for name in names}
    for name, *counts in on.execute(
        f"select device, {sums} from ledger where device = any(%s) group by device", [names]
    ):
        found[name] = Counter(dict(zip(columns, counts, strict=True)))
    return found


def _rejects(on, names):
    found = {}
    query = "select split_part(topic, '/', 3), payload, partial, reason from reject"
    for name, payload, partial, reason in on.execute(f"{query} where split_part(topic, '/', 3) = any(%s)", [names]):
        found.setdefault(name, []).append((bytes(payload), partial, reason))
    return found
