"""Kinds from packages installed beside: found by their entry point, held to the same contract, named when broken."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "tests" / "cases" / "packages" / "tide_gauge"
UV = Path(sys.executable).parent / "uv"


def call(*words, site=None, **environment):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("HEARTHLINE_")}
    path = {} if site is None else {"PYTHONPATH": str(site)}
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=kept | path | environment, capture_output=True, text=True, check=False,
        timeout=150,
    )  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder in which the package is installed, as pip installs it: built from source, without any index."""
    folder = tmp_path_factory.mktemp("installed")
    source = shutil.copytree(PACKAGE, folder / "source")
    done = subprocess.run(
        [UV, "pip", "install", "--quiet", "--offline", "--no-index", "--no-deps", "--no-build-isolation", "--python",
         sys.executable, "--target", str(folder / "site"), str(source)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "site"


def broken(folder, target):
    """Pretend that a package of this entry point is installed in a folder."""
    facts = folder / "hearthline_broken-0.3.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: hearthline-broken\nVersion: 0.3\n")
    (facts / "entry_points.txt").write_text(f"[hearthline.kinds]\nbroken = {target}\n")
    return folder


def test_an_installed_kind_is_a_kind_like_any_other(site):
    done = call("-m", "hearthline", "kinds", "tide_gauge", "--json", site=site)
    assert done.returncode == 0, done.stderr
    assert [(p["bit"], p["name"], p["title_zh"]) for p in json.loads(done.stdout)] == [
        (0, "level", "潮位"), (1, "pump_run", "水泵运行"),
    ]  # fmt: skip
    assert "tide_gauge" not in call("-m", "hearthline", "kinds", "--json").stdout


def test_an_installed_kind_keeps_the_contract_of_every_kind(site):
    words = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contract/test_every_kind.py", "-k", "tide_gauge")
    done = call(*words, site=site)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "passed" in done.stdout


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("no_such_module:KIND", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("json:KIND", "AttributeError"),
        ("json:loads", "has no KIND of type SensorKind"),
        ("perception.kinds.street_lamp:KIND", "the kind 'street_lamp' is already taken"),
    ],
)
def test_a_broken_package_is_named_with_its_trouble(tmp_path, target, why):
    done = call("-m", "hearthline", "kinds", site=broken(tmp_path, target))
    assert done.returncode == 78
    assert f"entry point broken ({target}) of hearthline-broken 0.3" in done.stderr
    assert why in done.stderr
    assert "Traceback" not in done.stderr


def test_a_process_of_a_run_goes_on_without_a_broken_package_and_says_so(tmp_path):
    """The start is refused; whoever is started again later must not take the heat network down for a package."""
    from support.kind_files import fingerprints, take_in

    take_in(tmp_path / "taken", fingerprints())
    script = "from support.kind_files import known_kinds; print(len(known_kinds()), 'water_meter' in known_kinds())"
    site = broken(tmp_path / "site", "no_such_module:KIND")
    done = call("-c", script, site=site, HEARTHLINE_KINDS_TAKEN_IN=str(tmp_path / "taken"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[1] == "True"
    assert "left out: entry point broken" in done.stderr
