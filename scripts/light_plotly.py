"""Put the light plotly.js bundle beside the environment, where npm can fetch it. Standard library only.

The whole plotly.js of the Python package is 1.4 MB compressed; charts of lines need a third of it. Without npm
nothing is lost but time on a slow link: the pages then load the whole.
"""

import hashlib
import io
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "plotly.js-cartesian-dist-min"
VERSION = "4.1.1"  # of the plotly.js in the locked plotly package; a test holds the two together
SHA512 = (
    "a3c1ab15ebac9dcc012316c1ca7449a58e29920541e9c68cf892e9c2b2d86dbb"
    "0eedd67c149f9254dd85afe2fb9221bf67ac383f93b426eb3f42be4479f1d57a"
)
MEMBER = "package/plotly-cartesian.min.js"
LIMIT_S = 60


def fetch(folder: Path) -> str:
    """Put the bundle into the folder and return a remark, empty when all is well."""
    target = folder / Path(MEMBER).name
    if target.exists() and f"v{VERSION}\n" in target.read_text(encoding="utf-8")[:200]:
        return ""
    npm = shutil.which("npm")
    if npm is None:
        return "npm is not here: pages load the whole of plotly.js, which is three times as large"
    with tempfile.TemporaryDirectory() as name:
        content = _packed(npm, Path(name))
    if content is None:
        return "npm could not fetch the light plotly.js: pages load the whole, which is three times as large"
    if hashlib.sha512(content).hexdigest() != SHA512:
        return f"{PACKAGE} {VERSION} is not what was locked, and is left alone"
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        member = archive.extractfile(MEMBER)
        assert member is not None
        target.write_bytes(member.read())
    return ""


def _packed(npm: str, folder: Path) -> bytes | None:
    """Return the package as npm delivers it, None when it does not."""
    command = [npm, "pack", "--silent", "--ignore-scripts", f"{PACKAGE}@{VERSION}"]
    try:
        done = subprocess.run(command, cwd=folder, check=False, capture_output=True, timeout=LIMIT_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    files = list(folder.glob("*.tgz"))
    return files[0].read_bytes() if done.returncode == 0 and files else None
