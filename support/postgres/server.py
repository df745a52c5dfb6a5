"""Server: the embedded PostgreSQL, prepared, run in the foreground under a supervisor, or held by a `with` block.

It listens on a Unix socket alone. The role `hearthline` owns the database `hearthline`; its password
is made at the first start and kept in the home's secrets. Nobody can log in as the superuser.
"""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self
from urllib.parse import quote

import psycopg

from support.postgres.former import clear_away
from support.postgres.household import Household, Owner, as_owner
from support.store import ServerStartError

ROLE = "hearthline"
DATABASE = "hearthline"
START_LIMIT_S = 120.0
"""Crash recovery included."""

_SECRET = "database-password"  # noqa: S105 - the name of a file
_PR_SET_PDEATHSIG = 1
_STOP_LIMIT_S = 30.0

_ACCESS = """\
# Written by Hearthline. Only through the socket, only with a password.
local all all scram-sha-256
"""

_CONFIGURATION = """\
# Written by Hearthline at every start. Your own settings belong in local.conf beside this file.
listen_addresses = ''
port = 5432
unix_socket_directories = '{socket_folder}'
unix_socket_permissions = 0700
password_encryption = 'scram-sha-256'
max_connections = 100
max_locks_per_transaction = 256
shared_buffers = '256MB'
work_mem = '16MB'
maintenance_work_mem = '128MB'
random_page_cost = 1.1
jit = off
fsync = {durable}
synchronous_commit = {durable}
full_page_writes = {durable}
max_wal_size = '1GB'
checkpoint_timeout = '10min'
timezone = 'UTC'
log_timezone = 'UTC'
log_destination = 'stderr'
logging_collector = off
log_checkpoints = off
# An error belongs to the client that caused it; a redelivery is one, and is normal.
log_min_messages = log
log_min_error_statement = panic
log_line_prefix = '%m [%p] '
"""


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """How to run the prepared server: `command` in the foreground, as `owner`, with `env`. SIGINT stops it fast."""

    command: tuple[str, ...]
    owner: Owner
    env: Mapping[str, str]
    url: str
    data: Path

    def execute(self) -> NoReturn:
        """Become the server. It stops by itself when the process that started this one (its supervisor) dies.

        The supervisor must have started this process from a thread that lives as long as itself.
        """
        if self.owner.switched:
            os.setgroups([])
            os.setgid(self.owner.gid)
            os.setuid(self.owner.uid)
        _die_with_parent()
        os.chdir("/")
        os.execve(self.command[0], self.command, dict(self.env))  # noqa: S606 - a fixed command

    def start(self) -> subprocess.Popen[bytes]:
        """Start the server as a child of the calling thread; it stops when that thread or this process ends."""
        return subprocess.Popen(  # noqa: S603 - a fixed command
            self.command,
            env=dict(self.env),
            stdin=subprocess.DEVNULL,
            stderr=(self.data.parent / "log").open("ab"),
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - one call of prctl, which takes no lock
            start_new_session=True,
            **as_owner(self.owner),
        )


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def url(home: Path) -> str:
    """Return the address of the embedded database, for any client that speaks libpq's URLs."""
    household = Household(home)
    host = quote(str(household.socket_folder), safe="")
    return f"postgresql://{ROLE}:{household.secret(_SECRET)}@/{DATABASE}?host={host}&port=5432"


def prepare(home: Path, *, durable: bool = True) -> ServerPlan:
    """Make everything ready to run the server of this home: user, folders, binaries, cluster, role, database.

    Safe to repeat. Takes down a server that outlived its supervisor. `durable=False` is for tests
    alone: a crash of the machine may then lose or break data. Raises HomeError, ServerStartError.
    """
    household, owner = Household(home), Owner.of_this_process()
    household.make_folders(owner)
    binaries = household.binaries(owner)
    address = url(home)
    if household.data.exists():
        clear_away(household.data)
    else:
        _make_cluster(household, owner, binaries, durable=durable)
    _write(household.data / "postgresql.conf", _configuration(household, durable=durable), owner)
    _write(household.data / "pg_hba.conf", _ACCESS, owner)
    command = (str(binaries / "postgres"), "-D", str(household.data))
    return ServerPlan(command, owner, _environment(), address, household.data)


def _configuration(household: Household, *, durable: bool) -> str:
    folder = str(household.socket_folder).replace("'", "''")
    text = _CONFIGURATION.format(socket_folder=folder, durable="on" if durable else "off")
    return text + "include = 'local.conf'\n" if (household.data / "local.conf").exists() else text


def _environment() -> dict[str, str]:
    """Nothing of the caller's: its locale or PG variables must not change the server."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", "PGTZ": "UTC"}


def _write(path: Path, text: str, owner: Owner) -> None:
    part = path.with_suffix(".part")
    part.write_text(text, "utf-8")
    part.chmod(0o600)
    if owner.switched:
        os.chown(part, owner.uid, owner.gid)
    part.replace(path)


def _make_cluster(household: Household, owner: Owner, binaries: Path, *, durable: bool) -> None:
    """Make the cluster beside its place and move it there when it is whole: a killed first start leaves none."""
    part = household.root / f"data.{os.getpid()}.part"
    part.mkdir(mode=0o700)
    if owner.switched:
        os.chown(part, owner.uid, owner.gid)
    options = ("--auth=trust", "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    hurry = () if durable else ("--no-sync",)
    _step((str(binaries / "initdb"), "-D", str(part), "-U", "postgres", "--no-instructions", *options, *hurry), owner)
    statements = (
        f"create role {ROLE} login createdb createrole password '{household.secret(_SECRET)}'",
        f"grant pg_monitor, pg_checkpoint, pg_signal_backend to {ROLE}",
        f"create database {DATABASE} owner {ROLE}",
    )
    single = (str(binaries / "postgres"), "--single", "-j", "-D", str(part), *(() if durable else ("-F",)), "postgres")
    _step(single, owner, ";\n\n".join((*statements, "")))
    part.rename(household.data)


def _step(command: tuple[str, ...], owner: Owner, text: str = "") -> None:
    done = subprocess.run(  # noqa: S603 - a fixed command
        command, input=text, capture_output=True, text=True, check=False, env=_environment(), **as_owner(owner)
    )
    if done.returncode != 0 or "ERROR:" in done.stderr:  # single-user mode ends with 0 after an error
        what = Path(command[0]).name
        raise ServerStartError(f"{what} could not make the database cluster: {done.stderr.strip()[-800:]}")


def wait_ready(address: str, limit_s: float = START_LIMIT_S, child: subprocess.Popen[bytes] | None = None) -> None:
    """Return once the server answers. Raises ServerStartError when time runs out or the child has ended."""
    limit = time.monotonic() + limit_s
    while True:
        try:
            psycopg.connect(address, connect_timeout=5).close()
        except psycopg.OperationalError as err:
            if child is not None and child.poll() is not None:
                raise ServerStartError(f"PostgreSQL ended at once with code {child.returncode}: see its log") from err
            if time.monotonic() > limit:
                raise ServerStartError(f"PostgreSQL did not answer within {limit_s:.0f} s: {err}") from err
            time.sleep(0.05)
        else:
            return


@dataclass(slots=True)
class EmbeddedServer:
    """The server of a home as a `with` block of one process: for tests and for commands that need it for a moment."""

    home: Path
    durable: bool = True
    plan: ServerPlan = field(init=False)
    child: subprocess.Popen[bytes] | None = field(init=False, default=None)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Address of the database `hearthline`."""
        return self.plan.url

    def start(self) -> Self:
        """Start it and wait until it answers. Raises ServerStartError."""
        self.plan = prepare(self.home, durable=self.durable)
        self.child = self.plan.start()
        try:
            wait_ready(self.plan.url, child=self.child)
        except ServerStartError as err:
            self.stop()
            raise ServerStartError(f"{err}: {self.log_tail()}") from err
        return self

    def stop(self) -> None:
        """Stop it fast and in order; it is down on return."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill it as a crash would (kill -9 of the postmaster); its children are gone on return."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self.child is not None:
            self.child.send_signal(how)
            self.child.wait(_STOP_LIMIT_S)
            self.child = None

    def log_tail(self) -> str:
        """Return the end of the server's log."""
        try:
            return (self.plan.data.parent / "log").read_text("utf-8", "replace").strip()[-500:]
        except OSError:
            return "it left no log"

    def address_of(self, database: str) -> str:
        """Return the address of another database of this server."""
        return self.plan.url.replace(f"@/{DATABASE}?", f"@/{database}?")

    def create_database(self, name: str, template: str = "template0") -> str:
        """Make a database as a copy of another (which nobody may be connected to) and return its address."""
        with psycopg.connect(self.plan.url, autocommit=True) as connection:
            make = psycopg.sql.SQL("create database {} template {}")
            connection.execute(make.format(psycopg.sql.Identifier(name), psycopg.sql.Identifier(template)))
        return self.address_of(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is connected to it."""
        with psycopg.connect(self.plan.url, autocommit=True) as connection:
            drop = psycopg.sql.SQL("drop database if exists {} with (force)")
            connection.execute(drop.format(psycopg.sql.Identifier(name)))
