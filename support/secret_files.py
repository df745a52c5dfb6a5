"""Secret files: one secret per file in the home's folder `secrets`, for their owner's eyes alone."""

import stat
from pathlib import Path


class SecretFileError(Exception):
    """A file that holds a secret cannot be used; the text says why and what to do."""


def read_secret(folder: Path, name: str) -> str | None:
    """Return the secret of a file, None where there is no such file.

    Raises SecretFileError when others may read it, or when there is nothing in it.
    """
    file = folder / name
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
        text = file.read_text("utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeError) as err:
        raise SecretFileError(f"{file} cannot be read: {err}") from err
    if mode & 0o077:
        raise SecretFileError(f"{file} can be read by others (mode {mode:o}): chmod 600 {file}")
    if not text:
        raise SecretFileError(f"{file} is empty: write the secret into it")
    return text
