"""Engines: native TimescaleDB (Apache licence) from where tests/provision.sh unpacked it, with everything durable."""

import os
import secrets
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

from rig import LOCAL, free_port

from support.postgres.server import wait_ready

UNPACKED = Path(os.environ.get("HEARTHLINE_TEST_CACHE", "/var/cache/hearthline-test")) / "timescaledb"
BINARIES = "/usr/lib/postgresql/17/bin"
SETTINGS = {
    "unix_socket_directories": "", "listen_addresses": "127.0.0.1", "shared_preload_libraries": "timescaledb",
    "timescaledb.telemetry_level": "off", "shared_buffers": "256MB", "max_wal_size": "1GB",
    "checkpoint_timeout": "10min", "timezone": "UTC", "jit": "off", "log_min_messages": "fatal",
    "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "track_commit_timestamp": "on",
}  # fmt: skip
assert "track_commit_timestamp" in LOCAL


def why_not():
    """Return why there is no native TimescaleDB here, None when there is."""
    if not (UNPACKED / BINARIES[1:] / "postgres").exists():
        return "native TimescaleDB is not installed (make provision)"
    return None if os.geteuid() == 0 else "only root can change into the folder of native TimescaleDB"


@contextmanager
def timescale():
    """Yield the address of an empty database on a TimescaleDB of its own."""
    port = free_port()
    entries = (line.split(":") for line in (UNPACKED / "etc/passwd").read_text().splitlines())
    uid, gid = next((int(e[2]), int(e[3])) for e in entries if e[0] == "postgres")
    folder = Path(tempfile.mkdtemp(prefix="hearthline-bench-", dir=UNPACKED / "tmp"))
    os.chown(folder, uid, gid)
    inside, data, password = f"/tmp/{folder.name}", f"/tmp/{folder.name}/data", secrets.token_hex(8)
    (folder / "word").write_text(password)
    (folder / "word").chmod(0o644)
    enter = ["chroot", "--userspec=postgres:postgres", str(UNPACKED)]
    identity = ["-U", "postgres", "-A", "scram-sha-256", f"--pwfile={inside}/word", "--encoding=UTF8", "--locale=C"]
    subprocess.run([*enter, f"{BINARIES}/initdb", "-D", data, *identity], check=True, capture_output=True)
    options = [word for name, value in (SETTINGS | {"port": port}).items() for word in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([*enter, f"{BINARIES}/postgres", "-D", data, *options], stderr=log)
    address = f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
    try:
        wait_ready(address, 60, server)
        yield address
    finally:
        server.terminate()
        server.wait(60)
        shutil.rmtree(folder, ignore_errors=True)
