"""Broker files: what Mosquitto reads of our rights, written whole or not at all, for its eyes alone.

The files are `devices.passwords` (one line per device), `service.passwords` (the platform's own
account) and `hearthline.acl`. What stands in `local.passwords` and `local.acl` beside them is
added: accounts of foreign controllers, which have no topics of ours.
"""

import os
import pwd
import re
from collections.abc import Mapping
from pathlib import Path

from support.set_up import HomeError

DEVICES, SERVICE, ACL = "devices.passwords", "service.passwords", "hearthline.acl"
LOCAL_PASSWORDS, LOCAL_ACL = "local.passwords", "local.acl"
_LINE = re.compile(r"[^:\s]+:\$[67]\$\S+")


class RightsFileError(HomeError):
    """The broker's files cannot be written; the text says why and what to try."""


def write_rights(
    folder: Path, devices: Mapping[str, str], service: Mapping[str, str], acl: str, owner: str | None
) -> list[Path]:
    """Write the three files (0600, of `owner` where one is given) and return their paths. Raises RightsFileError.

    `devices` and `service` are hashes by user name, `acl` is the shipped list.
    """
    extra = _local(folder / LOCAL_PASSWORDS)
    for number, line in enumerate(extra.splitlines(), 1):
        name = line.partition(":")[0]
        if not _LINE.fullmatch(line) or name in devices or name in service:
            raise RightsFileError(
                f"{folder / LOCAL_PASSWORDS}, line {number}: expected name:$7$..., as mosquitto_passwd writes it, "
                "with a name that is no device's"
            )
    texts = {
        DEVICES: _passwords(devices) + extra,
        SERVICE: _passwords(service),
        ACL: acl + _local(folder / LOCAL_ACL),
    }
    ids = None if owner is None else _ids(owner)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_write(folder / name, text, ids) for name, text in texts.items()]
    except OSError as err:
        raise RightsFileError(
            f"cannot write into {folder}: {err.strerror}; choose a folder of your own, or be root"
        ) from err


def _passwords(hashes: Mapping[str, str]) -> str:
    return "".join(f"{name}:{hash_}\n" for name, hash_ in hashes.items())


def _local(file: Path) -> str:
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as err:
        raise RightsFileError(f"cannot read {file}: {err}") from err
    return text if not text or text.endswith("\n") else text + "\n"


def _ids(owner: str) -> tuple[int, int]:
    try:
        entry = pwd.getpwnam(owner)
    except KeyError as err:
        raise RightsFileError(f"no user is named {owner!r} here: say with --owner as whom the broker runs") from err
    return entry.pw_uid, entry.pw_gid


def _write(target: Path, text: str, ids: tuple[int, int] | None) -> Path:
    """Replace a file at once: a broker that reads meanwhile sees the old or the new one, never a part."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            if ids is not None:
                os.fchown(file.fileno(), *ids)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    return target
