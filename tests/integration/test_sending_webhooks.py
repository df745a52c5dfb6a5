"""Events go to a real server: signed, within a bounded time, and never into our own network by a trick."""

import base64
import hashlib
import hmac
import json
import re
import socket
import ssl
import time
from pathlib import Path

import pytest
import trustme
from hook_server import hook
from hypothesis import given
from hypothesis import strategies as st

from support import webhook
from support.delivery import LaterError, NeverError
from support.webhook import Call, is_public, send, signed

NOW = 1_795_000_000
EVENT = {"specversion": "1.0", "id": "n-1", "data": {"place": "老城01"}}


def call(url, **how):
    return Call(url, "n-1", EVENT, **{"allow_private": True, "step_s": 1.0, "whole_s": 2.0, **how})


@pytest.fixture(scope="module")
def is_genuine():
    """The check that the how-to tells receivers to make."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "notify-people.md").read_text("utf-8")
    told = {}
    exec(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1], told)
    return told["is_genuine"]


def test_an_event_arrives_signed_and_the_receiver_can_check_it(is_genuine):
    with hook() as there:
        send(call(f"http://127.0.0.1:{there.port}/heat?x=1", secret="key"), int(time.time()))
    [(headers, body)] = there.calls
    told = {name.lower(): value for name, value in headers.items()}
    assert json.loads(body) == EVENT
    assert told["content-type"].startswith("application/cloudevents+json")
    assert is_genuine(told, body, "key")
    assert not is_genuine(told, body, "another key")
    assert not is_genuine(told, body + b" ", "key")
    assert not is_genuine({**told, "webhook-timestamp": str(NOW - 10_000)}, body, "key")


def test_a_secret_of_standard_webhooks_is_base64():
    """The example of the specification (standard-webhooks 1.0.0): computed here from its definition."""
    key = b"\x01\x02\x03 a key"
    mine = signed("whsec_" + base64.b64encode(key).decode(), "msg_1", 1, b"{}")
    digest = hmac.new(key, b"msg_1.1.{}", hashlib.sha256).digest()
    assert mine == "v1," + base64.b64encode(digest).decode()
    with pytest.raises(NeverError, match="base64"):
        signed("whsec_!", "msg_1", 1, b"{}")


def test_tls_is_checked_against_the_name_although_the_address_is_called(tmp_path):
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with hook(tls=context) as there:
        send(call(f"https://localhost:{there.port}/", ca=tmp_path / "ca.pem"), NOW)
        with pytest.raises(LaterError, match="cannot be reached"):
            send(call(f"https://127.0.0.1:{there.port}/", ca=tmp_path / "ca.pem"), NOW)
        with pytest.raises(LaterError, match="cannot be reached"):
            send(call(f"https://localhost:{there.port}/"), NOW)
    [(headers, _)] = there.calls
    assert headers["host"] == f"localhost:{there.port}"


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_a_server_in_trouble_is_tried_again(status):
    with hook(status=status) as there, pytest.raises(LaterError, match=str(status)):
        send(call(f"http://127.0.0.1:{there.port}/"), NOW)


@pytest.mark.parametrize("status", [400, 401, 404, 410])
def test_a_refusal_is_final(status):
    with hook(status=status) as there, pytest.raises(NeverError, match=str(status)):
        send(call(f"http://127.0.0.1:{there.port}/"), NOW)


def test_a_redirect_is_not_followed():
    with hook() as inside, hook(status=307, location=f"http://127.0.0.1:{inside.port}/") as there:
        with pytest.raises(NeverError, match="redirects are not followed"):
            send(call(f"http://127.0.0.1:{there.port}/"), NOW)
        assert not inside.calls


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433"])
def test_our_own_machine_is_not_called_unless_it_is_meant(host):
    with hook() as there:
        with pytest.raises((NeverError, LaterError)) as told:
            send(call(f"http://{host}:{there.port}/", allow_private=False), NOW)
        assert not there.calls
    if host in {"127.0.0.1", "localhost"}:
        assert "allow_private" in str(told.value)


def test_a_name_that_changes_its_answer_is_looked_up_once(monkeypatch):
    """DNS rebinding: a public address for the check, our own for the connection."""
    asked = []
    real = socket.getaddrinfo

    def resolver(host, *rest, **more):
        if host == "rebind.example":
            asked.append(host)
            address = "198.51.100.7" if len(asked) == 1 else "127.0.0.1"
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, rest[0]))]
        return real(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    monkeypatch.setattr(webhook, "is_public", lambda address: str(address) == "198.51.100.7")  # a test network
    with hook() as there:
        with pytest.raises(LaterError):
            send(call(f"http://rebind.example:{there.port}/", allow_private=False, step_s=0.3, whole_s=0.5), NOW)
        assert not there.calls
    assert asked == ["rebind.example"]


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch):
    both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, 80)) for a in ("93.184.216.34", "10.0.0.7")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: both)
    with pytest.raises(NeverError, match=r"10\.0\.0\.7"):
        send(call("http://mixed.example/", allow_private=False), NOW)


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch):
    with hook() as proxy, hook() as there:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        send(call(f"http://127.0.0.1:{there.port}/"), NOW)
        assert not proxy.calls


def test_a_server_that_drips_is_left():
    with hook(drip=0.05) as there:
        began = time.monotonic()
        with pytest.raises(LaterError, match="within"):
            send(call(f"http://127.0.0.1:{there.port}/", whole_s=0.6), NOW)
        assert time.monotonic() - began < 8


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2606:4700::1111", True), ("10.1.2.3", False), ("172.16.0.1", False),
        ("192.168.1.1", False), ("169.254.169.254", False), ("100.64.0.1", False), ("127.9.9.9", False),
        ("0.0.0.0", False), ("224.0.0.1", False), ("255.255.255.255", False), ("::1", False), ("::", False),
        ("fe80::1", False), ("fc00::1", False), ("ff02::1", False), ("::ffff:10.0.0.1", False),
        ("64:ff9b::7f00:1", False), ("2002:7f00:1::", False), ("::ffff:8.8.8.8", True),
        ("64:ff9b:1::7f00:1", False), ("::7f00:1", False), ("::ffff:0:7f00:1", False), ("fec0::1", False),
    ],
)  # fmt: skip
def test_addresses_of_the_internet_and_others(address, public):
    import ipaddress

    assert is_public(ipaddress.ip_address(address)) is public


@given(st.ip_addresses(v=4))
def test_a_private_address_is_private_in_every_disguise(address):
    import ipaddress

    mapped = ipaddress.IPv6Address(f"::ffff:{address}")
    nat64 = ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) + int(address))
    assert is_public(mapped) == is_public(nat64) == is_public(address)
