"""The deployments of configs/deploy, as far as they can be checked without a container engine and without Debian 13."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from sqlalchemy import text
from typer.main import get_command

import hearthline
from perception.kinds import load_kinds
from support.postgres.connect import make_engine
from support.postgres.projection import Access, choose_access
from support.servers import Server, probe
from tests.integration.timescale import BINARIES, UNPACKED

DEPLOY = Path(__file__).resolve().parents[2] / "configs" / "deploy"
UNITS = sorted((DEPLOY / "debian13").glob("*.service"))
COMPOSE = yaml.safe_load((DEPLOY / "container" / "compose.yaml").read_text())


def understood(words):
    """Whether the command line knows these words."""
    command = get_command(hearthline.app)
    for word in words:
        if word.startswith("--"):
            return any(word in p.opts for p in command.params)
        command = command.commands[word]
    return True


def settings_named(texts):
    return set(re.findall(r"HEARTHLINE_([A-Z]+)__([A-Z_]+)", texts))


@pytest.mark.parametrize("unit", UNITS, ids=lambda u: u.stem)
def test_a_unit_runs_a_verb_and_is_fenced_in(unit):
    told = unit.read_text()
    assert understood(re.search(r"^ExecStart=\S+/hearthline (.*)$", told, re.MULTILINE)[1].split())
    for fence in ("NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=\n", "User=hearthline"):
        assert fence in told


def test_systemd_understands_the_units(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    for file in (DEPLOY / "debian13").glob("hearthline*"):
        told = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", file.read_text(), flags=re.MULTILINE)
        (tmp_path / file.name).write_text(told)
    names = [str(f) for f in tmp_path.iterdir()]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", *names], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_containers_run_verbs_and_open_nothing_to_the_world():
    ours = {name: s for name, s in COMPOSE["services"].items() if s.get("image") == "hearthline"}
    assert set(ours) == {"seed", "ingest", "tend", "console", "portal", "simulate"}
    assert all(understood(s["command"]) for s in ours.values())
    published = [port for s in COMPOSE["services"].values() for port in s.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
    copied = re.findall(r"^COPY (.+) \S+$", (DEPLOY / "container" / "Containerfile").read_text(), re.MULTILINE)
    missing = [p for line in copied for p in line.split() if not (DEPLOY.parents[1] / p).exists()]
    assert missing == []


def test_every_setting_named_is_one():
    named = settings_named("".join(f.read_text() for f in DEPLOY.rglob("*") if f.is_file()))
    assert named
    for section, key in named:
        assert key.lower() in type(getattr(hearthline.Settings(), section.lower())).model_fields


def test_the_database_of_debian_13_serves_its_role(timescale):
    """database.sql by psql, then the tables and the portal's own login, as the units do it."""
    words = ["chroot", str(UNPACKED), f"{BINARIES}/psql", "-v", "ON_ERROR_STOP=1", "-v", "word=a'b", timescale.address]
    told = (DEPLOY / "debian13" / "database.sql").read_text()
    done = subprocess.run(words, input=told, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    from support.commands.processes import prepare

    place = timescale.address.rsplit("@", 1)[1].split("/")[0]
    url = f"postgresql://hearthline:a%27b@{place}/hearthline"
    prepare(url, load_kinds(), "only-for-tests")
    assert choose_access(url, "only-for-tests") is Access.LOGIN
    engine = make_engine(url, "test")
    with engine.connect() as on:
        assert probe(on) is Server.TIMESCALE_APACHE
        chunked = "select count(*) from timescaledb_information.hypertables where owner = 'hearthline'"
        assert on.execute(text(chunked)).scalar_one() >= 6
    engine.dispose()
