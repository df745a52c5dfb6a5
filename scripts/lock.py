"""Write requirements/*.txt anew from pyproject.toml: every package pinned with its hashes, and no address in it."""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = ROOT / ".venv" / "bin" / "uv"
COMPILE = (
    "pip", "compile", "--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate",
    "--no-emit-index-url", "--no-emit-find-links", "--upgrade", "--quiet",
)  # fmt: skip


def main() -> None:
    """Lock what runs, what develops, and the installer itself."""
    lock("run.txt", "pyproject.toml")
    lock("dev.txt", "pyproject.toml", "--group", "dev")
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "uv.in"
        wanted.write_text("uv\n")
        lock("uv.txt", str(wanted))


def lock(target: str, *sources: str) -> None:
    """Resolve the sources into one file of requirements/."""
    done = subprocess.run([UV, *COMPILE, *sources, "-o", f"requirements/{target}"], cwd=ROOT, check=False)
    if done.returncode:
        sys.exit(f"requirements/{target} could not be locked: see above")


if __name__ == "__main__":
    main()
