"""docs/operations.md names commands, options, settings and states that exist."""

import re
import shlex
from pathlib import Path

import pytest

from engine.cli.app import whole
from engine.config import Config

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
STOOD_FOR = {"INSTANT": "2099-01-01", "DATE": "2026-04-06", "DIR": ".", "SOURCE": "crm"}  # what an example leaves to the reader


def named() -> list[str]:
    """Every `banso …` of the page, within a sentence or on a line of its own."""
    return sorted({*re.findall(r"`(banso [^`]+)`", PAGE), *re.findall(r"^(banso .+)$", PAGE, re.MULTILINE)})


def test_the_page_names_commands() -> None:
    assert len(named()) > 15


@pytest.mark.parametrize("line", named())
def test_every_command_of_the_page_is_understood(line: str) -> None:
    words = [STOOD_FOR.get(word, word) for word in shlex.split(line)[1:]]
    command = whole()
    while (inner := getattr(command, "commands", {}).get(words[0] if words else "")) is not None:
        command, words = inner, words[1:]
    assert not getattr(command, "commands", {}), f"{line}: names no command"
    command.make_context("banso", words)  # parses without running; raises on an unknown option or a missing argument


def test_every_setting_of_the_page_exists() -> None:
    assert set(re.findall(r"BANSO_[A-Z_]+", PAGE)) <= {f"BANSO_{name.upper()}" for name in Config.model_fields}


@pytest.mark.parametrize("broker", re.findall(r"^\| (?:Redis|RabbitMQ) \| `([^`]+)`", PAGE, re.MULTILINE))
def test_every_broker_of_the_page_is_a_value_of_the_setting(broker: str) -> None:
    assert Config(broker_url=broker).broker_url == broker
