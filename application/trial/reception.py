"""Reception: the process of the engine. It reads a stage and then columns from its input, and writes what it found.

It is started with nothing but the two pipes, imports nothing of the pretend world, and is told of no scenario.
"""

import json
import pickle
import resource
import struct
import sys
import tomllib
from pathlib import Path
from typing import IO, Any, NamedTuple

from application.own_rules import numbers_of, own_rules
from application.rule import RuleError
from application.rules import tuned
from application.rules_file import Pairs, read_rules
from application.trial.engine import Block, Engine, roster_of
from perception.catalogue import Catalogue
from perception.kinds import load_kinds

_LENGTH = struct.Struct("<Q")
ALARMS, INCIDENTS, ENGINE = "alarms.jsonl", "incidents.jsonl", "engine.json"


class Stage(NamedTuple):
    """What an engine begins with. `rules` is a file; `own_alone`: only the rules of one's own in it.

    `kinds` are those of the devices that play, `numbers` their device_id, `interval_s` the cadence by kind; `out` is
    the folder that its files go to.
    """

    rules: str
    own_alone: bool
    catalogue: str
    kinds: tuple[str, ...]
    numbers: dict[str, int]
    interval_s: dict[str, float]
    begin: int
    out: str


def send(pipe: IO[bytes], told: object) -> None:
    """Write one message: its length, then itself."""
    packed = pickle.dumps(told, protocol=5)
    pipe.write(_LENGTH.pack(len(packed)))
    pipe.write(packed)
    pipe.flush()


def receive(pipe: IO[bytes]) -> Any:
    """Return the next message, None at the end."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    return pickle.loads(pipe.read(_LENGTH.unpack(head)[0]))  # noqa: S301 - from the process that started this one


def serve(inlet: IO[bytes], outlet: IO[bytes]) -> None:
    """Take in a stage and then blocks until there are no more; write the files and say what it cost."""
    stage = Stage(*receive(inlet))
    engine = _engine(stage)
    while (told := receive(inlet)) is not None:
        blocks, now = told
        engine.take({name: Block(*columns) for name, columns in blocks.items()}, now)
    out = Path(stage.out)
    out.mkdir(parents=True, exist_ok=True)
    _lines(out / ALARMS, engine.book.alarms())
    _lines(out / INCIDENTS, engine.book.incidents())
    spent = resource.getrusage(resource.RUSAGE_SELF)
    facts = {
        "readings": engine.counts.readings,
        "refused": engine.counts.refused,
        "cpu_s": round(spent.ru_utime + spent.ru_stime, 1),
        "peak_mib": round(spent.ru_maxrss / 1024),
        "knows_the_pretend_world": any(name.split(".")[0] == "simulators" for name in sys.modules),
    }
    (out / ENGINE).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    outlet.write(b"done\n")
    outlet.flush()


def _engine(stage: Stage) -> Engine:
    catalogue = Catalogue.model_validate_json(stage.catalogue)
    kinds = {name: kind for name, kind in load_kinds().items() if name in stage.kinds}
    roster = roster_of(catalogue, kinds, stage.numbers, stage.interval_s)
    return Engine(pairs_of(Path(stage.rules), own_alone=stage.own_alone), catalogue, roster, stage.begin)


def pairs_of(file: Path, *, own_alone: bool) -> Pairs:
    """Return the rules of a file with their numbers, or only the rules of one's own in it. Raises RuleError."""
    if not own_alone:
        return read_rules(file)
    tables = tomllib.loads(file.read_text("utf-8")).get("own", {})
    rules, problems = own_rules(tables, {})
    if problems:
        raise RuleError("; ".join(problems))
    return tuned(rules, numbers_of(tables))


def _lines(file: Path, rows: list[dict[str, object]]) -> None:
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
