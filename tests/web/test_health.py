"""What probes and dashboards are told."""

import asyncio
import json
import os
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

from engine.config import Config
from engine.decision.standing import Pause
from engine.ledger import records as ledger_records
from engine.pipeline import ops
from engine.pipeline.system import System
from tests.builders import a_record
from web.app import make_app

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
        self._app = make_app(system)

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
    alive, ready = web.get("/health"), web.get("/ready")
    system.close()
    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
    assert (ready.status_code, ready.json()) == (503, {"status": "unavailable", "reason": "E601"})


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
    assert web.get("/status").status_code == 503
    assert web.get("/health").status_code == 200


def test_the_reason_does_not_tell_how_to_reach_the_ledger(tmp_path: Path) -> None:
    port = an_empty_port()
    web = Caller(a_system(tmp_path, ledger_url=f"postgresql+psycopg://someone:sesame@127.0.0.1:{port}/banso"))
    for path in ("/ready", "/status"):
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
    assert found == {"states": {}, "due": 0, "next_due": None, "workers": 0, "pauses": {}, "loads": {}, "quarantine": {}}


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


SERVE = """
from engine.config import Config
from engine.pipeline.system import System
from web.serve import run_web

config = Config()
run_web(System(config, config.clock()))
"""


def test_the_real_server_answers_on_its_port_and_leaves_when_told(tmp_path: Path) -> None:
    port = an_empty_port()
    settings = {"BANSO_WORKSPACE": str(ROOT), "BANSO_STATE": str(tmp_path), "BANSO_WEB_PORT": str(port), "PYTHONPATH": str(ROOT)}
    server = subprocess.Popen([sys.executable, "-c", SERVE], env={**os.environ, **settings})
    try:
        assert _first_answer(f"http://127.0.0.1:{port}/health") == {"status": "ok"}
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
