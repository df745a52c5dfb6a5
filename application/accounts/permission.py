"""Permission: what somebody may do, by name, and the roles that hold permissions."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Permission(StrEnum):
    """What may be allowed. Each door to a change names exactly one."""

    VIEW = "view"
    """See the console and read its interfaces."""
    ALARMS = "alarms"
    """Acknowledge, comment, shelve and reset alarms; take stations and devices out of service."""
    WORK = "work"
    """Open work orders and take their steps."""
    COMMANDS = "commands"
    """Ask devices for setpoints and modes within their ordinary bounds."""
    COMMANDS_CONFIRM = "commands-confirm"
    """Be the second person for a command beyond the ordinary bound."""
    DEVICES = "devices"
    """Approve and retire devices, correct them, mend and replay rejects."""
    HANDOVER = "handover"
    """Write and sign the handover between shifts."""
    DRILL = "drill"
    """Begin and end drills."""
    REQUESTS = "requests"
    """Enter citizens' requests, and act on those that lie with the own body in the own area."""
    REQUESTS_SUPERVISE = "requests-supervise"
    """Read all requests of the own area and order rectification. Nobody may change a rating."""
    MEASURE = "measure"
    """Record measurements of room temperature on site."""
    DUTIES = "duties"
    """Change the responsibility list."""
    DISCLOSURE = "disclosure"
    """Propose and confirm what the public may see."""
    EMERGENCIES = "emergencies"
    """Lead emergencies and issue public alerts."""
    ACCOUNTS = "accounts"
    """Make, change and disable accounts and tokens; read the audit log."""


class Role(StrEnum):
    """What an account is for."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    DISPATCHER = "dispatcher"
    BODY_MEMBER = "body-member"
    """Of a residents' group, a property company or another body that answers for requests."""
    DISTRICT_OFFICIAL = "district-official"
    SUPERVISOR = "supervisor"
    ADMINISTRATOR = "administrator"


_P = Permission
_OPERATOR: Final = frozenset({_P.VIEW, _P.ALARMS, _P.WORK, _P.COMMANDS, _P.HANDOVER})
_DISPATCHER: Final = _OPERATOR | {_P.COMMANDS_CONFIRM, _P.DEVICES, _P.REQUESTS, _P.MEASURE, _P.EMERGENCIES}

ROLES: Final[Mapping[Role, frozenset[Permission]]] = MappingProxyType(
    {
        Role.VIEWER: frozenset({_P.VIEW}),
        Role.OPERATOR: _OPERATOR,
        Role.DISPATCHER: _DISPATCHER,
        Role.BODY_MEMBER: frozenset({_P.REQUESTS, _P.MEASURE}),
        Role.DISTRICT_OFFICIAL: frozenset({_P.VIEW, _P.REQUESTS, _P.MEASURE, _P.EMERGENCIES}),
        Role.SUPERVISOR: frozenset({_P.VIEW, _P.REQUESTS_SUPERVISE}),
        Role.ADMINISTRATOR: frozenset(Permission),
    }
)
"""The permissions of each role. A body's member sees the requests of the own body, not the console."""
