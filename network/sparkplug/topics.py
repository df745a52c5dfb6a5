"""Topics of Sparkplug B: spBv1.0/<group>/<what>/<node>[/<device>], and spBv1.0/STATE/<host>."""

from dataclasses import dataclass
from enum import StrEnum

from perception.payload import PayloadError
from perception.readings import Reason

ROOT = "spBv1.0"
LONGEST_ID = 120


class What(StrEnum):
    """The kinds of messages."""

    NBIRTH = "NBIRTH"
    NDATA = "NDATA"
    NDEATH = "NDEATH"
    NCMD = "NCMD"
    DBIRTH = "DBIRTH"
    DDATA = "DDATA"
    DDEATH = "DDEATH"
    DCMD = "DCMD"
    STATE = "STATE"


COMMANDS = frozenset({What.NCMD, What.DCMD})
BIRTHS = frozenset({What.NBIRTH, What.DBIRTH})


@dataclass(frozen=True, slots=True)
class SparkplugTopic:
    """A topic, taken apart. `node` is group/node, `device` its device or "" for the node itself."""

    what: What
    node: str
    device: str = ""

    @property
    def address(self) -> str:
        """What the device is known by: group/node or group/node/device."""
        return f"{self.node}/{self.device}" if self.device else self.node


def parse(topic: str) -> SparkplugTopic:
    """Take a topic apart. For STATE, `node` is the id of the host. Raises PayloadError (bad_topic)."""
    levels = topic.split("/")
    if len(levels) == 3 and levels[1] == What.STATE:
        return SparkplugTopic(What.STATE, levels[2])
    if len(levels) not in {4, 5} or levels[2] not in What.__members__ or levels[2] == What.STATE:
        raise _wrong(topic)
    what = What(levels[2])
    if (len(levels) == 5) != what.startswith("D"):
        raise _wrong(topic)
    if not all(0 < len(level) <= LONGEST_ID for level in (levels[1], *levels[3:])):
        raise _wrong(topic)
    return SparkplugTopic(what, f"{levels[1]}/{levels[3]}", levels[4] if len(levels) == 5 else "")


def rebirth_topic(node: str) -> str:
    """Return the topic on which a node (group/node) is commanded."""
    group, _, name = node.partition("/")
    return f"{ROOT}/{group}/{What.NCMD}/{name}"


def state_topic(host: str) -> str:
    """Return the topic on which a host says that it is there."""
    return f"{ROOT}/{What.STATE}/{host}"


def _wrong(topic: str) -> PayloadError:
    expected = f"{ROOT}/<group>/NBIRTH|NDATA|NDEATH/<node> or {ROOT}/<group>/DBIRTH|DDATA|DDEATH/<node>/<device>"
    return PayloadError(
        Reason.BAD_TOPIC, f"expected {expected}, each of 1 to {LONGEST_ID} characters, got {topic!r:.120}"
    )
