"""A server in banso's place that answers as a test wishes: with every form of question, slowly, with nonsense, or not at all."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from web.script import script

OPEN_TO_ALL = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "authorization, content-type",
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Expose-Headers": "Retry-After",
}
WORDS = {
    "later": "あとで",
    "close": "閉じる",
    "send": "送る",
    "thanks": "ありがとうございました。",
    "no_answer": "ご確認ください。",
    "not_sent": "送れませんでした。",
    "new_tab": "（新しいタブ）",
    "notice": "ご案内:",
}


def an_action(**more: Any) -> dict[str, Any]:
    """A popup as banso tells it."""
    plain = {"id": "a1", "language": "ja", "words": WORDS, "title": "次は「初期設定」です", "paragraphs": ["5分で終わります。"], "link": None}
    return {**plain, "question": None, **more}


def a_question(form: str, **choices: str) -> dict[str, Any]:
    told = {"form": form, "choices": [{"value": value, "label": label} for value, label in choices.items()]}
    return an_action(id=f"q-{form}", title="お聞かせください", question=told)


@dataclass(frozen=True)
class Reply:
    """`body` None: the connection is cut; `wait`: until the test is over."""

    status: int = 200
    body: bytes | None = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    wait: bool = False


def says(action: Any) -> Reply:
    return Reply(body=json.dumps({"action": action}).encode())


@dataclass
class StandIn:
    """`reply`: to the question what to show; `told`: what came back, (id, word, value); `status`: what is answered to that."""

    url: str
    reply: Reply | Callable[[str], Reply] = field(default_factory=lambda: says(None))
    status: int = 200
    asked: list[float] = field(default_factory=list)
    told: list[tuple[str, str, Any]] = field(default_factory=list)
    over: Event = field(default_factory=Event)

    def tag(self, *attributes: str) -> str:
        return f'<script async src="{self.url}/popup.js" {" ".join(attributes or ("data-token=a.b.c",))}></script>'

    def words(self) -> Sequence[str]:
        return [word for _, word, _ in self.told]


class _Handler(BaseHTTPRequestHandler):
    stand_in: StandIn

    def do_OPTIONS(self) -> None:
        self._answer(Reply(204))

    def do_GET(self) -> None:
        if self.path == "/popup.js":
            self._answer(Reply(200, script().text, {"Content-Type": "text/javascript"}))
            return
        self.stand_in.asked.append(time.monotonic())
        reply = self.stand_in.reply
        self._answer(reply(self.headers.get("Authorization", "")) if callable(reply) else reply)

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        *_, touch, word = self.path.split("/")
        self.stand_in.told.append((touch, word, json.loads(content)["value"] if content else None))
        self._answer(Reply(self.stand_in.status))

    def _answer(self, reply: Reply) -> None:
        if reply.wait:
            self.stand_in.over.wait(30)
        if reply.body is None:
            self.connection.close()
            return
        self.send_response(reply.status)
        for name, value in {**OPEN_TO_ALL, "Content-Length": str(len(reply.body)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """Whoever asked has gone, which is what some tests are about."""


@contextmanager
def running_stand_in() -> Iterator[StandIn]:
    handler = type("Handler", (_Handler,), {})
    server = _Server(("127.0.0.1", 0), handler)
    handler.stand_in = StandIn(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield handler.stand_in
    handler.stand_in.over.set()
    server.shutdown()
    thread.join()
    server.server_close()
