"""Run log: the lines of every supervised process, one after another, on the terminal and in a rotating file."""

import sys
import time
from logging import INFO, LogRecord
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO

FILE_BYTES = 10 * 2**20
FILES = 5
LONGEST_LINE = 4000
_COLOURS = {
    "hearthline": 1, "postgres": 36, "broker": 35, "ingest": 34, "tend": 33,
    "console": 32, "portal": 32, "simulate": 90, "seed": 33,
}  # fmt: skip


class RunLog:
    """Writes `time name | line`; the file keeps the date, the terminal the colours. Closed by its owner."""

    def __init__(self, file: Path, terminal: TextIO | None = None) -> None:
        self._file = RotatingFileHandler(file, maxBytes=FILE_BYTES, backupCount=FILES, encoding="utf-8")
        self._terminal: TextIO | None = sys.stdout if terminal is None else terminal
        self._colours = self._terminal is not None and self._terminal.isatty()

    def line(self, name: str, text: str) -> None:
        """Write one line of one process."""
        text = text.rstrip()[:LONGEST_LINE]
        now = time.localtime()
        whole = f"{time.strftime('%Y-%m-%dT%H:%M:%S%z', now)} {name:<10} | {text}"
        self._file.emit(LogRecord("run", INFO, "", 0, whole, (), None))
        self._show(f"{time.strftime('%H:%M:%S', now)} {self._named(name)} | {text}\n")

    def show_once(self, name: str, text: str) -> None:
        """Write one line on the terminal alone: what is secret has no place in a file."""
        self._show(f"{time.strftime('%H:%M:%S')} {self._named(name)} | {text}\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _named(self, name: str) -> str:
        padded = f"{name:<10}"
        return f"\x1b[{_COLOURS.get(name, 0)}m{padded}\x1b[0m" if self._colours else padded

    def _show(self, text: str) -> None:
        """Write to the terminal while there is one: a closed one must not stop a running system."""
        if self._terminal is None:
            return
        try:
            self._terminal.write(text)
            self._terminal.flush()
        except (OSError, ValueError):
            self._terminal = None
