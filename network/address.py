"""Address: where a broker listens, and who we are to it."""

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Self
from urllib.parse import quote, unquote, urlsplit

SCHEMES = {"mqtt": 1883, "mqtts": 8883}


class AddressError(ValueError):
    """The text is not the address of a broker; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a broker. Its text and its repr never show the password; `url` does."""

    host: str
    port: int = SCHEMES["mqtt"]
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False

    @classmethod
    def parse(cls, url: str) -> Self:
        """Return the address that `mqtt://[user[:password]@]host[:port]` (or mqtts://) names. Raises AddressError."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as err:
            raise _unusable(url, str(err)) from err
        if parts.scheme not in SCHEMES:
            raise _unusable(url, f"the scheme is mqtt or mqtts, not {parts.scheme!r}")
        if not host or port == 0:
            raise _unusable(url, "host or port is missing")
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise _unusable(url, "nothing may follow the port")
        return cls(
            host=host,
            port=port or SCHEMES[parts.scheme],
            user=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
            tls=parts.scheme == "mqtts",
        )

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this machine can be there. Names other than localhost are not looked up."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def url(self) -> str:
        """The address as other tools take it, with the password if there is one."""
        who = "" if self.user is None else quote(self.user, safe="")
        if self.password is not None:
            who += f":{quote(self.password, safe='')}"
        return self._spelled(who)

    def __str__(self) -> str:
        return self._spelled("" if self.user is None else quote(self.user, safe=""))

    def _spelled(self, who: str) -> str:
        scheme = "mqtts" if self.tls else "mqtt"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{who}{'@' if who else ''}{host}:{self.port}"


def _unusable(url: str, why: str) -> AddressError:
    shown = url.rpartition("@")[2]
    return AddressError(f"broker.url ...{shown!r:.80}: {why}; expected mqtt://[user:password@]host[:port]")
