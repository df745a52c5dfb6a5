"""Desk: the file of notifications as it is now, and the ways on which notices go out with their secrets."""

import time
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import structlog

from application.instants import SECOND, moment
from application.notify.plan import Channel, Plan, PlanError, Recipient, plan_of
from application.notify.rota import holes, overlaps
from application.notify.wording import Content, message_event
from application.settings import NotifySettings
from perception.point import Point
from perception.sensor_kind import SensorKind
from support import mail, webhook
from support.delivery import LaterError, NeverError
from support.secret_files import SecretFileError, read_secret

_LOOK_S = 2.0
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Desk:
    """What notices are made and sent with. `secrets`: the folder of secret files; `kinds`: for units of evidence.

    `count(channel, outcome, how many)` is told what became of notices.
    """

    file: Path
    settings: NotifySettings
    secrets: Path
    kinds: Callable[[], Mapping[str, SensorKind]]
    count: Callable[[str, str, int], None] = lambda _channel, _outcome, _n: None

    def points(self) -> Mapping[str, Point]:
        """Return the points of all kinds by name; of two of one name, one."""
        return {point.name: point for kind in self.kinds().values() for point in kind.points}


@dataclass(frozen=True, slots=True)
class Post:
    """A notice on its way. `created` in epoch microseconds; `thread`: the message that it follows."""

    message_id: UUID
    recipient: str
    channel: Channel
    kind: str
    priority: int
    content: Content
    created: int
    thread: UUID | None = None

    @property
    def event(self) -> Mapping[str, object]:
        """What machines are told."""
        return message_event(self.content.event, self.message_id, self.kind, moment(self.created).isoformat())


def read_plan(file: Path) -> Plan:
    """Return what a file says. Raises PlanError with every problem."""
    try:
        return plan_of(tomllib.loads(file.read_text("utf-8")))
    except PlanError as err:
        raise PlanError(f"{file}: {err}") from err
    except (OSError, ValueError) as err:  # bytes that are no text, text that is no TOML
        raise PlanError(f"{file}: {err}") from err
    except RecursionError as err:
        raise PlanError(f"{file}: tables or lists stand too deep in each other") from err


def summary(plan: Plan) -> str:
    """Return in a line what a plan holds."""
    held = f"{len(plan.recipient)} recipients, {len(plan.route)} routes, {len(plan.on_call)} rotas"
    return held if plan.route else f"{held}: nobody is told anything"


class PlanFile:
    """The plan as the file has it now. What cannot be used is said once, and the old one stays in force.

    A file that cannot be used at the beginning keeps nothing else from being tended: nobody is told until it is right.
    For one thread that asks.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stamp = _stamp(file)
        self._looked = time.monotonic()
        self._plan = Plan()
        self._read(kept="nobody is told anything until it is right")

    def plan(self) -> Plan:
        """Return the plan; looks at the file every two seconds at most."""
        if time.monotonic() - self._looked >= _LOOK_S:
            self._looked = time.monotonic()
            stamp = _stamp(self._file)
            if stamp != self._stamp:
                self._stamp = stamp
                if self._read(kept="the plan from before"):
                    _log.info("notifications_changed", file=str(self._file), holds=summary(self._plan))
        return self._plan

    def _read(self, *, kept: str) -> bool:
        try:
            self._plan = read_plan(self._file)
        except PlanError as err:
            _log.warning("notifications_refused", file=str(self._file), why=str(err), kept=kept)
            return False
        return True


def remarks(plan: Plan, desk: Desk, rules: Collection[str]) -> list[str]:
    """Return what is allowed and yet looks wrong: somebody would not be told."""
    found = [
        f"nobody is on call {hole} (rota {name})" + ("" if rota.otherwise is None else f": {rota.otherwise} is told")
        for name, rota in plan.on_call.items()
        for hole in holes(rota)
    ]
    found += [
        f"{pair} of rota {name} overlap: the first holds"
        for name, rota in plan.on_call.items()
        for pair in overlaps(rota)
    ]
    reached = {name for route in plan.route for name in route.to}
    found += [f"no route leads to rota {name}" for name in plan.on_call if f"on-call:{name}" not in reached]
    named = {rule for route in plan.route for rule in route.rules}
    found += [f"a route names the rule {rule!r}, which there is not" for rule in sorted(named - set(rules))]
    missing = (
        _missing(desk, n, recipient, way) for n, recipient in plan.recipient.items() for way in recipient.channels
    )
    return [*found, *(words for words in missing if words is not None)]


def send(desk: Desk, plan: Plan, post: Post, now: int) -> None:
    """Send a notice by mail or webhook; on return the other side has it. Raises LaterError, NeverError."""
    recipient = plan.recipient.get(post.recipient)
    if recipient is None or post.channel not in recipient.channels:
        raise NeverError(f"{post.recipient} has no {post.channel} in {desk.file.name} any more")
    missing = _missing(desk, post.recipient, recipient, post.channel)
    if missing is not None:  # somebody will mend that, and what still matters then goes out
        raise LaterError(missing, everybody=True)
    if post.channel == "mail":
        mail.send(_server(desk.settings, desk.secrets), _mail(post, recipient))
    else:
        webhook.send(_call(desk, post, recipient), now // SECOND)


def _missing(desk: Desk, name: str, recipient: Recipient, channel: Channel) -> str | None:
    """Return which setting or secret is missing that a channel needs, None where it can be used."""
    told, hook = desk.settings, recipient.webhook
    try:
        if channel == "mail" and told.smtp_host is None:
            return f"{name} is to have mail, and no server for it is set: notify.smtp_host"
        if channel == "mail" and told.smtp_user is not None and _password(told, desk.secrets) is None:
            return f"notify.smtp_user has no password: HEARTHLINE_NOTIFY__SMTP_PASSWORD, or {_SMTP_FILE}"
        if channel == "webhook" and hook is not None and hook.secret is not None and _secret(desk, hook.secret) is None:
            return (
                f"{name} has a webhook whose secret {hook.secret!r} is not known: HEARTHLINE_NOTIFY__WEBHOOK_SECRETS, "
                f"or a file secrets/webhook-{hook.secret} of mode 600 in the home"
            )
    except SecretFileError as err:
        return str(err)
    return None


_SMTP_FILE = "a file secrets/smtp-password of mode 600 in the home"


def _password(settings: NotifySettings, folder: Path) -> str | None:
    told = settings.smtp_password
    return read_secret(folder, "smtp-password") if told is None else told.get_secret_value()


def _secret(desk: Desk, name: str) -> str | None:
    told = desk.settings.webhook_secrets.get(name)
    return read_secret(desk.secrets, f"webhook-{name}") if told is None else told.get_secret_value()


def _server(told: NotifySettings, folder: Path) -> mail.MailServer:
    if told.smtp_host is None or told.smtp_from is None:
        raise LaterError("no mail server is set: notify.smtp_host", everybody=True)
    password = None if told.smtp_user is None else _password(told, folder)
    where = (told.smtp_host, told.smtp_port, told.smtp_tls, told.smtp_from)
    return mail.MailServer(*where, told.smtp_user, password, told.smtp_ca)


def _mail(post: Post, recipient: Recipient) -> mail.Mail:
    return mail.Mail(
        message_id=post.message_id,
        to=recipient.mail or "",
        subject=post.content.subject,
        text=post.content.text,
        created=moment(post.created),
        language=recipient.language,
        urgent=post.priority == 1,
        thread=post.thread,
    )


def _call(desk: Desk, post: Post, recipient: Recipient) -> webhook.Call:
    hook = recipient.webhook
    if hook is None:
        raise NeverError(f"{post.recipient} has no webhook")
    secret = None if hook.secret is None else _secret(desk, hook.secret)
    ca = desk.settings.webhook_ca
    return webhook.Call(hook.url, str(post.message_id), post.event, secret, hook.allow_private, ca)


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        told = file.stat()
    except OSError:
        return None
    return told.st_mtime_ns, told.st_size
