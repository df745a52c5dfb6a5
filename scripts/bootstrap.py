"""Make .venv what the lock files say: `python3 scripts/bootstrap.py run|dev`. Standard library only.

Installs with hashes checked. A locked uv is fetched first because it is several times faster; when
it cannot do the job, pip does. A stamp makes the second call take no time.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import light_plotly

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST = (3, 11)
SETS = {"run": ("run",), "dev": ("dev",)}
UV_LIMIT_S = 900


def main(chosen: str) -> None:
    """Bring .venv up to date for `run` (the product) or `dev` (the product and its tests)."""
    if sys.version_info < OLDEST:
        sys.exit(f"Hearthline needs Python {OLDEST[0]}.{OLDEST[1]} or newer; this is {sys.version.split()[0]}.")
    digest = _digest()
    if _stamped(chosen, digest):
        return
    began = time.monotonic()
    _make_venv()
    _say(f"installing the locked packages ({chosen}) into .venv; once, about a minute ...")
    if not _install_with_uv(chosen):
        _say("uv could not do it; pip takes over, which is slower ...")
        _install_with_pip(chosen)
    remark = light_plotly.fetch(VENV / "share" / "hearthline")
    if remark:
        _say(remark)
    _stamp(chosen, digest)
    _say(f"installed in {time.monotonic() - began:.0f} s")


def _say(text: str) -> None:
    print(f"[setup] {text}", file=sys.stderr, flush=True)


def _digest() -> str:
    parts = [*sorted((ROOT / "requirements").glob("*.txt")), ROOT / "pyproject.toml"]
    told = hashlib.sha256(f"{VENV} {sys.version}".encode())
    for part in parts:
        told.update(part.read_bytes())
    return told.hexdigest()


def _stamp_file(chosen: str) -> Path:
    return VENV / f".hearthline-{chosen}"


def _stamped(chosen: str, digest: str) -> bool:
    """Return whether an earlier call did all this; the development set holds the running set."""
    stamps = {_stamp_file(chosen), _stamp_file("dev")}
    return PYTHON.exists() and any(s.exists() and s.read_text() == digest for s in stamps)


def _stamp(chosen: str, digest: str) -> None:
    for other in SETS:
        _stamp_file(other).unlink(missing_ok=True)
    _stamp_file(chosen).write_text(digest)


def _make_venv() -> None:
    if _works():
        return
    _say("making .venv ...")
    shutil.rmtree(VENV, ignore_errors=True)
    made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=False, capture_output=True, text=True)
    if made.returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        sys.exit(
            f"python3 -m venv failed:\n{made.stdout}{made.stderr}\n"
            "On Debian: apt-get install python3-venv python3-pip, then again."
        )


def _works() -> bool:
    """Return whether .venv answers and stands where it was made: a moved one runs somebody else's scripts."""
    if not PYTHON.exists():
        return False
    asked = subprocess.run(
        [PYTHON, "-c", "import pip, sys; print(sys.prefix)"], check=False, capture_output=True, text=True
    )
    shebang = VENV / "bin" / "pip"
    return asked.returncode == 0 and shebang.exists() and str(VENV) in shebang.read_text()[:400]


def _install_with_uv(chosen: str) -> bool:
    got = subprocess.run(
        [PYTHON, "-m", "pip", "install", "-q", "--require-hashes", "-r", ROOT / "requirements" / "uv.txt"], check=False
    )
    if got.returncode:
        return False
    uv = [VENV / "bin" / "uv", "pip", "install", "--python", PYTHON, "--compile-bytecode"]
    environment = {**os.environ, **_pip_settings_for_uv()}
    wanted = (["--require-hashes", "-r", _lock(chosen)], ["--no-deps", "--no-build-isolation", "-e", ROOT])
    try:
        return all(
            subprocess.run([*uv, *what], check=False, env=environment, cwd=ROOT, timeout=UV_LIMIT_S).returncode == 0
            for what in wanted
        )
    except (OSError, subprocess.TimeoutExpired):
        return False


def _pip_settings_for_uv() -> dict[str, str]:
    """Return the index and the certificates that pip is set up with, in the words of uv, where uv has none."""
    listed = subprocess.run([PYTHON, "-m", "pip", "config", "list"], check=False, capture_output=True, text=True)
    pairs = (line.split("=", 1) for line in listed.stdout.splitlines() if "=" in line)
    told = {name.rsplit(".", 1)[-1]: value.strip("'\"") for name, value in pairs}
    words = {"index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE"}
    return {words[key]: value for key, value in told.items() if key in words and words[key] not in os.environ}


def _install_with_pip(chosen: str) -> None:
    pip = [PYTHON, "-m", "pip", "install", "--progress-bar", "on"]
    for what in (["--require-hashes", "-r", _lock(chosen)], ["--no-deps", "--no-build-isolation", "-e", ROOT]):
        if subprocess.run([*pip, *what], check=False, cwd=ROOT).returncode:
            sys.exit(
                "The packages could not be installed: see pip's message above. A network to the package index, "
                "or a local mirror (pip config set global.index-url ...), is needed once."
            )


def _lock(chosen: str) -> Path:
    return ROOT / "requirements" / f"{chosen}.txt"


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in SETS:
        sys.exit(f"usage: python3 scripts/bootstrap.py {'|'.join(SETS)}")
    main(sys.argv[1])
