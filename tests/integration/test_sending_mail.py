"""Mail goes to a real server within a bounded time, and what it refuses is told apart from what it puts off."""

import ssl
import time
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
import trustme
from mail_server import mail_server

from support.delivery import LaterError, NeverError
from support.mail import Mail, MailServer, send

NUMBER = UUID("11111111-2222-5333-8444-555555555555")
MAIL = Mail(
    NUMBER, "duty@example.org", "[P1] 老城01: 循环泵故障", "第一行\n.第二行\n", datetime(2026, 1, 20, tzinfo=UTC), "zh"
)


def server(port, **how):
    return MailServer("127.0.0.1", port, **{"tls": "none", "sender": "heat@example.org", "step_s": 1.0, **how})


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def certificate(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def trusted(authority, tmp_path):
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "ca.pem"


def test_a_message_arrives_whole_with_the_number_that_it_always_has():
    with mail_server() as box:
        for _ in range(2):
            send(server(box.port), replace(MAIL, urgent=True, thread=UUID(int=7)))
    first, second = box.messages
    assert first["Subject"] == MAIL.subject
    assert first.get_content().splitlines() == ["第一行", ".第二行"]
    assert first["Message-ID"] == second["Message-ID"] == f"<{NUMBER}@example.org>"
    assert first["References"] == f"<{UUID(int=7)}@example.org>"
    assert (first["From"], first["To"], first["Importance"]) == ("heat@example.org", "duty@example.org", "high")
    assert (first["Auto-Submitted"], first["Content-Language"]) == ("auto-generated", "zh")


def test_no_title_adds_a_header_or_a_command():
    wicked = replace(
        MAIL, subject="pump\r\nBcc: all@example.org\r\n\r\nhello\0", text="x\r\n.\r\nQUIT\r\nRCPT TO:<all@example.org>"
    )
    with mail_server() as box:
        send(server(box.port), wicked)
    [message] = box.messages
    assert message["Bcc"] is None
    assert message["Subject"].startswith("pump  Bcc: all@example.org")
    assert message.get_content().splitlines()[1].strip() == "."
    assert [said for said in box.said if said.lower().startswith("rcpt")] == ["rcpt TO:<duty@example.org>"]


@pytest.mark.parametrize("implicit", [True, False])
def test_tls_is_checked_and_the_password_goes_only_through_it(certificate, trusted, implicit):
    how = "tls" if implicit else "starttls"
    with mail_server(tls=certificate, implicit=implicit, password="heat") as box:
        login = {"tls": how, "user": "hearthline", "password": "heat"}
        send(server(box.port, ca=trusted, **login), MAIL)
        with pytest.raises(LaterError, match="wrong password"):
            send(server(box.port, ca=trusted, **{**login, "password": "cold"}), MAIL)
        with pytest.raises(LaterError, match=r"no safe connection.*certificate"):
            send(server(box.port, **login), MAIL)
    assert len(box.messages) == 1


def test_a_server_without_tls_gets_neither_password_nor_message():
    with mail_server() as box:
        with pytest.raises(LaterError, match="smtp_tls") as told:
            send(server(box.port, tls="starttls", user="u", password="p"), MAIL)
        assert told.value.everybody
    assert not box.messages
    assert not any("AUTH" in said for said in box.said)


@pytest.mark.parametrize(
    ("answers", "error", "everybody"),
    [
        ({"RCPT": b"550 no such box"}, NeverError, None),
        ({"RCPT": b"450 greylisted"}, LaterError, False),
        ({"DATA": b"554 no spam"}, NeverError, None),
        ({"TEXT": b"452 disk full"}, LaterError, False),
        ({"HELLO": b"554 not today"}, LaterError, True),
        ({"HELLO": b"rubbish"}, LaterError, True),
    ],
)
def test_a_refusal_is_told_from_a_delay(answers, error, everybody):
    with mail_server(answers=answers) as box, pytest.raises(error) as told:
        send(server(box.port), MAIL)
    assert getattr(told.value, "everybody", None) is everybody
    assert "127.0.0.1" in str(told.value)


@pytest.mark.parametrize("how", [{"drip": 0.05}, {"mute": frozenset({"EHLO"})}, {"mute": frozenset({"DATA"})}])
def test_a_server_that_takes_its_time_is_left(how):
    with mail_server(**how) as box:
        began = time.monotonic()
        with pytest.raises(LaterError):
            send(server(box.port, step_s=0.5, whole_s=0.8), MAIL)
        assert time.monotonic() - began < 8


def test_nobody_there_is_a_delay():
    with mail_server() as box:
        pass
    with pytest.raises(LaterError, match="cannot be reached") as told:
        send(server(box.port), MAIL)
    assert told.value.everybody
