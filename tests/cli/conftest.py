"""The command in a workspace of one's own."""

import shutil
from pathlib import Path

import pytest

from engine.cli.app import main
from tests.cli.said import Banso, Said
from tests.story import SPACE


@pytest.fixture
def space(tmp_path: Path) -> Path:
    """A copy of the small workspace of the stories."""
    root = tmp_path / "space"
    for folder in ("rules", "templates"):
        shutil.copytree(SPACE / folder, root / folder)
    return root


@pytest.fixture(params=["ja", "en"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def banso(space: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Banso:
    """banso(*arguments, language=…) runs the command on `space` and the state beside it."""

    def run(*arguments: str | Path, language: str = "en") -> Said:
        code = main(["-w", str(space), "--state", str(tmp_path / "state"), "--lang", language, *(str(each) for each in arguments)])
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run
