"""Run the same city on native TimescaleDB and Mosquitto: `make run-timescaledb`. Ctrl-C stops everything.

Everything that is kept lies in one folder, `timescaledb` in the home of Hearthline: data of both servers,
passwords, and `environment`, a file to source in a shell that is to talk to this run.
"""

import argparse
import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from pwd import getpwnam

import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parent.parent
UNPACKED = Path(os.environ.get("HEARTHLINE_TEST_CACHE", "/var/cache/hearthline-test")) / "timescaledb"
BINARIES = "/usr/lib/postgresql/17/bin"
READY_WITHIN_S, STOP_WITHIN_S = 60.0, 30.0
IS_ROOT = os.geteuid() == 0

MOSQUITTO = """\
# Written by scripts/run_timescaledb.py at every start; configs/broker/mosquitto.conf says why each line is there.
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
autosave_on_changes true
autosave_interval 20
max_queued_messages 0
max_queued_bytes 0
memory_limit 1200000000
max_inflight_messages 20000
max_packet_size 524288
set_tcp_nodelay true
log_dest stderr
log_type error
log_type warning
"""


def main() -> int:
    """Start both servers, then Hearthline; stop them when it ends. Return its exit status."""
    told = _arguments()
    home = _home()
    for what, port in (("database", told.database_port), ("broker", told.broker_port)):
        _require_free(what, port)
    signal.signal(signal.SIGTERM, _as_interrupt)
    with ExitStack() as opened:
        try:
            database = _start_database(home, told.database_port, opened)
            _start_broker(home / "mosquitto", told.broker_port, opened)
            environment = _environment(home, database, told.broker_port)
            command = [sys.executable, "-m", "hearthline", "run"]
            child = subprocess.Popen(command, cwd=ROOT, env=os.environ | environment, start_new_session=True)
            opened.callback(_stop, child, signal.SIGINT)
            return child.wait()
        except KeyboardInterrupt:
            return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database-port", type=int, default=5433)
    parser.add_argument("--broker-port", type=int, default=int(os.environ.get("HEARTHLINE_BROKER__PORT", "1883")))
    return parser.parse_args()


def _as_interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _home() -> Path:
    """Return our folder in the home of Hearthline, made where it is missing; others may pass through it."""
    base = os.environ.get("HEARTHLINE_HOME") or ("/var/lib/hearthline" if IS_ROOT else str(ROOT / "var"))
    home = Path(base).resolve() / "timescaledb"
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o755)
    return home


def _require_free(what: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            sys.exit(f"port {port} on 127.0.0.1 ({what}) is not free: stop what listens there, or give --{what}-port")


def _secret(home: Path, name: str) -> str:
    """Return a password that is made once and kept beside the data, readable by its owner alone."""
    file = home / "secrets" / name
    file.parent.mkdir(mode=0o700, exist_ok=True)
    if not file.exists():
        file.touch(0o600)
        file.write_text(secrets.token_hex(16))
    return file.read_text()


def _start_database(home: Path, port: int, opened: ExitStack) -> str:
    """Start TimescaleDB, made at the first start; return the address of our database."""
    inside, data, place = _where(home)
    password = _secret(home, "postgres-superuser")
    if not (place / "PG_VERSION").exists():
        _say("making the database cluster ...")
        shutil.rmtree(place, ignore_errors=True)
        word = place.with_name("password")
        word.touch(0o600)
        word.write_text(password)
        owner = place.parent.stat()
        os.chown(word, owner.st_uid, owner.st_gid)
        asked = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "-U", "postgres"]
        command = [*inside, f"{BINARIES}/initdb", "-D", data, *asked, f"--pwfile={Path(data).parent}/password"]
        done = subprocess.run(command, text=True, capture_output=True, check=False)
        word.unlink()
        if done.returncode:
            sys.exit(f"initdb could not make the cluster: {done.stderr.strip()[-800:]}")
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "shared_preload_libraries": "timescaledb",
        "timescaledb.telemetry_level": "off",
        "shared_buffers": "256MB",
        "max_locks_per_transaction": 256,
        "random_page_cost": 1.1,
        "jit": "off",
        "max_wal_size": "1GB",
        "log_min_messages": "log",
        "log_min_error_statement": "panic",
    }
    words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    _start("database", [*inside, f"{BINARIES}/postgres", "-D", data, *words], home, opened)
    superuser = f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
    _await("the database", lambda: psycopg.connect(superuser, connect_timeout=2).close())
    return _prepare(superuser, port, _secret(home, "database-password"))


def _where(home: Path) -> tuple[list[str], str, Path]:
    """Return how to call a binary, where its data lie for it, and where they lie for us.

    What Debian 12 unpacked beside itself runs in a root of its own: a copy of links in our folder, data inside.
    """
    if not (UNPACKED / BINARIES[1:] / "postgres").exists():
        sys.exit("no native TimescaleDB here: make run-timescaledb brings it, as root on Debian")
    packaged = UNPACKED.resolve() == Path("/")
    if not IS_ROOT:
        if not packaged:
            sys.exit(f"only root can change into {UNPACKED}")
        return [], str(home / "data"), home / "data"
    root = Path("/") if packaged else _linked_copy(home / "system")
    entries = (line.split(":") for line in (root / "etc/passwd").read_text().splitlines())
    uid, gid = next((int(e[2]), int(e[3])) for e in entries if e[0] == "postgres")
    holder = home / "database" if packaged else root / "srv" / "hearthline"
    holder.mkdir(parents=True, exist_ok=True)
    os.chown(holder, uid, gid)
    inside = ["chroot", "--userspec=postgres:postgres", str(root)]
    data = holder / "data"
    return inside, str(data if packaged else Path("/") / data.relative_to(root)), data


def _linked_copy(root: Path) -> Path:
    if not (root / BINARIES[1:] / "postgres").exists():
        shutil.rmtree(root, ignore_errors=True)
        leave_out = {"tmp", "proc", "sys"}
        for how in ("-al", "-a"):  # links where the folder is on the same disk, copies elsewhere
            root.mkdir(parents=True, exist_ok=True)
            parts = [str(p) for p in UNPACKED.iterdir() if p.name not in leave_out]
            if subprocess.run(["/bin/cp", how, *parts, str(root)], capture_output=True, check=False).returncode == 0:
                break
            shutil.rmtree(root, ignore_errors=True)
        (root / "tmp").mkdir(mode=0o1777, exist_ok=True)
        (root / "tmp").chmod(0o1777)
    return root


def _prepare(superuser: str, port: int, password: str) -> str:
    """Make our role, our database and its extension, where they are missing; return the address of the database."""
    word = sql.Literal(password)
    with psycopg.connect(superuser, autocommit=True) as on:
        if on.execute("select 1 from pg_roles where rolname = 'hearthline'").fetchone() is None:
            on.execute("create role hearthline login createdb createrole")
            on.execute("grant pg_monitor, pg_checkpoint, pg_signal_backend to hearthline")
        on.execute(sql.SQL("alter role hearthline password {}").format(word))
        if on.execute("select 1 from pg_database where datname = 'hearthline'").fetchone() is None:
            on.execute("create database hearthline owner hearthline")
    with psycopg.connect(superuser.rsplit("/", 1)[0] + "/hearthline", autocommit=True) as on:
        on.execute("create extension if not exists timescaledb")
    return f"postgresql://hearthline:{password}@127.0.0.1:{port}/hearthline"


def _start_broker(folder: Path, port: int, opened: ExitStack) -> None:
    folder.mkdir(exist_ok=True)
    if IS_ROOT:  # mosquitto gives up being root, for this user
        entry = getpwnam("mosquitto")
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    config = folder / "mosquitto.conf"
    config.write_text(MOSQUITTO.format(port=port, folder=folder))
    binary = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
    _start("broker", [binary, "-c", str(config)], folder.parent, opened)
    _await("the broker", lambda: socket.create_connection(("127.0.0.1", port), 1).close())


def _start(what: str, command: Sequence[str], home: Path, opened: ExitStack) -> None:
    _say(f"starting the {what}; its log is {home / what}.log")
    log = opened.enter_context((home / f"{what}.log").open("ab"))
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    opened.callback(_stop, child, signal.SIGINT)  # a fast stop of PostgreSQL, the usual one of mosquitto


def _await(what: str, reach: Callable[[], object]) -> None:
    until = time.monotonic() + READY_WITHIN_S
    while True:
        try:
            reach()
        except (OSError, psycopg.OperationalError) as err:
            if time.monotonic() > until:
                sys.exit(f"{what} does not answer: {err}: see its log")
            time.sleep(0.05)
        else:
            return


def _stop(child: "subprocess.Popen[bytes]", how: signal.Signals) -> None:
    if child.poll() is None:
        child.send_signal(how)
        try:
            child.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _environment(home: Path, database: str, broker_port: int) -> dict[str, str]:
    """Return what Hearthline is to be told, and write it down for other shells."""
    told = {
        "HEARTHLINE_HOME": str(home),
        "HEARTHLINE_DATABASE__URL": database,
        "HEARTHLINE_BROKER__URL": f"mqtt://127.0.0.1:{broker_port}",
    }
    file = home / "environment"
    file.touch(0o600)
    file.chmod(0o600)
    file.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in told.items()))
    _say(f"in another shell: . {file}; .venv/bin/hearthline status")
    return told


def _say(text: str) -> None:
    print(f"[timescaledb] {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
