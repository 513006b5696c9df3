"""What probes and dashboards are told."""

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from engine.calendar import SECOND
from engine.config import Config
from engine.decision.gates import REASONS
from engine.decision.standing import Pause
from engine.ledger import records as ledger_records
from engine.ledger import relays
from engine.pipeline import ops
from engine.pipeline.system import System
from engine.touches.breaker import Breaker
from engine.touches.touch import State
from tests.builders import a_record, a_stalled_customer
from tests.inbox import CUT, Inbox
from tests.story import Story
from web.app import make_app
from web.reactor import Reactor
from web.requests import Gate

ROOT = Path(__file__).parents[2]
START_SECONDS = 30
STOP_SECONDS = 10


def a_system(state: Path, *, workspace: Path = ROOT, ledger_url: str | None = None) -> System:
    config = Config(workspace=workspace, state=state, ledger_url=ledger_url)
    return System(config, config.clock(), look_seconds=0.0)


def an_empty_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Caller:
    """Asks the application itself, without a port."""

    def __init__(self, system: System) -> None:
        self._app = make_app(system, Reactor(system, lambda *_: None), Gate())

    def get(self, path: str) -> httpx.Response:
        return asyncio.run(self._ask(path))

    async def _ask(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url="http://banso") as client:
            return await client.get(path)


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    system = a_system(tmp_path / "state")
    yield system
    system.close()


@pytest.fixture
def web(system: System) -> Caller:
    return Caller(system)


def test_a_process_without_a_workspace_is_alive_but_not_ready(tmp_path: Path) -> None:
    system = a_system(tmp_path / "state", workspace=tmp_path / "nowhere")
    web = Caller(system)
    alive, ready = web.get("/live"), web.get("/ready")
    system.close()
    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
    assert (ready.status_code, ready.json()) == (503, {"status": "unavailable", "reason": "E610"})


def test_a_new_deployment_with_the_example_workspace_is_ready(web: Caller) -> None:
    answer = web.get("/ready")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"
    assert answer.json()["workspace_faults"] == 0


def test_a_ledger_that_goes_away_ends_readiness_but_not_life(system: System, web: Caller) -> None:
    assert web.get("/ready").status_code == 200
    system.close()  # open connections would go on reading a deleted file
    shutil.rmtree(system.config.state_folder)
    assert web.get("/ready").json() == {"status": "unavailable", "reason": "OperationalError"}
    assert web.get("/ready").status_code == 503
    assert {web.get(path).status_code for path in ("/status", "/health", "/metrics")} == {503}
    assert web.get("/live").status_code == 200


def test_the_reason_does_not_tell_how_to_reach_the_ledger(tmp_path: Path) -> None:
    port = an_empty_port()
    web = Caller(a_system(tmp_path, ledger_url=f"postgresql+psycopg://someone:sesame@127.0.0.1:{port}/banso"))
    for path in ("/ready", "/status", "/health", "/metrics"):
        answer = web.get(path)
        assert (answer.status_code, answer.json()["reason"]) == (503, "E620")
        assert not any(secret in answer.text for secret in ("someone", "sesame", "127.0.0.1", str(port)))


def test_a_workspace_that_breaks_while_serving_stays_ready_and_is_counted(tmp_path: Path) -> None:
    for folder in ("rules", "templates"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    system = a_system(tmp_path / "state", workspace=tmp_path)
    web = Caller(system)
    assert web.get("/ready").json()["workspace_faults"] == 0
    (tmp_path / "rules" / "broken.yaml").write_text("rules: {x: [", encoding="utf-8")
    answer = web.get("/ready")
    system.close()
    assert answer.status_code == 200
    assert answer.json()["workspace_faults"] > 0


def test_the_status_of_an_empty_deployment(web: Caller) -> None:
    found = web.get("/status").json()
    assert found.pop("stale") > 0  # nothing was ever loaded
    nothing = {
        "due": 0,
        "next_due": None,
        "oldest_due": None,
        "unknown_since": None,
        "unfinished": 0,
        "workers": 0,
        "lost": 0,
        "breakers": 0,
        "strangers": 0,
    }
    assert found == {**nothing, "states": {}, "pauses": {}, "loads": {}, "quarantine": {}, "returned": {}, "restored": False, "disk_low": False}


def test_the_status_has_numbers_but_no_names_of_customers_or_machines(system: System, web: Caller) -> None:
    later = system.clock.now() + 3_600_000_000
    with system.ledger.write() as connection:
        ledger_records.append_tail(connection, [a_record(account="acme-42")], system.clock.now())
    ops.pause(system, Pause("account", "acme-42", "asked by hanako@example.com", later), "ops")
    ops.suppress(system, "taro@example.com", "opted_out", "asked")
    ops.sign_of_life(system, "mail-host-1")
    answer = web.get("/status")
    assert (answer.json()["workers"], answer.json()["pauses"]) == (1, {"account": 1})
    assert not any(name in answer.text for name in ("@", "acme", "mail-host"))


# --- health and metrics -----------------------------------------------------------------------------------------------


def test_health_is_red_while_a_touch_is_due_for_too_long_and_readiness_is_not(story: Story, inbox: Inbox) -> None:
    """Workers wait for a web that is ready: red for want of workers would keep them away."""
    web = Caller(story.system)
    story.given(a_stalled_customer())
    story.nightly("2026-04-07 02:00")
    story.clock.set(story.touch().due_at + story.config.late_seconds * SECOND)
    assert (web.get("/health").status_code, web.get("/health").json()["oldest_due_seconds"]) == (200, 900)
    story.clock.advance(SECOND)
    assert (web.get("/health").status_code, web.get("/health").json()["status"]) == (503, "late")
    assert web.get("/ready").status_code == 200
    story.dispatch("2026-04-07 11:00")
    assert web.get("/health").status_code == 200


def scraped(web: Caller) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """What Prometheus reads: (name, labels) -> value."""
    answer = web.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    families = text_string_to_metric_families(answer.text)
    return {(sample.name, frozenset(sample.labels.items())): sample.value for family in families for sample in family.samples}


def value(found: dict[tuple[str, frozenset[tuple[str, str]]], float], name: str, **labels: str) -> float:
    return found[f"banso_{name}", frozenset(labels.items())]


@pytest.fixture
def morning(story: Story, inbox: Inbox) -> Story:
    """One sent, one refused, one unknown; a worker, a pause of an account, a domain left alone."""
    inbox.answer_content("tanaka@acme-b.example.jp", "554 5.6.0 refused: tanaka@acme-b.example.jp")
    inbox.answer_content("tanaka@acme-c.example.jp", CUT)
    for account in ("acme-a", "acme-b", "acme-c"):
        story.given(a_stalled_customer(account))
    story.nightly("2026-04-07 02:00")
    story.dispatch("2026-04-07 09:00")
    story.pause("account", "acme-a", since="2026-04-07 10:00")
    ops.sign_of_life(story.system, "mail-host-1")
    with story.system.ledger.write() as connection:
        relays.keep_breaker(connection, Breaker("domain:acme-b.example.jp", 5, story.clock.now() + SECOND, "451 tanaka@acme-b.example.jp"))
    return story


def test_metrics_speak_in_the_words_of_the_code(morning: Story) -> None:
    found = scraped(Caller(morning.system))
    assert {state: value(found, "touches", state=state) for state in State} == {**dict.fromkeys(State, 0), "sent": 1, "failed": 1, "unknown": 1}
    assert value(found, "touch_reasons", state="failed", reason="refused") == 1
    assert value(found, "rule_touches", rule="next-setting", state="sent") == 1
    assert value(found, "processes", kind="worker", condition="alive") == 1
    assert value(found, "breakers_open", kind="domain") == 1
    assert value(found, "pauses", scope="account") == 1
    assert value(found, "unknown_age_seconds") == 3600
    assert value(found, "unbalanced_rules") == 0
    assert value(found, "night_age_seconds") == 8 * 3600
    assert value(found, "night_won") == 3
    assert value(found, "source_stale", source="crm") == 0
    assert {dict(labels)["reason"] for name, labels in found if name == "banso_night_reasons"} == set(REASONS)


def test_metrics_name_nobody(morning: Story) -> None:
    text = Caller(morning.system).get("/metrics").text
    assert not any(name in text for name in ("@", "example.jp", "mail-host", "tanaka", "acme"))


def test_every_metric_is_documented_and_none_that_does_not_exist(system: System) -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    documented = dict(re.findall(r"^\| `(banso_\w+)` \| ([a-z, ]*)\|", page, re.MULTILINE))
    assert {name: tuple(labels.replace(",", " ").split()) for name, labels in documented.items()} == {
        f"banso_{gauge.name}": gauge.labels for gauge in ops.gauges(system)
    }


SERVE = """
from engine.config import Config
from engine.pipeline.system import System
from web.serve import run_web

config = Config()
run_web(System(config, config.clock()), lambda *_: None)
"""


def test_the_real_server_answers_on_its_port_and_leaves_when_told(tmp_path: Path) -> None:
    port = an_empty_port()
    settings = {"BANSO_WORKSPACE": str(ROOT), "BANSO_STATE": str(tmp_path), "BANSO_WEB_PORT": str(port), "PYTHONPATH": str(ROOT)}
    server = subprocess.Popen([sys.executable, "-c", SERVE], env={**os.environ, **settings})
    try:
        assert _first_answer(f"http://127.0.0.1:{port}/live") == {"status": "ok"}
        server.send_signal(signal.SIGTERM)
        assert server.wait(STOP_SECONDS) in {0, -signal.SIGTERM}  # uvicorn ends cleanly, then hands the signal on
    finally:
        server.kill()
        server.wait()


def _first_answer(url: str) -> object:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            with urlopen(url, timeout=5) as answer:
                return json.load(answer)
        except URLError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
