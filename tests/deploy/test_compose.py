"""docker-compose.yml, Dockerfile and .env.example agree with each other and with the code. No docker is needed: the files are parsed."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.config import Config
from engine.pipeline.queues import queue_names
from workers.supervisor import processes_of

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE)["services"]
OURS = {"web", "workers", "scheduler"}
LOCAL = ("127.0.0.1", "[::1]")
VARIABLE = re.compile(r"(?<!\$)\$(?:\{(\w+)|(\w+))")


def without_comments(text: str) -> str:
    """The lines that count. A `#` inside a value does not occur in these files."""
    return "\n".join(re.sub(r"(^|\s)#.*", "", line) for line in text.splitlines())


def instructions(name: str) -> list[str]:
    """The arguments of each Dockerfile instruction of this name, continued lines joined."""
    joined = without_comments(DOCKERFILE).replace("\\\n", " ")
    return [line.split(maxsplit=1)[1] for line in joined.splitlines() if line.split(maxsplit=1)[:1] == [name]]


def banso_calls() -> Iterator[tuple[str, ...]]:
    """Every `banso …` that a service, a health check or the image runs."""
    for service in SERVICES.values():
        for words in (service.get("command", []), service["healthcheck"]["test"][1:]):
            if words and words[0] == "banso":
                yield tuple(words[1:])
    for command in instructions("CMD"):
        yield tuple(json.loads(command)[1:])


def copied() -> list[str]:
    """What the Dockerfile takes from the checkout."""
    return [source for line in instructions("COPY") for source in line.split()[:-1]]


def variables() -> set[str]:
    return {braced or bare for braced, bare in VARIABLE.findall(without_comments(COMPOSE))}


def offered() -> list[str]:
    return re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)


def test_the_files_name_what_these_tests_look_for() -> None:
    assert set(SERVICES) == OURS | {"postgres", "redis", "mailpit"}
    assert len(set(banso_calls())) == 5
    assert {"POSTGRES_PASSWORD", "REDIS_PASSWORD"} <= variables()
    assert "engine" in copied()


@pytest.mark.parametrize("call", sorted(set(banso_calls())), ids=" ".join)
def test_every_banso_call_is_one_the_command_accepts(call: tuple[str, ...]) -> None:

    from engine.cli.app import whole

    command, words = whole(), list(call)
    while subcommands := getattr(command, "commands", None):
        assert words[0] in subcommands, f"{words[0]} is not among {sorted(subcommands)}"
        command = subcommands[words.pop(0)]
    command.make_context("banso", words)  # parses without running; raises on an unknown option or a wrong value


def test_every_queue_has_a_worker() -> None:
    """A touch on a queue that nobody serves would wait until it expires. That of a second relay is served by the same service."""
    parts = [part for call in banso_calls() if call[0] == "up" for part in call[1:]]
    config = Config(relays="events=smtp://relay.example")
    started = [process.name.split() for process in processes_of(config, parts)]
    assert sorted(queue for words in started if words[0] == "worker" for queue in words[1:]) == sorted(queue_names(config))
    assert ["scheduler"] in started
    assert "mail.events" in queue_names(config)


def test_every_setting_named_is_one_the_code_reads() -> None:
    named = set(re.findall(r"\bBANSO_\w+", COMPOSE + DOCKERFILE + "\n".join(offered())))
    assert named <= {f"BANSO_{name.upper()}" for name in Config.model_fields}


def test_worker_and_scheduler_share_ledger_broker_and_state_with_the_web() -> None:
    shared = (
        "BANSO_WORKSPACE",
        "BANSO_STATE",
        "BANSO_LEDGER_URL",
        "BANSO_BROKER_URL",
        "BANSO_SMTP_URL",
        "BANSO_RELAYS",
        "BANSO_DELIVERY",
        "BANSO_SECRET_FILE",
    )
    assert len({tuple(SERVICES[name]["environment"][setting] for setting in shared) for name in OURS}) == 1
    assert all(SERVICES[name]["volumes"] == SERVICES["web"]["volumes"] for name in OURS)


def test_no_process_may_change_the_workspace() -> None:
    mounts = [each for each in SERVICES["web"]["volumes"] if isinstance(each, dict) and each["target"] == "/workspace"]
    assert [mount["read_only"] for mount in mounts] == [True]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_a_health_check_and_time_to_stop(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert SERVICES[name]["stop_grace_period"] == "30s"


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_waits_for_services_that_exist_until_they_are_healthy(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        assert other in SERVICES
        assert how == {"condition": "service_healthy"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_published_port_is_local(name: str) -> None:
    assert SERVICES[name].get("network_mode") != "host"
    for port in SERVICES[name].get("ports", []):
        assert (port["host_ip"] if isinstance(port, dict) else str(port)).startswith(LOCAL)


def test_the_broker_keeps_what_it_was_given() -> None:
    words = SERVICES["redis"]["command"]
    given = dict(zip(words[1::2], words[2::2], strict=True))
    assert (given["--appendonly"], given["--appendfsync"], given["--maxmemory-policy"]) == ("yes", "everysec", "noeviction")


def test_every_variable_of_the_compose_file_has_a_line_in_the_example_and_none_is_left_over() -> None:
    assert variables() == set(offered())


def test_the_example_holds_no_password() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert not re.findall(r"^\w*PASSWORD=.+", text, re.MULTILINE)
    assert "PASSWORD:-" not in COMPOSE, "a password with a default would be everybody's"


@pytest.mark.parametrize("source", copied())
def test_the_image_copies_files_that_exist(source: str) -> None:
    assert (ROOT / source).exists()


def test_the_image_installs_nothing_without_a_hash_and_does_not_run_as_root() -> None:
    installs = [line for line in instructions("RUN") if "pip install" in line]
    assert all("--require-hashes" in line or {"--no-deps", "--no-build-isolation"} <= set(line.split()) for line in installs)
    assert instructions("USER")[-1] not in {"0", "root"}


def test_the_build_needs_only_what_the_base_image_brings() -> None:
    """Without build isolation nobody else installs the backend; python:3.11-slim has setuptools 65 and wheel."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]
    assert {re.split(r"[^\w-]", need)[0] for need in build["requires"]} <= {"setuptools", "wheel"}
