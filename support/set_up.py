"""Set-up: what can be wrong before anything runs, and the checks that say so in plain words.

SetUpError
├── ConfigurationError   settings contradict themselves or are not known; lists every problem
├── HomeError            the data folder cannot be used
├── AlreadyRunningError  another `hearthline run` owns this home
└── PortTakenError       somebody else listens where we want to
"""

import socket
from collections.abc import Sequence
from typing import NamedTuple

CONFIGURATION_EXIT = 78
"""Exit status (EX_CONFIG) of a program that cannot start until a person changes something: no use restarting it."""


class SetUpError(Exception):
    """Root of everything that a person has to put right before a start; the text says how."""


class ConfigurationError(SetUpError):
    """Settings cannot be used; the text lists every problem with its remedy."""


class HomeError(SetUpError):
    """The data folder cannot be used; choose another with HEARTHLINE_HOME."""


class AlreadyRunningError(SetUpError):
    """Another `hearthline run` owns this home; stop it, or choose another HEARTHLINE_HOME and other ports."""


class PortTakenError(SetUpError):
    """Somebody else listens where we want to; the text names each port and the setting to change."""


class Listener(NamedTuple):
    """A port that a run will listen on, and the settings key that moves it."""

    what: str
    host: str
    port: int
    key: str


def check_ports(listeners: Sequence[Listener]) -> None:
    """Raise PortTakenError naming every port that is not free, or that two of ours want."""
    problems = [_taken(one) for one in listeners if not _is_free(one.host, one.port)]
    for place, one in enumerate(listeners):
        twins = [other for other in listeners[:place] if other.port == one.port]
        problems += [f"port {one.port} is set for both {twin.what} and {one.what}. {_remedy(one)}" for twin in twins]
    if problems:
        raise PortTakenError("\n".join(problems))


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def _taken(one: Listener) -> str:
    return f"port {one.port} on {one.host} ({one.what}) is not free{_owner(one.port)}. {_remedy(one)}"


def _remedy(one: Listener) -> str:
    section, name = one.key.split(".")
    variable = f"HEARTHLINE_{section.upper()}__{name.upper()}"
    return f"Set {variable}=<another port> ({one.key} in configs/hearthline.toml), or stop what listens there."


def _owner(port: int) -> str:
    """Return who listens on a port, as far as we may see."""
    import psutil  # noqa: PLC0415  only when something is wrong: it costs every start otherwise

    try:
        held = (c for c in psutil.net_connections("tcp") if c.status == "LISTEN" and c.laddr and c.laddr.port == port)
        holder = next(held, None)
        if holder is None or holder.pid is None:
            return ""
        return f": {psutil.Process(holder.pid).name()} (pid {holder.pid}) listens there"
    except psutil.Error:
        return ""
