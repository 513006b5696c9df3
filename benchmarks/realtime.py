"""Real time on PostgreSQL: events accepted, events answered, and the next action, beside the bare form of the same work.

python -m benchmarks.realtime [--accounts 100000] [--rounds 3] [--seconds 5]

It starts its own PostgreSQL and its own servers on this machine; whoever asks them runs on it too.
"""

import argparse
import asyncio
import base64
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import jwt
from sqlalchemy import text

from benchmarks import RESULTS
from benchmarks.lake import INSTANT
from benchmarks.recording import opened
from benchmarks.results import Report, Sample, publish
from engine.calendar import SECOND
from engine.clock import SystemClock
from engine.ledger.keys import Key
from engine.pipeline.keys import add_key
from engine.pipeline.system import System
from engine.pipeline.visitors import popup_secret

CONNECTIONS, BATCH, RATE = 8, 100, 200
CUSTOMERS = 5_000  # whose events are accepted
VIEWERS = 20  # accounts whose pages are looked at, until one has a popup
KEY = "bk_the-key-of-the-benchmark"
LIVE = """rules:
  live-mail:
    title: an error brings a mail at once
    why: {who: somebody with an error, benefit: help at once}
    owner: nobody
    stage: share
    trigger: {event: product.setting_error}
    when: [{errors_7: {at_least: 1}}]
    do: {send: mail, from: desk, template: mail/plain, lead_to: {setting: next_step}, urgent: true}
    goal: step_forward
  live-popup:
    title: a page brings the next step
    why: {who: whoever is there, benefit: the next step}
    owner: nobody
    stage: share
    trigger: {event: product.page_viewed}
    when: [{errors_7: {at_least: 0}}]
    do: {show: popup, template: popup/next, lead_to: {setting: next_step}}
    goal: step_forward
"""
METHOD = (
    "Each server is one process; the clients run in another on the same machine, and PostgreSQL (default durability) beside them. Accepted: {n} "
    "connections send Segment `track` messages, one or {batch} a request, each as soon as the last was answered; beside it the same messages through "
    "FastAPI into a table with the same columns and indexes by the same library, in turn. Answered: {rate} messages a second at their due times, "
    "each of another account and each with a rule that makes a mail; from the moment a message was due to be sent until its touch is rung for, over "
    "the benchmark lake. Next action: one connection asks as soon as it was answered; beside it one row by its key through FastAPI."
)


@dataclass
class Line:
    """One connection that is kept open, and speaks as much HTTP as is needed."""

    port: int
    reader: asyncio.StreamReader = field(init=False)
    writer: asyncio.StreamWriter = field(init=False)

    async def open(self) -> "Line":
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(next(line.partition(b":")[2] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")))
        return int(head.split(b" ", 2)[1]), await self.reader.readexactly(length)


def request(method: str, path: str, body: Any = None, authorization: str = "") -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: banso", f"Authorization: {authorization}", "Content-Type: application/json"]
    return "\r\n".join([*lines, f"Content-Length: {len(content)}", "", ""]).encode() + content


BASIC = "Basic " + base64.b64encode(f"{KEY}:".encode()).decode()


def message(account: int, event: str) -> dict[str, Any]:
    name = f"a{account:07d}"
    properties = {"screen": "settings", "error": "E42", "browser": "Firefox", "seconds": 12}
    return {
        "type": "track",
        "messageId": secrets.token_hex(8),
        "userId": f"{name}-user",
        "event": event,
        "context": {"groupId": name},
        "properties": properties,
    }


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.realtime")
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args(arguments)
    with opened(options.accounts) as system:
        prepare(system)
        rates, looks = accepted_and_shown(system, options)
        waits, spent = answered(system, options)
    report = Report(
        "realtime", "Real time", METHOD.format(n=CONNECTIONS, batch=BATCH, rate=RATE), ["", "bare", "banso", "ratio"], rows(rates, looks, waits)
    )
    remarks = [
        f"{options.accounts:,} accounts; {len(waits):,} of {int(RATE * options.seconds * options.rounds):,} messages answered.",
        f"Judging took {spent['judging']:.1f} s of them; all work of the server: {shares(spent)}.",
        "Goals: at least 0.6 × accepted; next action at p99 at most 3 ×.",
    ]
    publish(
        Report(**{**vars(report), "remarks": remarks}),
        RESULTS,
        f"{datetime.now(UTC):%Y-%m-%d}",
        ["fastapi", "uvicorn", "sqlalchemy", "psycopg", "duckdb"],
    )


def shares(spent: dict[str, float]) -> str:
    return ", ".join(f"{name} {spent.get(name, 0.0):.1f} s" for name in ("ledger", "folds", "rules"))


def rows(rates: dict[tuple[str, str], list[float]], looks: dict[str, list[float]], waits: list[float]) -> list[list[str]]:
    found = []
    for what, name in (("track", "events a second, one a request"), ("batch", f"events a second, {BATCH} a request")):
        bare, ours = (Sample(rates[kind, what], "/s", 0) for kind in ("bare", "product"))
        found.append([name, str(bare), str(ours), f"{median(ours.values) / median(bare.values):.2f} ×"])
    for name, percent in (("next action, p50", 50), ("next action, p99", 99)):
        bare_ms, ours_ms = (quantiles(looks[kind], n=100)[percent - 1] * 1000 for kind in ("bare", "product"))
        found.append([name, f"{bare_ms:.1f} ms", f"{ours_ms:.1f} ms", f"{ours_ms / bare_ms:.2f} ×"])
    for name, percent in (("event to doorbell, p50", 50), ("event to doorbell, p99", 99)):
        found.append([name, "", f"{quantiles(waits, n=100)[percent - 1] * 1000:.0f} ms", ""])
    return found


def prepare(system: System) -> None:
    """Rules that wait for events, a key and a secret for popups, and the table of the bare form."""
    space = system.config.workspace
    (space / "rules" / "live.yaml").write_text(LIVE, encoding="utf-8")
    order = space / "rules" / "order.yaml"
    order.write_text(order.read_text(encoding="utf-8").rstrip() + "\n    - live-mail\n  pull:\n    - live-popup\n", encoding="utf-8")
    settings = space / "rules" / "workspace.yaml"
    channels = "  mail: {label: Mail, valid_days: 3}\n"
    more = channels + "  popup: {label: Popup, valid_days: 1}\n"
    settings.write_text(settings.read_text(encoding="utf-8").replace(channels, more), encoding="utf-8")
    (space / "templates" / "popup").mkdir()
    (space / "templates" / "popup" / "next.md").write_text(
        "# The next step\n\nIt takes five minutes.\n\n[{{ link.label }}]({{ link.url }})\n", encoding="utf-8"
    )
    secret = space / "secret"
    secret.write_text(secrets.token_hex(32), encoding="utf-8")
    system.config = system.config.model_copy(update={"secret_file": secret, "public_url": "https://u.example.com"})
    add_key(system, KEY, Key("benchmark", frozenset({"ingest"}), ("product",), INSTANT, "benchmark"))
    add_key(system, "unused", Key("app", frozenset({"popup"}), (), INSTANT, "benchmark"))
    with system.ledger.write() as connection:
        connection.execute(text("CREATE TABLE bare_tail (LIKE tail INCLUDING ALL)"))


@contextmanager
def served(system: System, kind: str) -> Iterator[tuple[int, Path]]:
    """A server in a process of its own, at the instant of the lake."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config, rings = system.config, system.config.workspace / f"rings-{kind}"
    settings = {"WORKSPACE": config.workspace, "STATE": config.state, "LEDGER_URL": config.ledger_url, "SECRET_FILE": config.secret_file}
    moved = {"BANSO_MOVED_BY": str(INSTANT - SystemClock().now()), "BANSO_PUBLIC_URL": str(config.public_url)}
    environment = {**os.environ, **{f"BANSO_{name}": str(value) for name, value in settings.items()}, **moved}
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.realtime_server", kind, str(port), str(rings)], env=environment)
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with socket.socket() as asking:
                if asking.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield port, rings
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(600)  # what it was told is answered first


def accepted_and_shown(system: System, options: argparse.Namespace) -> tuple[dict[tuple[str, str], list[float]], dict[str, list[float]]]:
    """(server, calls) → events a second of each round; server → seconds of each look."""
    rates: dict[tuple[str, str], list[float]] = {}
    looks: dict[str, list[float]] = {"bare": [], "product": []}
    with served(system, "bare") as (bare, _), served(system, "product") as (ours, _):
        ports = {"bare": bare, "product": ours}
        asked = question(system, asyncio.run(show_one(system, ours)))
        for _ in range(options.rounds):
            for what in ("track", "batch"):
                for kind, port in ports.items():
                    rates.setdefault((kind, what), []).append(asyncio.run(pour(port, what, options)))
            for kind, port in ports.items():
                looks[kind] += asyncio.run(look(asked, port, options.seconds))
    return rates, looks


async def pour(port: int, what: str, options: argparse.Namespace) -> float:
    """Events a second that were said to be kept."""
    lines = [await Line(port).open() for _ in range(CONNECTIONS)]
    until, number = time.monotonic() + options.seconds, 1 if what == "track" else BATCH

    async def send(line: Line, account: int) -> int:
        kept = 0
        while time.monotonic() < until:
            messages = [message((account * 7919 + each) % CUSTOMERS, "product.exported") for each in range(number)]
            status, said = await line.ask(request("POST", f"/v1/{what}", messages[0] if what == "track" else {"batch": messages}, BASIC))
            assert (status, json.loads(said)["accepted"]) == (200, number), said
            kept, account = kept + number, account + 1
        return kept

    began = time.monotonic()
    kept = sum(await asyncio.gather(*(send(line, index * 1_000_003) for index, line in enumerate(lines))))
    return kept / (time.monotonic() - began)


async def show_one(system: System, port: int) -> int:
    """Page views of some accounts bring popups; returns one that has got one."""
    line = await Line(port).open()
    for account in range(1, VIEWERS):
        status, said = await line.ask(request("POST", "/v1/track", message(account, "product.page_viewed"), BASIC))
        assert status == 200, said
    until = time.monotonic() + 120
    while time.monotonic() < until:
        for account in range(1, VIEWERS):
            if b'"action":null' not in (await line.ask(question(system, account)))[1]:
                return account
        await asyncio.sleep(1)
    raise AssertionError("no popup came")


def question(system: System, account: int) -> bytes:
    """The request of the page of one signed-in customer."""
    now, name = INSTANT // SECOND, f"a{account:07d}"
    claims = {"iss": "app", "sub": f"{name}-user", "account": name, "iat": now, "exp": now + 900}
    return request("GET", "/v1/next-action", None, f"Bearer {jwt.encode(claims, popup_secret(system, 'app'), 'HS256')}")


async def look(asked: bytes, port: int, seconds: float) -> list[float]:
    """Seconds of each look."""
    line, spent = await Line(port).open(), list[float]()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        status, said = await line.ask(asked)
        spent.append(time.monotonic() - began)
        assert status == 200, said
    return spent


def answered(system: System, options: argparse.Namespace) -> tuple[list[float], dict[str, float]]:
    """Seconds from each message's due time until its touch was rung for; and what the server spent its time on."""
    number = int(RATE * options.seconds * options.rounds)
    with served(system, "product") as (port, rings):
        due = asyncio.run(send_on_time(port, number, options.accounts))
        until = time.monotonic() + 300
        while time.monotonic() < until and len(rings.read_text(encoding="utf-8").splitlines()) < number * 0.99:
            time.sleep(0.5)
    told = [json.loads(line) for line in rings.read_text(encoding="utf-8").splitlines()]
    waits = [each["at"] - due[each["account"]] for each in told if "account" in each]
    return waits, told[-1]["spent"]


async def send_on_time(port: int, number: int, accounts: int) -> dict[str, float]:
    """Account → when its message was due; a connection that is still waiting for its answer delays nobody but itself."""
    lines, due = asyncio.Queue[Line](), dict[str, float]()
    for _ in range(64):
        lines.put_nowait(await Line(port).open())
    began = time.monotonic() + 0.5

    async def send(place: int) -> None:
        sent = message((place * 7919 + 13) % accounts, "product.setting_error")
        due[sent["context"]["groupId"]] = at = began + place / RATE
        await asyncio.sleep(max(0.0, at - time.monotonic()))
        line = await lines.get()
        status, said = await line.ask(request("POST", "/v1/track", sent, BASIC))
        assert status in {200, 429}, said
        lines.put_nowait(line)

    await asyncio.gather(*(send(place) for place in range(number)))
    return due


if __name__ == "__main__":
    main(sys.argv[1:])
