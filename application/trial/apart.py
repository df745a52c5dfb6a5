"""Apart: the engine in a process of its own, as who drives it sees it."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from application.trial.reception import Stage, send
from perception.catalogue import Catalogue

_HERE = Path(__file__).resolve().parents[2]
Columns = tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


Makers = Callable[[Catalogue, Mapping[str, int], Mapping[str, float], int, Path], Mapping[str, "EngineApart"]]
PLAIN = "plain-thresholds"


class EngineLostError(Exception):
    """The process of the engine has ended; the text says with what."""


class EngineApart:
    """An engine that takes columns; to be closed, which waits until it has written what it found."""

    def __init__(
        self,
        rules: Path,
        catalogue: Catalogue,
        numbers: Mapping[str, int],
        interval_s: Mapping[str, float],
        begin: int,
        out: Path,
        *,
        own_alone: bool = False,
    ) -> None:
        kinds = {d.kind for d in catalogue.devices if d.name in numbers}
        self._stage = Stage(
            str(rules.resolve()), own_alone, catalogue.model_dump_json(), tuple(sorted(kinds)), dict(numbers),
            dict(interval_s), begin, str(out.resolve()),
        )  # fmt: skip
        self._process = subprocess.Popen(
            [sys.executable, "-m", "application.trial"], cwd=_HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._said = b""
        self._tell(tuple(self._stage))

    def take(self, blocks: Mapping[str, Columns], now: int) -> None:
        """Hand over what came up to `now`; waits while the engine is behind. Raises EngineLostError."""
        self._tell((dict(blocks), now))

    def close(self) -> None:
        """Wait until the engine has written its files. Raises EngineLostError."""
        self._said, _ = self._process.communicate()
        if self._process.returncode or self._said != b"done\n":
            raise self._lost()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()

    def _tell(self, told: object) -> None:
        pipe = self._process.stdin
        if pipe is None:
            raise self._lost()
        try:
            send(pipe, told)
        except OSError as err:
            raise self._lost() from err

    def _lost(self) -> EngineLostError:
        code = self._process.wait()
        return EngineLostError(f"the engine of the trial ended with status {code}: what it said stands above")


def engines_of(rules: Path, plain: Path | None) -> Makers:
    """Return what makes the engines of a trial: by a file of rules, and by the rules of one's own in another."""

    def made(
        catalogue: Catalogue, numbers: Mapping[str, int], interval_s: Mapping[str, float], begin: int, out: Path
    ) -> Mapping[str, EngineApart]:
        found = {"": EngineApart(rules, catalogue, numbers, interval_s, begin, out)}
        if plain is not None:
            found[PLAIN] = EngineApart(plain, catalogue, numbers, interval_s, begin, out / PLAIN, own_alone=True)
        return found

    return made
