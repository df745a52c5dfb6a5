"""The embedded PostgreSQL: first start, crash, restart, and homes in which it cannot live."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

from support.postgres.server import EmbeddedServer, prepare, url
from support.set_up import CONFIGURATION_EXIT, HomeError
from support.store import ServerStartError

CHECKOUT = Path(__file__).resolve().parents[2]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run the server as another user")


@pytest.fixture
def home():
    folder = Path(tempfile.mkdtemp(prefix="hearthline-server-"))
    folder.chmod(0o755)
    yield folder / "home"
    shutil.rmtree(folder)


def ask(address, question):
    with psycopg.connect(address) as connection:
        return connection.execute(question).fetchone()[0]


@pytest.fixture(scope="module")
def standing():
    """One durable server for the tests that only look at it."""
    folder = Path(tempfile.mkdtemp(prefix="hearthline-server-"))
    folder.chmod(0o755)
    with EmbeddedServer(folder / "home") as server:
        yield server
    shutil.rmtree(folder)


def test_first_start_makes_a_durable_utc_database_that_the_role_owns(standing):
    assert standing.url == url(standing.home)
    assert standing.url.startswith("postgresql://hearthline:")
    for setting, expected in {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "TimeZone": "UTC",
        "listen_addresses": "",
        "jit": "off",
    }.items():
        assert ask(standing.url, f"select current_setting('{setting}')") == expected, setting
    owner = "select pg_get_userbyid(datdba) from pg_database where datname = current_database()"
    assert ask(standing.url, owner) == "hearthline"
    assert ask(standing.url, "select rolsuper from pg_roles where rolname = current_user") is False


def test_nobody_enters_without_the_password(standing):
    password = standing.url.split(":")[2].split("@")[0]
    for address in (standing.url.replace(password, "guess"), standing.url.replace("hearthline:", "postgres:")):
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(address)


def test_secrets_and_socket_are_for_their_owner_alone(standing):
    expected = {"secrets": 0o700, "secrets/database-password": 0o600, "postgres/socket": 0o700, "postgres/data": 0o700}
    assert {path: (standing.home / path).stat().st_mode & 0o777 for path in expected} == expected


@as_root
def test_root_runs_it_as_another_user(standing):
    assert Path(f"/proc/{standing.child.pid}").stat().st_uid != 0


def test_committed_rows_outlive_kill_9(home):
    server = EmbeddedServer(home).start()
    try:
        with psycopg.connect(server.url) as connection:
            connection.execute("create table fact as select 42 as answer")
        server.kill()
        server.start()
        assert ask(server.url, "select answer from fact") == 42
    finally:
        server.stop()


def test_own_settings_belong_in_local_conf(home):
    prepare(home, durable=False)
    (home / "postgres" / "data" / "local.conf").write_text("work_mem = '7MB'\n")
    (home / "postgres" / "data" / "local.conf").chmod(0o644)
    with EmbeddedServer(home, durable=False) as server:
        assert ask(server.url, "select current_setting('work_mem')") == "7MB"


def test_a_second_server_for_a_home_is_refused_by_name(standing):
    with pytest.raises(ServerStartError, match=rf"pid {standing.child.pid}"):
        EmbeddedServer(standing.home).start()
    assert ask(standing.url, "select 1") == 1


def test_it_stops_when_its_supervisor_is_killed_and_starts_again_at_once(home):
    program = """
import sys
from pathlib import Path
from support.postgres.server import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1])).start()
print(server.child.pid, flush=True)
sys.stdin.read()
"""
    supervisor = subprocess.Popen(
        [sys.executable, "-c", program, str(home)],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    postmaster = int(supervisor.stdout.readline())
    supervisor.send_signal(signal.SIGKILL)
    supervisor.communicate()
    began = time.monotonic()
    with EmbeddedServer(home) as server:  # waits for the former one by itself
        assert ask(server.url, "select 1") == 1
        assert server.child.pid != postmaster
    assert time.monotonic() - began < 30


@as_root
def test_an_unreachable_home_is_a_clear_message_and_changes_no_mode(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(HomeError, match="set HEARTHLINE_HOME"):
        prepare(closed / "home")
    assert closed.stat().st_mode & 0o777 == 0o700


@as_root
def test_an_unreachable_home_is_not_tried_again(tmp_path):
    """The exit status tells the supervisor that it waits for a person."""
    tmp_path.chmod(0o700)
    command = (sys.executable, "-m", "hearthline", "postgres")
    environment = {**os.environ, "HEARTHLINE_HOME": str(tmp_path / "home")}
    ended = subprocess.run(
        command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == CONFIGURATION_EXIT
    assert "set HEARTHLINE_HOME" in ended.stderr


def test_a_home_that_is_a_file_is_a_clear_message(home):
    home.write_text("")
    with pytest.raises(HomeError, match="HEARTHLINE_HOME"):
        prepare(home)


def test_a_long_path_moves_the_socket_and_nothing_else(home):
    long = home / ("long-" * 20)
    with EmbeddedServer(long, durable=False) as server:
        assert ask(server.url, "select 1") == 1
        assert (long / "postgres" / "data").is_dir()
    socket_folder = Path(tempfile.gettempdir()) / server.plan.url.partition("hearthline-")[2].partition("&")[0]
    assert not (long / "postgres" / "socket").exists()
    shutil.rmtree(socket_folder.with_name(f"hearthline-{socket_folder.name}"))


def test_databases_are_made_from_a_template_and_dropped_under_their_users(server):
    address = server.create_database("made_for_a_moment")
    connection = psycopg.connect(address)
    server.drop_database("made_for_a_moment")
    with pytest.raises(psycopg.OperationalError, match="terminating connection"):
        connection.execute("select 1")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(address)
