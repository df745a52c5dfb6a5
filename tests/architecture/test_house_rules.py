"""The house keeps its own rules: sizes, names, who catches what, and error trees that are drawn."""

import ast
import importlib.metadata
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("perception", "network", "support", "application", "presentation", "simulators")
FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "base", "misc", "core", "data", "process", "handler"}
MODULE_LINES, FUNCTION_LINES = 330, 48
"""About 300 and about 40, as the habits say: a tenth and a few lines of tolerance, no more."""
ROOT_MODULE_LINES = 520
"""hearthline.py knows every adapter, in functions of a few lines."""
TABLES = {"simulators/heat/design.py: design"}
"""Functions that are one line per quantity, and would only be harder to read in pieces."""

MODULES = sorted([ROOT / "hearthline.py", *(f for layer in LAYERS for f in (ROOT / layer).rglob("*.py"))])
MIGRATIONS = ROOT / "support" / "postgres" / "migrations"


def name_of(path):
    return str(path.relative_to(ROOT))


@cache
def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def functions_of(path):
    return [n for n in ast.walk(tree_of(path)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_there_is_something_to_look_at():
    assert len(MODULES) > 80


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_is_short(path):
    if path.parent.name == "kinds":
        return  # a table of points, as long as the device has points
    most = ROOT_MODULE_LINES if path.name == "hearthline.py" else MODULE_LINES
    assert len(path.read_text(encoding="utf-8").splitlines()) <= most


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_function_is_short(path):
    closures = {
        inner.lineno: inner for f in functions_of(path) for inner in ast.walk(f)
        if inner is not f and isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)
    }  # fmt: skip
    for function in functions_of(path):
        if f"{name_of(path)}: {function.name}" in TABLES:
            continue
        own = function.end_lineno - function.lineno + 1
        inside = sum(
            f.end_lineno - f.lineno + 1 for f in closures.values()
            if function.lineno < f.lineno and f.end_lineno <= function.end_lineno
        )  # fmt: skip
        assert own - inside <= FUNCTION_LINES, f"{function.name} has {own - inside} lines"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_has_a_telling_name(path):
    assert path.stem not in FORBIDDEN_NAMES
    assert path.parent.name not in FORBIDDEN_NAMES


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_says_what_it_is(path):
    assert ast.get_docstring(tree_of(path)), "the first line of a module says what it is"


@pytest.mark.parametrize("path", [p for p in MODULES if p.name != "hearthline.py"], ids=name_of)
def test_only_the_composition_root_catches_everything(path):
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ExceptHandler):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            names = {c.id for c in caught if isinstance(c, ast.Name)}
            assert node.type is not None, f"line {node.lineno}: a bare except"
            assert not names & {"Exception", "BaseException"}, f"line {node.lineno}: except Exception"


def errors_of(path):
    return [n for n in tree_of(path).body if isinstance(n, ast.ClassDef) and n.name.endswith("Error")]


@pytest.mark.parametrize("path", [p for p in MODULES if len(errors_of(p)) > 2], ids=name_of)
def test_a_tree_of_errors_is_drawn(path):
    text = path.read_text(encoding="utf-8")
    for error in errors_of(path):
        drawn = [line for line in text.splitlines() if ("├──" in line or "└──" in line) and error.name in line]
        is_root = any(isinstance(b, ast.Name) and b.id == "Exception" for b in error.bases)
        assert drawn or is_root, f"{error.name} is not in the drawing"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_error_says_what_happened(path):
    for error in errors_of(path):
        assert ast.get_docstring(error), error.name


@pytest.mark.parametrize("layer", LAYERS)
def test_a_room_has_a_sign(layer):
    sign = ast.get_docstring(tree_of(ROOT / layer / "__init__.py"))
    assert "Verb:" in sign
    assert "Door:" in sign
    assert "Refuses:" in sign


def test_no_room_is_named_like_an_installed_package():
    taken = importlib.metadata.packages_distributions()
    for room in (*LAYERS, "hearthline"):
        others = set(taken.get(room, ())) - {"hearthline"}
        assert not others, f"{room} is also the name of {others}"
        assert room not in sys.stdlib_module_names


def test_tests_shadow_no_room():
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_imports_point_down():
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache", "--no-logo"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_nobody_imports_the_composition_root():
    for path in MODULES:
        for node in ast.walk(tree_of(path)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            assert "hearthline" not in {name.split(".")[0] for name in names}, path


@pytest.mark.parametrize("lock", ["run.txt", "dev.txt", "uv.txt"])
def test_locks_have_hashes_and_no_addresses(lock):
    text = (ROOT / "requirements" / lock).read_text()
    pinned = [line for line in text.splitlines() if "==" in line and not line.startswith("#")]
    assert pinned
    assert text.count("--hash=sha256:") >= len(pinned)
    assert "://" not in text
    assert "index-url" not in text
