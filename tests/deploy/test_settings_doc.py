"""docs/settings.md and `Config` name the same settings with the same defaults."""

import re
from pathlib import Path

import pytest

from engine.cli.app import whole
from engine.config import Config

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
ROW = re.compile(r"^\| `(BANSO_\w+)` \| (none|`[^`]*`) \| (.+) \|$", re.MULTILINE)


def documented() -> dict[str, str]:
    """Setting → default, as the table has them."""
    return {name: default.strip("`") for name, default, _ in ROW.findall(PAGE.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("name", Config.model_fields)
def test_every_setting_is_documented_with_its_default(name: str) -> None:
    default = Config.model_fields[name].default
    assert documented().get(f"BANSO_{name.upper()}") == ("none" if default is None else str(default))


def of_commands() -> dict[str, str]:
    """Variable → default of every option that may come from the environment."""
    found, waiting = dict[str, str](), [whole()]
    while waiting:
        command = waiting.pop()
        waiting += getattr(command, "commands", {}).values()
        found |= {str(each.envvar): str(each.default) for each in command.params if each.envvar}
    return found


def test_every_option_that_comes_from_the_environment_is_documented_with_its_default() -> None:
    assert of_commands() == {"BANSO_USER": "ops"}
    assert of_commands().items() <= documented().items()


def test_no_setting_is_documented_that_does_not_exist() -> None:
    assert set(documented()) <= {f"BANSO_{name.upper()}" for name in Config.model_fields} | set(of_commands())
