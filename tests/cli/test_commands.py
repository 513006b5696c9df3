"""The list of commands, from which `banso --help` is printed, and the modules, which are loaded when a command is used."""

import os
import subprocess
import sys

import pytest

from engine.cli.app import command, whole
from engine.cli.commands import COMMANDS

HEAVY = {"alembic", "celery", "duckdb", "fastapi", "numpy", "pandas", "pyarrow", "sqlalchemy", "sqlglot"}
LOADED = "import sys; from engine.cli.app import main; main(sys.argv[1:]); print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_of_a_command_what_it_says_of_itself(name: str) -> None:
    assert str(whole().commands[name].help).splitlines()[0] == COMMANDS[name][1]


def test_every_command_of_a_module_is_listed() -> None:
    modules = {module for module, _ in COMMANDS.values()}
    registered = {(module, name) for module in modules for name in registered_by(module)}
    assert registered == {(module, name) for name, (module, _) in COMMANDS.items()}


def registered_by(module: str) -> set[str]:
    anyone = next(name for name, (its, _) in COMMANDS.items() if its == module)
    return set(command().commands[anyone].of_module())


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        pytest.param(["--help"], {"pydantic", "yaml", "jinja2", *HEAVY}, id="help needs nothing but the parser"),
        pytest.param(["-w", "tests/space", "lint"], HEAVY, id="lint reads files and knows no store"),
        pytest.param(["-w", "tests/space", "order"], HEAVY, id="nor does the order"),
        pytest.param(["-w", "tests/space", "new", "--help"], HEAVY, id="nor what begins a rule"),
    ],
)
def test_a_command_loads_only_what_it_needs(arguments: list[str], heavy: set[str]) -> None:
    ended = subprocess.run([sys.executable, "-c", LOADED, *arguments], capture_output=True, text=True, check=True, env=os.environ)
    loaded = set(ended.stderr.splitlines()[-1].split())
    assert "typer" in loaded
    assert loaded & heavy == set()
