"""`make test-editor`: a real YAML language server reads the schemas of the example workspace. Needs node and npm, and fetches a package."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from engine.cli.app import main
from tests.editor.language_server import LanguageServer, running

ROOT = Path(__file__).parents[2]
PACKAGE = "yaml-language-server"
HEAD = "# yaml-language-server: $schema=../.banso/schema/{}.json\n"
RULE = """\
rules:
  welcome-back:
    title: 久しぶりの方に近況を伺う
    when: [{stalled_days: {at_least: 5}}]
    do: {send: mail, from: cs-desk, template: mail/next-setting, lead_to: {setting: next_step}}
    goal: step_forward
    stage: plan
    owner: sato
"""


def a_fact_is_completed(server: LanguageServer, rules: Path) -> None:
    text = HEAD.format("rules") + "rules:\n  a:\n    when:\n      - stal\n"
    server.faults(rules / "completion.yaml", text)
    offered = server.completions(rules / "completion.yaml", 4, 12)
    assert "設定が進んでいない日数" in offered["stalled_days"], offered


def a_value_is_completed(server: LanguageServer, rules: Path) -> None:
    text = HEAD.format("rules") + "rules:\n  a:\n    when:\n      - recruit_kind: \n    goal: \n"
    server.faults(rules / "values.yaml", text)
    assert {"new_grad", "mid_career"} <= set(server.completions(rules / "values.yaml", 4, 22))
    assert {"step_forward", "booked"} <= set(server.completions(rules / "values.yaml", 5, 10))


def a_comparison_is_completed(server: LanguageServer, rules: Path) -> None:
    text = HEAD.format("rules") + "rules:\n  a:\n    when:\n      - stalled_days:\n          at\n"
    server.faults(rules / "comparison.yaml", text)
    assert {"at_least", "at_most"} <= set(server.completions(rules / "comparison.yaml", 5, 12))


def a_fact_shows_its_label(server: LanguageServer, rules: Path) -> None:
    text = HEAD.format("rules") + RULE
    assert server.faults(rules / "hover.yaml", text) == []
    line = text.split("\n")[4]
    assert "設定が進んでいない日数" in server.hover(rules / "hover.yaml", 4, line.index("stalled_days") + 3)
    assert "すべて当てはまる会社に" in server.hover(rules / "hover.yaml", 4, line.index("when") + 1)


def a_mistake_is_underlined(server: LanguageServer, rules: Path) -> None:
    for number, (good, wrong) in enumerate(
        (("lead_to", "lead-to"), ("stalled_days", "stalled_day"), ("title", "titel"), ("next_step}", "nxt_step}"))
    ):
        found = server.faults(rules / f"mistake{number}.yaml", HEAD.format("rules") + RULE.replace(good, wrong))
        assert any(wrong.strip("}") in each or "Value is not accepted" in each for each in found), (wrong, found)


def every_file_of_the_example_is_good(server: LanguageServer, rules: Path) -> None:
    for path in sorted(rules.rglob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        assert "yaml-language-server" in text.split("\n", 1)[0], path
        assert server.faults(path, text) == [], path


CHECKS: tuple[Callable[[LanguageServer, Path], None], ...] = (
    every_file_of_the_example_is_good,
    a_fact_is_completed,
    a_value_is_completed,
    a_comparison_is_completed,
    a_fact_shows_its_label,
    a_mistake_is_underlined,
)


def prepared(folder: Path) -> Path:
    """The example workspace as a designer has it after `banso fmt` and `banso schema`."""
    root = folder / "workspace"
    for name in ("rules", "templates"):
        shutil.copytree(ROOT / name, root / name)
    for command in ("fmt", "schema"):
        assert main(["-w", str(root), command]) == 0, command
    return root


def installed(folder: Path) -> list[str]:
    """The command that runs the server, from a package fetched into the folder."""
    fetched = subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), PACKAGE], check=False)
    if fetched.returncode:
        sys.exit(f"test-editor: npm could not install {PACKAGE}. Check that npm reaches its registry (npm ping), then try again.")
    return ["node", str(folder / "node_modules" / PACKAGE / "bin" / PACKAGE), "--stdio"]


def run() -> None:
    missing = [program for program in ("node", "npm") if shutil.which(program) is None]
    if missing:
        sys.exit(f"test-editor: {' and '.join(missing)} not found. Nothing was checked; install Node.js 18 or newer and try again.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        root = prepared(folder)
        with running(installed(folder / "server"), root) as server:
            for check in CHECKS:
                check(server, root / "rules")
                print(f"✓ {check.__name__.replace('_', ' ')}")


if __name__ == "__main__":
    run()
