"""The relay of a soak: an SMTP server in a process of its own that writes down what it takes before it says so.

`python -m tests.soak.sink --port 2525 --folder DIR --seed 7 --moved-by 0 --later 0.02 --cut 0.005 --slow 0.02`. Its faults are drawn by lot from
the seed, the Message-ID and how often it came. DIR/journal says what truly happened; DIR/mail.log is what Postfix would have logged.
"""

import argparse
import asyncio
import os
import re
import signal
from collections import Counter
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

MESSAGE_ID = re.compile(rb"^message-id:\s*(<[^>\r\n]+>)", re.IGNORECASE | re.MULTILINE)
SLOWEST_SECONDS = 3.0
DRAIN_SECONDS = 20.0


class Journal:
    """A file that several processes could append to: each entry is one write."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o644)

    def write(self, *lines: str) -> None:
        os.write(self._file, "".join(f"{line}\n" for line in lines).encode())


class Relay:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.truth, self.log = Journal(options.folder / "journal"), Journal(options.folder / "mail.log")
        self.seen: Counter[str] = Counter()
        self.numbered = 0
        self._log(
            "postfix-script", "starting the Postfix mail system", ago=timedelta(hours=1)
        )  # a log that begins with the first letter says too little

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's name
        body = bytes(envelope.content or b"")
        found = MESSAGE_ID.search(body)
        message_id = found[1].decode() if found else "<none>"
        self.seen[message_id] += 1
        self.numbered += 1
        queue = f"{os.getpid():X}{self.numbered:07X}"
        self._log("cleanup", f"{queue}: message-id={message_id}")
        lot = _lot(f"{self.options.seed}/{message_id}/{self.seen[message_id]}")
        if lot < self.options.later:
            self.truth.write(f"later {message_id}")
            return "451 4.3.0 try again later"
        cut = lot < self.options.later + self.options.cut
        if lot > 1 - self.options.slow:
            await asyncio.sleep(SLOWEST_SECONDS * _lot(f"slow/{message_id}"))
        await asyncio.sleep(self.options.pace)
        self.truth.write(f"taken {message_id} {sha256(body).hexdigest()}", *([f"cut {message_id}"] if cut else []))
        self._log("qmgr", f"{queue}: from=<{envelope.mail_from}>, size={len(body)}, nrcpt={len(envelope.rcpt_tos)} (queue active)")
        if cut:
            server.transport.abort()
            await asyncio.Event().wait()  # aiosmtpd ends this when it notices that the connection is gone
        return "250 2.0.0 Ok: queued as " + queue

    def _log(self, part: str, text: str, *, ago: timedelta = timedelta()) -> None:
        now = datetime.now(UTC) + timedelta(microseconds=self.options.moved_by) - ago
        self.log.write(f"{now.isoformat(timespec='microseconds')} relay postfix/{part}[1]: {text}")


def _lot(text: str) -> float:
    """A number from 0 to 1 that only the text decides."""
    return int.from_bytes(sha256(text.encode()).digest()[:8]) / 2**64


async def serve(options: argparse.Namespace) -> None:
    """Until told to stop; then no new connections, and those that are open come to their end."""
    relay, stop, quiet, open_lines = Relay(options), asyncio.Event(), asyncio.Event(), set[SMTP]()

    class Line(SMTP):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            open_lines.add(self)
            super().connection_made(transport)

        def connection_lost(self, error: Exception | None) -> None:
            super().connection_lost(error)
            open_lines.discard(self)
            if stop.is_set() and not open_lines:
                quiet.set()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    server = await loop.create_server(lambda: Line(relay, hostname="relay.example", loop=loop), "127.0.0.1", options.port)
    await stop.wait()
    server.close()
    if open_lines:
        await asyncio.wait_for(quiet.wait(), DRAIN_SECONDS)


def main() -> None:
    parser = argparse.ArgumentParser(description="An SMTP server that is at fault by lot.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--moved-by", type=int, default=0, help="microseconds by which its clock is moved, like the product's")
    for name in ("later", "cut", "slow"):
        parser.add_argument(f"--{name}", type=float, default=0.0, help="share of mails")
    parser.add_argument("--pace", type=float, default=0.0, help="seconds that every mail takes")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
