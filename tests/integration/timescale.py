"""A native TimescaleDB (Apache licence) of its own, from what tests/provision.sh unpacked."""

import itertools
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from support.postgres.server import wait_ready

UNPACKED = Path(os.environ.get("HEARTHLINE_TEST_CACHE", "/var/cache/hearthline-test")) / "timescaledb"
BINARIES = "/usr/lib/postgresql/17/bin"
_numbers = itertools.count(1)


def missing() -> str | None:
    """Say why there is none here, or None."""
    if not (UNPACKED / BINARIES[1:] / "postgres").exists():
        return "no native TimescaleDB here: tests/provision.sh brings it, as root on Debian"
    return None if os.geteuid() == 0 else "only root can change into the folder of TimescaleDB"


class Timescale:
    """A running server, by the address of its superuser."""

    def __init__(self, address: str) -> None:
        self.address = address

    @contextmanager
    def database(self) -> Iterator[str]:
        """The address of a fresh and empty database, which goes again with the block."""
        name = f"test_{next(_numbers)}"
        with psycopg.connect(self.address, autocommit=True) as conn:
            conn.execute(f"create database {name}")
            yield self.address.rsplit("/", 1)[0] + f"/{name}"
            conn.execute(f"drop database {name} with (force)")


@contextmanager
def running() -> Iterator[Timescale]:
    """Run a server until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    entries = (line.split(":") for line in (UNPACKED / "etc/passwd").read_text().splitlines())
    uid, gid = next((int(e[2]), int(e[3])) for e in entries if e[0] == "postgres")
    folder = Path(tempfile.mkdtemp(prefix="hearthline-ts-", dir=UNPACKED / "tmp"))
    os.chown(folder, uid, gid)
    data, password = f"/tmp/{folder.name}/data", secrets.token_hex(8)
    (folder / "word").write_text(password)
    (folder / "word").chmod(0o644)
    inside = ["chroot", "--userspec=postgres:postgres", str(UNPACKED)]
    identity = ["-U", "postgres", "-A", "scram-sha-256", f"--pwfile=/tmp/{folder.name}/word", "--no-sync"]
    subprocess.run([*inside, f"{BINARIES}/initdb", "-D", data, *identity], check=True, capture_output=True)
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "shared_preload_libraries": "timescaledb",
        "timescaledb.telemetry_level": "off",
        "fsync": "off",
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([*inside, f"{BINARIES}/postgres", "-D", data, *options], stderr=log)
    address = f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
    try:
        wait_ready(address, 60, server)
        yield Timescale(address)
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(folder)
