"""An SMTP server that takes everything, keeps nothing and writes down when: python -m benchmarks.by_hand.sink PORT FILE."""

import asyncio
import signal
import sys
import time
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session


class Taker:
    def __init__(self, path: Path) -> None:
        self._path = path

    async def handle_DATA(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        with self._path.open("a", encoding="utf-8") as told:
            told.write(f"{time.monotonic()}\n")
        return "250 2.0.0 taken"


async def serve(port: int, path: Path) -> None:
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    server = await loop.create_server(lambda: SMTP(Taker(path), enable_SMTPUTF8=False), "127.0.0.1", port)
    await over.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
