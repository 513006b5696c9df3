"""A small client of the language server protocol: as much of an editor as it takes to ask for completions, hovers and faults."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MESSAGES_MAX = 200  # that may come before the one that is waited for


class LanguageServer:
    """A server on the other end of a pipe. `open` shows it a file; the other methods ask about a place in it, counted from 0."""

    def __init__(self, process: subprocess.Popen[bytes], root: Path) -> None:
        self.process, self.root, self.asked = process, root, 0

    def start(self) -> None:
        folder = {"uri": self.root.as_uri(), "name": "workspace"}
        self._ask("initialize", {"processId": None, "rootUri": folder["uri"], "workspaceFolders": [folder], "capabilities": {}})
        self._tell("initialized", {})
        self._tell("workspace/didChangeConfiguration", {"settings": {"yaml": {"validate": True, "hover": True, "completion": True}}})

    def faults(self, path: Path, text: str) -> list[str]:
        """What it finds wrong with a file that holds `text`."""
        document = {"uri": path.as_uri(), "languageId": "yaml", "version": 1, "text": text}
        self._tell("textDocument/didOpen", {"textDocument": document})
        for _ in range(MESSAGES_MAX):
            message = self._next()
            if message.get("method") == "textDocument/publishDiagnostics" and message["params"]["uri"] == path.as_uri():
                return [each["message"] for each in message["params"]["diagnostics"]]
        raise AssertionError("the language server said nothing of the file")

    def completions(self, path: Path, line: int, column: int) -> dict[str, str]:
        """What it offers at a place: the word, and what it says of it."""
        found = self._ask("textDocument/completion", _place(path, line, column))
        items = found["items"] if isinstance(found, dict) else found
        return {item["label"]: _words(item.get("documentation")) for item in items}

    def hover(self, path: Path, line: int, column: int) -> str:
        found = self._ask("textDocument/hover", _place(path, line, column))
        return _words(found["contents"]) if found else ""

    def _ask(self, method: str, params: object) -> Any:
        self.asked += 1
        self._send({"id": self.asked, "method": method, "params": params})
        for _ in range(MESSAGES_MAX):
            message = self._next()
            if message.get("id") == self.asked and "method" not in message:
                assert "error" not in message, message
                return message["result"]
        raise AssertionError(f"no answer to {method}")

    def _tell(self, method: str, params: object) -> None:
        self._send({"method": method, "params": params})

    def _next(self) -> dict[str, Any]:
        """The next message; what the server itself asks for is answered with nothing."""
        assert self.process.stdout is not None
        length = 0
        while line := self.process.stdout.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        assert length, "the language server has ended"
        message: dict[str, Any] = json.loads(self.process.stdout.read(length))
        if "id" in message and "method" in message:
            items = message["params"].get("items", []) if message["method"] == "workspace/configuration" else None
            self._send({"id": message["id"], "result": None if items is None else [None] * len(items)})
        return message

    def _send(self, message: dict[str, object]) -> None:
        assert self.process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()


def _place(path: Path, line: int, column: int) -> dict[str, object]:
    return {"textDocument": {"uri": path.as_uri()}, "position": {"line": line, "character": column}}


def _words(said: object) -> str:
    return str(said.get("value", "")) if isinstance(said, dict) else str(said or "")


@contextmanager
def running(command: list[str], root: Path) -> Iterator[LanguageServer]:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root)
    try:
        server = LanguageServer(process, root)
        server.start()
        yield server
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
