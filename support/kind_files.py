"""Kind files: the sensor kinds that a run has taken in, as a copy of their files that its processes load.

So a file that is being edited, is broken, or contradicts the tables never reaches a process that is started again:
it goes on with what was taken in last.
"""

import hashlib
import importlib
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from perception import kinds
from perception.sensor_kind import SensorKind

KINDS_FOLDER = "HEARTHLINE_KINDS_TAKEN_IN"
"""Set for supervised processes: where the copy lies."""

LARGEST = 2**20
"""Bytes of a file of a kind: one of sixty points has twenty thousand."""
TOO_LARGE = "too large"
"""Stands in the place of the hash of a larger one."""
_LOOK_S = 0.5

SOURCE = Path(kinds.__file__).parent
"""perception/kinds: where people put their files."""


def known_kinds() -> Mapping[str, SensorKind]:
    """Return the kinds of this process: every one, or those that the run which it belongs to has taken in.

    Raises KindError where one cannot be used; a run goes on without, and says so on standard error.
    """
    folder = os.environ.get(KINDS_FOLDER)
    return kinds.load_kinds() if folder is None else TakenIn(Path(folder))


class TakenIn(Mapping[str, SensorKind]):
    """The kinds that a run has taken in, by name. New ones are here within a second; one that is here never changes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kinds: dict[str, SensorKind] = {}
        self._seen, self._look_at = -1, 0.0
        kinds.look_in(str(folder))

    def __getitem__(self, name: str) -> SensorKind:
        return self._now()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())

    def _now(self) -> Mapping[str, SensorKind]:
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _LOOK_S
            seen = self._folder.stat().st_mtime_ns
            if seen != self._seen:
                self._seen = seen
                self._add()
        return self._kinds

    def _add(self) -> None:
        importlib.invalidate_caches()
        found = kinds.find_kinds()
        for problem in found.problems:
            sys.stderr.write(f"left out: {problem}\n")
        self._kinds = dict(sorted({**found.kinds, **self._kinds}.items()))  # anew: somebody may be walking the old one


def take_in(folder: Path, checked: Mapping[str, str]) -> None:
    """Make the copy what perception/kinds was when these `fingerprints` were taken.

    What has changed since then was not checked: it stays as the copy has it, and is looked at again.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in folder.glob("*.py"):
        if file.name not in checked:
            file.unlink()
    for name, fingerprint in checked.items():
        body = _body(name)
        if body is not None and _hash(body) == fingerprint:
            fresh = folder / f"{name}.new"
            fresh.write_bytes(body)
            fresh.replace(folder / name)


def fingerprints() -> dict[str, str]:
    """Return what the files are now: a hash of each, by name. One that vanishes while we look is not there."""
    found: dict[str, str] = {}
    for name in _files():
        body = _body(name)
        if body is not None:
            found[name] = _hash(body) if len(body) <= LARGEST else TOO_LARGE
    return found


def _files() -> list[str]:
    return sorted(f.name for f in SOURCE.glob("*.py") if f.stem.isidentifier() and f.name != "__init__.py")


def _body(name: str) -> bytes | None:
    """Return what stands in a file, cut behind what is too much; None of what is no file, or cannot be read."""
    file = SOURCE / name
    try:
        if not file.is_file():  # a pipe would be waited for
            return None
        with file.open("rb") as opened:
            return opened.read(LARGEST + 1)
    except OSError:
        return None


def _hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
