"""House rules that no linter knows: sizes, names, where time and settings come in, and that documents tell the truth."""

import ast
import re
import shlex
from pathlib import Path

import pytest

from engine.channels import CHANNELS
from engine.cli.app import whole
from engine.decision.gates import GATES
from engine.facts import PRIMITIVES
from engine.reports import REPORTS

ROOT = Path(__file__).resolve().parent.parent
HOUSE = [path for folder in ("engine", "workers", "web") for path in sorted((ROOT / folder).rglob("*.py")) if "versions" not in path.parts]
HARD_FILE, HARD_FUNCTION, MEDIAN_FUNCTION = 500, 70, 10
BANNED = re.compile(r"(^|_)(manager|helper|helpers|util|utils|base|common|misc|processor)(_|$)")
CLOCK_CALLS = {("datetime", "now"), ("datetime", "utcnow"), ("date", "today"), ("time", "time"), ("time", "time_ns"), ("time", "monotonic")}


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def inside(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", HOUSE, ids=inside)
def test_files_and_functions_stay_small(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= HARD_FILE
    assert [f"{node.name} has {length(node)} lines" for node in functions(path) if length(node) > HARD_FUNCTION] == []


def test_the_ordinary_function_is_short():
    sizes = sorted(length(node) for path in HOUSE for node in functions(path))
    assert sizes[len(sizes) // 2] <= MEDIAN_FUNCTION


def test_no_file_or_class_has_a_name_that_names_nothing():
    names = [inside(path) for path in HOUSE if BANNED.search(path.stem)]
    for path in HOUSE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and BANNED.search(re.sub(r"(?<!^)(?=[A-Z])", "_", node.name).lower()):
                names.append(f"{inside(path)}:{node.name}")
    assert names == []


def test_only_the_clock_reads_the_time():
    found = []
    for path in HOUSE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and (node.value.id, node.attr) in CLOCK_CALLS:
                found.append(f"{inside(path)}:{node.lineno}")
    assert [place for place in found if not place.startswith("engine/clock.py")] == []


def test_only_config_and_doors_read_the_environment():
    reads = [inside(path) for path in HOUSE if re.search(r"os\.environ|os\.getenv", path.read_text(encoding="utf-8"))]
    assert set(reads) <= {"engine/config.py", "engine/cli/door.py", "engine/cli/demonstration.py"}


def test_every_registry_entry_is_documented():
    for registry in (PRIMITIVES, CHANNELS, REPORTS, GATES):
        for name, entry in registry.items():
            module = __import__(entry.__module__, fromlist=["_"])
            assert entry.__doc__ or module.__doc__, name


def commands() -> set[str]:
    found = set()
    for name, command in whole().commands.items():
        found.add(name)
        found.update(f"{name} {sub}" for sub in getattr(command, "commands", {}))
    return found


DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
    ROOT / "rules/README.md",
]


@pytest.mark.parametrize("path", DOCUMENTS, ids=inside)
def test_every_command_a_document_names_exists(path):
    known = commands()
    for line in re.findall(r"^(?:\$ )?(?:\.venv/bin/)?banso ([^\n`|#]*)", path.read_text(encoding="utf-8"), re.MULTILINE):
        words = [word for word in shlex.split(line, comments=True) if word]
        while words and words[0].startswith("-"):
            words = words[2:]
        assert words, line
        assert words[0] in known, line


@pytest.mark.parametrize("path", DOCUMENTS, ids=inside)
def test_every_file_a_document_links_to_exists(path):
    for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


def test_lock_files_name_no_host():
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "://" not in text
        assert text.count("==") <= text.count("--hash=sha256:")
