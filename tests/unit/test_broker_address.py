"""The address of a broker, and the settings that hold it."""

import pytest
from pydantic import ValidationError

from network.address import Address, AddressError
from network.settings import BrokerSettings


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://localhost", Address("localhost", 1883)),
        ("mqtts://heat.example", Address("heat.example", 8883, tls=True)),
        ("mqtt://10.0.0.7:18830/", Address("10.0.0.7", 18830)),
        ("mqtt://ingest:p%40ss%3A@b:1", Address("b", 1, "ingest", "p@ss:")),
        ("mqtt://ingest@b", Address("b", 1883, "ingest")),
        ("mqtt://[::1]:1883", Address("::1", 1883)),
    ],
)
def test_parse_takes_an_address_apart_and_url_puts_it_together(url, address):
    assert Address.parse(url) == address
    assert Address.parse(address.url) == address


@pytest.mark.parametrize(
    "url",
    ["", "localhost", "localhost:1883", "http://b", "mqtt://", "mqtt://:1883", "mqtt://b:port", "mqtt://b:0",
     "mqtt://b:99999", "mqtt://b/topic", "mqtt://b?x=1", "mqtt://[::1"],
)  # fmt: skip
def test_parse_refuses_what_is_no_address(url):
    with pytest.raises(AddressError, match="expected mqtt://"):
        Address.parse(url)


def test_the_password_is_never_shown():
    address = Address.parse("mqtt://ingest:secret@b")
    assert "secret" not in f"{address} {address!r}"
    with pytest.raises(AddressError) as refused:
        Address.parse("mqtt://ingest:secret@b/x")
    assert "secret" not in str(refused.value)


def test_settings_without_url_mean_the_embedded_broker():
    settings = BrokerSettings(port=18831)
    assert settings.embedded
    assert settings.address == Address("127.0.0.1", 18831)
    assert settings.max_payload_bytes >= 256 * 1024


def test_settings_with_url_mean_another_broker_and_a_bad_url_is_named():
    assert BrokerSettings(url="mqtt://localhost:1").address == Address("localhost", 1)
    assert not BrokerSettings(url="mqtt://localhost:1").embedded
    with pytest.raises(ValidationError, match="the scheme is mqtt or mqtts"):
        BrokerSettings(url="tcp://b:1")
