"""The product in a browser's test: its pages on an origin of their own, under a policy that allows banso's script and nothing more."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt

from engine.pipeline.system import System
from engine.pipeline.visitors import popup_secret
from tests.builders import AZURE

PAGE = """<!doctype html>
<html lang="ja">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>採用ナビ</title>
{head}
</head>
<body>
<h1>採用ナビ</h1>
<p>初期設定</p>
<form action="/saved"><label>会社名 <input id="company"></label></form>
<p><button id="save">保存する</button></p>
{body}
</body>
</html>
"""
STRICT = "default-src 'none'; script-src {api}; connect-src {api} 'self'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Product:
    """`pages`: path → what is answered there; functions are asked each time."""

    url: str
    pages: dict[str, Answer | Callable[[], Answer]]

    def shows(self, api: str, *, head: str = "", body: str = "", path: str = "/", policy: str = STRICT) -> str:
        """Put a page there; returns its address."""
        headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy.format(api=api)}
        self.pages[path] = (200, headers, PAGE.format(head=head, body=body).encode())
        return self.url + path

    def gives(self, path: str, token: Callable[[], str], *, as_json: bool = False) -> None:
        """The address at which the page fetches a token."""
        self.pages[path] = lambda: (200, {"Content-Type": "text/plain"}, (json.dumps({"token": token()}) if as_json else token()).encode())


class _Handler(BaseHTTPRequestHandler):
    product: Product

    def do_GET(self) -> None:
        answer = self.product.pages.get(self.path.partition("?")[0], (404, {}, b""))
        status, headers, body = answer() if callable(answer) else answer
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


@contextmanager
def running_product() -> Iterator[Product]:
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.product = Product(f"http://127.0.0.1:{server.server_port}", {})
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield handler.product
    server.shutdown()
    thread.join()
    server.server_close()


def token_of(system: System, *, user: str = "tanaka", account: str = AZURE, seconds: int = 600) -> str:
    """As the product's server mints it, by the deployment's clock."""
    now = system.clock.now() // 1_000_000
    return jwt.encode({"iss": "app", "sub": user, "account": account, "iat": now, "exp": now + seconds}, popup_secret(system, "app"), "HS256")
