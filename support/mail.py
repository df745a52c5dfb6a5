"""Mail: one message to one mailbox through an SMTP server, within a bounded time. The only place that knows smtplib.

Sent is what the server has taken over with its 250 after the text; if that answer is lost, the message goes out again
under the same Message-ID, by which readers fold the two.
"""

import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from pathlib import Path
from threading import Timer
from typing import Literal
from uuid import UUID

from support.delivery import LaterError, NeverError

STEP_S = 10.0
"""How long one answer of the server may take."""
WHOLE_S = 30.0
"""How long all of it may take, however busily the server answers."""
_SUBJECT_CHARACTERS = 200
_READY = 220


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in. `ca`: certificates to trust in place of the system's. `sender`: whom it is from."""

    host: str
    port: int
    tls: Literal["starttls", "tls", "none"]
    sender: str
    user: str | None = None
    password: str | None = None
    ca: Path | None = None
    step_s: float = STEP_S
    whole_s: float = WHOLE_S


@dataclass(frozen=True, slots=True)
class Mail:
    """One message. `thread`: the message that it follows, so that readers show them together."""

    message_id: UUID
    to: str
    subject: str
    text: str
    created: datetime
    language: str
    urgent: bool = False
    thread: UUID | None = None


def composed(mail: Mail, sender: str) -> EmailMessage:
    """Return the message as it goes out. No title can add a header: control characters become spaces."""
    host = sender.rpartition("@")[2]
    message = EmailMessage(policy=SMTP_POLICY)
    message["From"] = sender
    message["To"] = mail.to
    message["Subject"] = plain(mail.subject)[:_SUBJECT_CHARACTERS]
    message["Date"] = format_datetime(mail.created)
    message["Message-ID"] = f"<{mail.message_id}@{host}>"
    if mail.thread is not None:
        message["In-Reply-To"] = message["References"] = f"<{mail.thread}@{host}>"
    message["Auto-Submitted"] = "auto-generated"
    if mail.urgent:
        message["Importance"] = "high"
    message.set_content("\n".join(plain(line) for line in mail.text.split("\n")), cte="base64")
    message["Content-Language"] = mail.language  # setting the content takes away what was said of it before
    return message


def plain(text: str) -> str:
    """Return one line: what does not print becomes a space."""
    return "".join(c if c.isprintable() else " " for c in text)


def send(server: MailServer, mail: Mail) -> None:
    """Hand in a message; on return the server has it. Raises LaterError, NeverError."""
    message = composed(mail, server.sender)
    with _refusals(server), _connected(server) as link:
        link.send_message(message, from_addr=server.sender, to_addrs=[mail.to])


@contextmanager
def _connected(server: MailServer) -> Iterator[smtplib.SMTP]:
    link = smtplib.SMTP(local_hostname=socket.gethostname(), timeout=server.step_s)
    with closing(socket.create_connection((server.host, server.port), server.step_s)) as raw, closing(raw.dup()) as way:
        limit = Timer(server.whole_s, _cut, [way])  # a server that says a byte now and then holds no other limit
        limit.daemon = True
        limit.start()
        try:
            _greet(link, raw, server)
            yield link
            with suppress(OSError, smtplib.SMTPException):  # it has the message: how it says goodbye does not matter
                link.quit()
        finally:
            limit.cancel()
            link.close()


def _greet(link: smtplib.SMTP, raw: socket.socket, server: MailServer) -> None:
    """Speak with the server until it takes messages: by TLS where it is to be, as a user where there is one."""
    context = None if server.tls == "none" else ssl.create_default_context(cafile=server.ca)
    if context is not None and server.tls == "tls":
        raw = context.wrap_socket(raw, server_hostname=server.host)
    link.sock = raw
    code, said = link.getreply()
    if code != _READY:
        raise smtplib.SMTPConnectError(code, said)
    if context is not None and server.tls == "starttls":
        link._host = server.host  # type: ignore[attr-defined] # noqa: SLF001 - the name that TLS checks; connect() is not ours
        link.starttls(context=context)
    if server.user is not None:
        link.login(server.user, server.password or "")


def _cut(way: socket.socket) -> None:
    with suppress(OSError):  # it is over already
        way.shutdown(socket.SHUT_RDWR)


@contextmanager
def _refusals(server: MailServer) -> Iterator[None]:
    """Turn what can go wrong into whether it is worth another attempt."""
    where = f"{server.host}:{server.port}"
    try:
        yield
    except smtplib.SMTPAuthenticationError as err:
        raise LaterError(f"{where} refuses the user or the password: {_said(err)}", everybody=True) from err
    except smtplib.SMTPRecipientsRefused as err:
        code, said = next(iter(err.recipients.values()))
        raise _judged(code, f"{where} refuses the recipient: {code} {_text(said)}") from err
    except (smtplib.SMTPDataError, smtplib.SMTPSenderRefused) as err:
        raise _judged(err.smtp_code, f"{where} refuses the message: {_said(err)}") from err
    except smtplib.SMTPResponseException as err:
        raise LaterError(f"{where} is not ready: {_said(err)}", everybody=True) from err
    except smtplib.SMTPNotSupportedError as err:
        raise LaterError(f"{where} offers no {_missing(server)}: {err}; see notify.smtp_tls", everybody=True) from err
    except ssl.SSLError as err:
        raise LaterError(f"{where}: no safe connection: {err}; see notify.smtp_tls", everybody=True) from err
    except (OSError, UnicodeError, smtplib.SMTPException) as err:  # UnicodeError: a host that can be no name
        raise LaterError(f"{where} cannot be reached: {err or type(err).__name__}", everybody=True) from err


def _missing(server: MailServer) -> str:
    return "TLS or log-in" if server.tls == "starttls" else "log-in"


def _judged(code: int, why: str) -> LaterError | NeverError:
    """Return the error: 4xx asks for patience, 5xx refuses (RFC 5321, 4.2.1)."""
    return NeverError(why) if 500 <= code < 600 else LaterError(why)


def _said(err: smtplib.SMTPResponseException) -> str:
    return f"{err.smtp_code} {_text(err.smtp_error)}"


def _text(said: bytes | str) -> str:
    return plain(said.decode(errors="replace") if isinstance(said, bytes) else said)[:300]
