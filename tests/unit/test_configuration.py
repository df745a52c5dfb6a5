"""Settings: every problem at once, in plain words; secrets never shown."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.configuration import stray_variables, without_password
from support.set_up import CONFIGURATION_EXIT

ROOT = Path(__file__).resolve().parents[2]


def call(*words, **variables):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("HEARTHLINE_")}
    return subprocess.run(
        [sys.executable, "-m", "hearthline", *words], cwd=ROOT, env=kept | variables, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip


def test_all_problems_are_named_at_once_and_without_a_traceback(tmp_path):
    done = call(
        "config", "check", HEARTHLINE_HOME=str(tmp_path), HEARTHLINE_CONSOLE__PRT="1", HEARTHLINE_CONSLE__PORT="3",
        HEARTHLINE_PORTAL__PORT="abc", HEARTHLINE_DATABASE__URL="mysql://somewhere", HEARTHLINE_BROKER__URL="http://x",
    )  # fmt: skip
    assert done.returncode == 78
    assert "Traceback" not in done.stderr
    for words in ("did you mean 'console'", "did you mean 'port'", "HEARTHLINE_PORTAL__PORT", "postgresql://", "mqtt"):
        assert words in done.stderr


def test_good_settings_are_fine(tmp_path):
    done = call("config", "check", HEARTHLINE_HOME=str(tmp_path), HEARTHLINE_CONSOLE__PORT="9000")
    assert done.returncode == 0, done.stderr


def test_mappings_that_cannot_be_used_stop_the_start(tmp_path):
    broken = tmp_path / "broken.toml"
    broken.write_text('[[topic]]\nfilter = "#"\ndevice = "{2}"\npoints = []\n')
    done = call("config", "check", HEARTHLINE_HOME=str(tmp_path), HEARTHLINE_INGEST__MAPPINGS=str(broken))
    assert done.returncode == CONFIGURATION_EXIT
    assert "broken.toml: topic 1 points" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_secret_is_not_shown(tmp_path):
    secret = "postgresql://user:hush@nowhere/db"
    done = call("config", "show", "--json", HEARTHLINE_HOME=str(tmp_path), HEARTHLINE_DATABASE__URL=secret)
    assert done.returncode == 0, done.stderr
    assert "hush" not in done.stdout
    assert '"HEARTHLINE_DATABASE__URL"' in done.stdout


def test_an_unusable_home_is_a_message(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    done = call("status", HEARTHLINE_HOME=str(blocked / "inside"))
    assert done.returncode == CONFIGURATION_EXIT
    assert "HEARTHLINE_HOME" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mqtt://user:pw@host:1883", "mqtt://user:***@host:1883"),
        ("mqtt://host:1883", "mqtt://host:1883"),
        ("postgresql://me:p@ss@/db?host=%2Ftmp", "postgresql://me:***@/db?host=%2Ftmp"),
        ("just words", "just words"),
    ],
)
def test_a_password_is_masked(text, shown):
    assert without_password(text) == shown


def test_other_programs_variables_are_left_alone():
    import hearthline

    assert not stray_variables(hearthline.Settings, ["PATH", "HEARTHLINE_HOME", "HEARTHLINE_TEST_LENGTH", "OTHER__X"])
    assert stray_variables(hearthline.Settings, ["HEARTHLINE_NONSENSE__X"])
