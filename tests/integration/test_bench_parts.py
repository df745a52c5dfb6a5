"""The benches can be imported, and what they count with is right: frames, blocks, repeats, losses, rates."""

import importlib
import struct
import sys
from pathlib import Path

import msgspec
import numpy as np
import psycopg
import pytest

BENCH = Path(__file__).resolve().parents[1] / "bench"
MODULES = sorted(file.stem for file in BENCH.glob("*.py") if file.stem != "browser")


@pytest.fixture(autouse=True, scope="module")
def on_path():
    before = set(sys.modules)
    sys.path.insert(0, str(BENCH))
    yield
    sys.path.remove(str(BENCH))
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(BENCH)):
            del sys.modules[name]


@pytest.mark.parametrize("name", MODULES)
def test_a_bench_can_be_imported(name):
    importlib.import_module(name)


def test_every_bench_measures():
    run = importlib.import_module("run")
    for name in (*run.BENCHES, *run.ASKED_FOR):
        assert "def measure(" in (BENCH / f"{name}.py").read_text()


@pytest.mark.parametrize("cut", [1, 2, 3, 7, 10_000])
def test_frames_are_found_wherever_the_bytes_are_cut(cut):
    frames = importlib.import_module("frames")
    sent = [(b"a/b", b"x" * size, nth + 1) for nth, size in enumerate((0, 1, 126, 127, 16_383, 20_000))]
    data = b"\x20\x02\0\0" + b"".join(frames.publish_frame(*each) for each in sent) + b"\x40\x02\0\7"
    found, others, rest = [], [], b""
    pieces = [data[at : at + cut] for at in range(0, min(len(data), 500), cut)]
    for piece in [*pieces, data[sum(map(len, pieces)) :]]:
        published, beside, rest = frames.walk(rest + piece)
        found += published
        others += beside
    assert found == [(topic, payload, struct.pack(">H", mid)) for topic, payload, mid in sent]
    assert others == [(frames.CONNACK, b"\0\0"), (frames.PUBACK, b"\0\7")]
    assert rest == b""


def test_the_bare_loop_writes_what_was_said(database):
    bare, messages = importlib.import_module("bare"), importlib.import_module("messages")
    body = messages.bodies()[0]
    published = [
        (messages.topic("dev-1"), messages.reading(1_796_000_000_000 + nth, body), b"\0\1") for nth in range(3)
    ]
    block = bare.block(published, {messages.topic("dev-1"): 7}, msgspec.json.Decoder(bare.Message).decode)
    with psycopg.connect(database) as conn:
        conn.execute("create table bare (like readings_heat_substation including all)")
        with (
            conn.cursor() as cursor,
            cursor.copy(f"copy bare ({', '.join(bare.COLUMNS)}) from stdin (format binary)") as copy,
        ):
            copy.write(block)
        rows = conn.execute(
            f"select device_id, (extract(epoch from ts) * 1000)::int8, {', '.join(messages.POINTS)}, quality "
            "from bare order by ts"
        ).fetchall()
    said = list(msgspec.json.decode(body).values())
    assert rows == [(7, 1_796_000_000_000 + nth, *said, 0) for nth in range(3)]


def test_repeats_are_a_share_of_the_whole_and_lose_nothing():
    redelivery = importlib.import_module("redelivery")
    fresh, before = [("new", n) for n in range(900)], [("old", n) for n in range(900)]
    mixed = redelivery.with_repeats(fresh, before, 0.1, np.random.default_rng(1))
    assert [m for m in mixed if m[0] == "new"] == fresh
    assert len([m for m in mixed if m[0] == "old"]) == 100
    assert len(mixed) == 1000


def test_losses_and_duplicates_are_counted_by_key():
    peers = importlib.import_module("peers")
    sent = {("a", 1), ("a", 2), ("b", 1)}
    assert peers.fates(sent, [("a", 1), ("a", 1), ("b", 1), ("probe", 9)]) == {"lost": 1, "duplicated": 1}


def test_backfill_lists_hold_every_minute_of_every_device_once():
    backfill = importlib.import_module("backfill")
    messages = backfill.lists(["a-1", "a-2"], 250, 60_000)
    seen = [(topic, item["ts"]) for topic, payload in messages for item in msgspec.json.decode(payload)]
    assert len(seen) == len(set(seen)) == 500
    assert {ts for _, ts in seen} == {60_000 * (1 + n) for n in range(250)}


def test_a_rate_counts_from_being_let_go_and_between_commits():
    draining = importlib.import_module("draining")
    drain = draining.Drain.of([(11.0, 100), (12.0, 50), (13.0, 150)], 10.0, 1.0)
    assert (drain.rate, drain.inner) == (100.0, 100.0)
    assert draining.inner_rate([(11.0, 100)]) is None


def test_peers_are_pinned_with_hashes_and_no_addresses():
    foreign = BENCH / "foreign"
    pinned = (foreign / "requirements.txt").read_text()
    assert "mq-bridge==1.2.0" in pinned
    assert pinned.count("--hash=sha256:") >= pinned.count("==")
    for file in foreign.iterdir():
        assert "://" not in file.read_text().replace("postgresql://", "").replace("file://", ""), file.name
    for name in ("package.json", "wasm-package.json"):
        versions = msgspec.json.decode((foreign / name).read_bytes())["dependencies"].values()
        assert not [v for v in versions if not v[0].isdigit()]
