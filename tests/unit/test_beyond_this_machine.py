"""Nothing listens or connects beyond this machine without credentials and TLS, unless told so explicitly."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from network.address import Address
from network.broker import EmbeddedBroker, run_broker
from network.link import BrokerStartError
from network.settings import BrokerSettings
from presentation.settings import ConsoleSettings, PortalSettings
from support.commands.running import listeners
from support.set_up import CONFIGURATION_EXIT

ROOT = Path(__file__).resolve().parents[2]
HERE = ["127.0.0.1", "127.8.9.1", "::1", "localhost"]
BEYOND = ["0.0.0.0", "::", "192.168.1.5", "10.0.0.1", "example.org", "fe80::1", "localhost.example.org", ""]


@pytest.mark.parametrize("host", HERE)
def test_this_machine_is_always_fine(host):
    shown = f"[{host}]" if ":" in host else host
    assert BrokerSettings(url=f"mqtt://{shown}:1883").address.is_loopback
    assert ConsoleSettings(host=host).host == PortalSettings(host=host).host == host


@pytest.mark.parametrize("host", BEYOND)
def test_the_web_applications_stay_on_this_machine_unless_something_guards_them(host):
    for model, section in ((ConsoleSettings, "console"), (PortalSettings, "portal")):
        with pytest.raises(ValidationError, match=rf"{section}\.behind_proxy = true"):
            model(host=host)
        assert model(host=host, behind_proxy=True).host == host


@pytest.mark.parametrize(
    ("url", "missing"),
    [
        ("mqtt://example.org", "without TLS and a user"),
        ("mqtt://hearthline:pw@example.org", "without TLS:"),
        ("mqtts://example.org", "without a user:"),
        ("mqtt://192.168.1.5:1883", "without TLS and a user"),
        ("mqtt://0.0.0.0:1883", "without TLS and a user"),
    ],
)
def test_a_broker_elsewhere_needs_tls_and_a_user(url, missing):
    with pytest.raises(ValidationError, match=missing):
        BrokerSettings(url=url)
    assert BrokerSettings(url=url, insecure=True).address == Address.parse(url)


def test_the_password_is_not_in_the_message():
    with pytest.raises(ValidationError) as caught:
        BrokerSettings(url="mqtt://hearthline:hush@example.org")
    assert "hush" not in caught.value.errors()[0]["msg"]


def test_a_broker_elsewhere_with_tls_and_a_user_is_fine():
    assert BrokerSettings(url="mqtts://hearthline:pw@example.org").address.port == 8883


@pytest.mark.parametrize("listen", ["0.0.0.0", "192.168.1.5"])
def test_the_embedded_broker_stays_on_this_machine(listen):
    with pytest.raises(BrokerStartError, match="secure-the-broker"):
        EmbeddedBroker(1883, listen).start()
    with pytest.raises(BrokerStartError, match="no passwords"):
        run_broker(1883, listen=listen)


def test_the_port_check_knows_both_ports_of_the_broker():
    found = {one.key: one.port for one in listeners({}, broker="127.0.0.1:1883", port_v5=1884)}
    assert found == {"broker.port": 1883, "broker.port_v5": 1884}
    assert [one.key for one in listeners({}, broker="127.0.0.1:1883")] == ["broker.port"]
    assert not listeners({}, broker=None, port_v5=1884)


def test_a_start_is_refused_with_every_such_problem(tmp_path):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("HEARTHLINE_")}
    done = subprocess.run(
        [sys.executable, "-m", "hearthline", "run"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
        env=kept | {
            "HEARTHLINE_HOME": str(tmp_path), "HEARTHLINE_CONSOLE__HOST": "0.0.0.0",
            "HEARTHLINE_PORTAL__HOST": "0.0.0.0", "HEARTHLINE_BROKER__URL": "mqtt://hearthline:hush@example.org",
        },
    )  # fmt: skip
    assert done.returncode == CONFIGURATION_EXIT
    for words in ("console.behind_proxy", "portal.behind_proxy", "broker.insecure"):
        assert words in done.stderr
    assert "hush" not in done.stderr
    assert "Traceback" not in done.stderr
