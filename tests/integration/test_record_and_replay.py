"""What a fleet sent, recorded and played into another database, leaves the same rows there."""

import threading
import time
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path

from ingesting import KINDS, ingesting, seed

from network.mqtt import Crowd
from perception.seed_files import load_catalogue
from simulators.airway import Airway
from simulators.crew import Crew, by_branch
from simulators.faults import LinkFate
from simulators.fleet import run_fleet
from simulators.playback import Reel, run_playback
from simulators.settings import SimulateSettings
from simulators.stage import branch_of, players_for
from simulators.tape import VERSION, Header, Tape, open_tape, speakings
from simulators.tempo import MAX, Tempo

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
PLAYED = ["xc-beian-01", "xc-beian-02", "xc-laocheng-01", "xc-beian-weather"]
MINUTE = 60_000_000


def wall():
    return time.time_ns() // 1000


def twice(device, at):
    return LinkFate(duplicates=1 if device == "xc-beian-02" else 0)


def record(address, path):
    """Play twenty minutes of four devices at full speed, and record it."""
    catalogue, begin = load_catalogue(CONFIGS / "cities"), wall() - 20 * MINUTE
    players = players_for(catalogue, KINDS, SimulateSettings(), now=begin, simulated=PLAYED, tick_s=10)
    groups = by_branch([p for player in players for p in player.parts], branch_of(catalogue))
    crew = Crew(groups, wall, most_bytes=1 << 26, airway=Airway(twice))
    header = Header(
        hearthline="test", version=VERSION, begun="", seed=7, cities=(), kinds={},
        connections=speakings([(g.client_id, g.will) for g in crew.gateways]),
    )  # fmt: skip
    with ExitStack() as opened:
        tape = opened.enter_context(Tape(path, header))
        crowd = Crowd(address, crew.gateways, on_sent=lambda by, m: tape.write(wall(), by, m))
        link = opened.enter_context(closing(crowd))
        tempo = Tempo(wall, speed=MAX, begin=begin, end=begin + 20 * MINUTE - 1)
        counts = run_fleet(players, crew, link, tempo=tempo, stop=threading.Event(), progress=lambda _: None)
        assert link.flush(20)
    return counts


def without_receipt(running, kind):
    columns = [c for (c,) in running.ask(
        "select column_name from information_schema.columns where table_name = %s and column_name <> 'received_at'"
        " order by ordinal_position", f"readings_{kind}")]  # fmt: skip
    listed = ", ".join(f"r.{c}" for c in columns)
    return running.ask(f"select {listed} from readings_{kind} r order by device_id, ts")


def test_a_recorded_run_played_into_another_database_leaves_the_same_rows(server, migrated, broker, tmp_path):
    first, second = (server.create_database(f"tape_{k}", migrated) for k in (1, 2))
    path, tables, fates = tmp_path / "run.jsonl.gz", [], []
    for database in (first, second):
        seed(database)
    with ingesting(first, broker, client="tape-1") as running:
        counts = record(broker, path)
        received = counts.live
        running.await_answer("select coalesce(sum(received), 0)::int from ledger", [(received,)], within_s=30)
        tables.append([without_receipt(running, kind) for kind in ("heat_substation", "weather_station")])
        fates.append(running.fates())
    with ingesting(second, broker, client="tape-2") as running:
        tape = open_tape(path)
        reels = [Reel(who) for who in tape.header.connections]
        with closing(Crowd(broker, reels)) as link:
            played = run_playback(
                tape, reels, link, speed=MAX, clock=wall, stop=threading.Event(), progress=lambda _: None
            )
        assert played.acknowledged == played.handed
        running.await_answer("select coalesce(sum(received), 0)::int from ledger", [(received,)], within_s=30)
        tables.append([without_receipt(running, kind) for kind in ("heat_substation", "weather_station")])
        fates.append(running.fates())
    assert tables[0] == tables[1]
    assert 3 * 119 <= len(tables[0][0]) <= 3 * 121  # by the phase of each device, one falls on the edge of the span
    assert fates[0] == fates[1]
    assert fates[0]["duplicate"] in Counter(row[0] for row in tables[0][0]).values()  # each reading of one device
    assert fates[0]["stored"] + fates[0]["duplicate"] == received
    assert fates[0]["stored"] == sum(map(len, tables[0]))
    for database in ("tape_1", "tape_2"):
        server.drop_database(database)
