"""The designers' manual is true: every YAML block is put where it says, and every command is run, in the order of the page."""

import io
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from engine.channels import CHANNELS
from engine.cli.app import main
from engine.simulator import World
from engine.workspace.load import load_workspace
from tests.inbox import Inbox

ROOT = Path(__file__).parents[2]
MANUAL = ROOT / "rules" / "README.md"
START, NOW = date(2026, 1, 5), datetime(2026, 4, 9, 2, tzinfo=ZoneInfo("Asia/Tokyo"))
COMPANIES = 40
SOMETHING_TO_SEND = 2
NEW_RULE = "welcome-back"
LETTERS = {"text", "html"}  # blocks that are parts of a letter, below the name of their file


@dataclass(frozen=True)
class Block:
    """A block of the page: what language, and its lines."""

    language: str
    text: str


def blocks() -> list[Block]:
    return [Block(*found) for found in re.findall(r"^```(\w+)\n(.*?)^```", MANUAL.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)]


def commands() -> list[list[str]]:
    """Every line of the shell blocks as arguments of banso; the line that makes the short name is the first."""
    lines = [shlex.split(line) for block in blocks() if block.language == "sh" for line in block.text.splitlines()]
    assert lines[0] == ["alias", "banso=.venv/bin/banso --state .banso/demo"]
    return [line[1:] for line in lines[1:] if line[0] == "banso"]


@dataclass
class Designer:
    """Somebody who follows the page in a workspace of his own."""

    root: Path
    state: Path
    capsys: pytest.CaptureFixture[str]
    said: list[str] = field(default_factory=list)

    def banso(self, *arguments: str) -> tuple[int, str]:
        code = main(["-w", str(self.root), "--state", str(self.state), "--lang", "ja", *arguments])
        captured = self.capsys.readouterr()
        return code, captured.out + captured.err

    def runs(self, arguments: list[str]) -> None:
        code, told = self.banso(*arguments)
        fine = {0, SOMETHING_TO_SEND} if arguments[0] in {"plan", "diff"} else {0}
        assert code in fine, (arguments, told)
        assert "Traceback" not in told
        self.said.append(told)

    def writes(self, block: Block) -> None:
        """A block begins with its file. A whole file is written; what is said of a rule goes to where the rule stands."""
        file = block.text.splitlines()[0].removeprefix("# ")
        path = self.root / file
        if block.language in LETTERS:
            path.write_text(block.text.split("\n", 1)[1], encoding="utf-8")
            return
        if not path.exists():
            path.write_text(block.text, encoding="utf-8")
            return
        body = block.text.split(f"  {NEW_RULE}:\n", 1)[1].rstrip()
        text = path.read_text(encoding="utf-8")
        begin = text.index(f"\n  {NEW_RULE}:\n") + 1
        following = re.search(r"\n  [a-z][a-z0-9-]*:\n", text[begin:])
        end = begin + following.start() + 1 if following else len(text)
        whole = "when:" in body
        kept = "" if whole else text[begin:end].split("\n", 1)[1]
        path.write_text(f"{text[:begin]}  {NEW_RULE}:\n{body}\n{kept}{text[end:]}", encoding="utf-8")


@pytest.fixture
def designer(tmp_path: Path, inbox: Inbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Designer:
    """The example and the simulated companies of the demonstration, fewer of them; a repository of its own to compare with."""
    for folder in ("rules", "templates"):
        shutil.copytree(ROOT / folder, tmp_path / "space" / folder)
    _keep(tmp_path / "space")
    world = World(seed=7, companies=COMPANIES, start=START)
    world.advance(NOW)
    world.export(tmp_path / "data")
    monkeypatch.setenv("BANSO_SMTP_URL", inbox.url)
    monkeypatch.setenv("BANSO_DELIVERY", "production")
    monkeypatch.chdir(tmp_path / "space")
    designer = Designer(tmp_path / "space", tmp_path / "state", capsys)
    code, told = designer.banso("load", "--data", str(tmp_path / "data"), "--at", NOW.isoformat())
    assert code == 0, told
    return designer


def _keep(root: Path) -> None:
    """Put the workspace under version control as it is."""
    who = ["-c", "user.name=designer", "-c", "user.email=designer@example.jp", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "before"]):
        subprocess.run(["git", *command], cwd=root, check=True, capture_output=True)


def _page(designer: Designer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything on the page, in its order."""
    for block in blocks():
        if block.language in {"yaml", *LETTERS}:
            designer.writes(block)
            continue
        for line in block.text.splitlines():
            arguments = shlex.split(line)[1:]
            if arguments[:1] == ["stage"] and "share" in arguments:
                monkeypatch.setattr("sys.stdin", io.StringIO(f"{_asked_for(designer, arguments, monkeypatch)}\n"))
            if line.startswith("banso "):
                designer.runs(arguments)


def _asked_for(designer: Designer, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The number of accounts that the command shows and wants typed; any other is refused."""
    monkeypatch.setattr("sys.stdin", io.StringIO("123456\n"))
    code, told = designer.banso(*arguments)
    assert code == 1, told
    found = re.search(r"時点で (\d+) 社", told)
    assert found, told
    return found[1]


@pytest.mark.long
def test_following_the_page_leads_from_a_copied_rule_to_one_shared_with_everyone(
    designer: Designer, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    _page(designer, monkeypatch)
    workspace = load_workspace(designer.root, frozenset(CHANNELS))
    rule, order = workspace.rules[NEW_RULE], workspace.order["push"]
    assert (rule.stage, rule.try_ is not None, rule.reflect is not None) == ("share", True, True)
    assert order.index(NEW_RULE) == order.index("keep-in-touch") - 1
    assert workspace.warnings == ()
    assert [mail.subject.startswith("[TEST]") for mail in inbox.mails] == [True]


def test_the_page_has_a_block_for_every_kind_of_file_it_asks_to_write() -> None:
    files = {block.text.splitlines()[0] for block in blocks() if block.language != "sh"}
    letter = {f"# templates/mail/{NEW_RULE}/{part}" for part in ("subject.txt", "body.txt", "body.mjml")}
    assert files == {"# rules/push.yaml", f"# rules/tests/{NEW_RULE}.test.yaml", *letter}


def test_the_page_names_every_file_a_designer_edits() -> None:
    text = MANUAL.read_text(encoding="utf-8")
    files = [path for path in sorted((ROOT / "rules").rglob("*")) if path.suffix in {".yaml", ".csv"} and "tests" not in path.parts]
    assert [str(path.relative_to(ROOT / "rules")) for path in files if str(path.relative_to(ROOT / "rules")) not in text] == []


def test_the_page_shows_the_commands_of_a_designer() -> None:
    shown = {arguments[0] for arguments in commands()}
    assert shown >= {"new", "order", "schema", "fix", "fmt", "lint", "plan", "explain", "preview", "send-test", "test", "diff", "backtest", "stage"}
