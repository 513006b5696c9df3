"""Runs the web process."""

import uvicorn

from engine.pipeline.ops import open_work
from engine.pipeline.system import System
from web.app import make_app
from web.reactor import Reactor, Ring
from web.requests import Gate

GRACE_SECONDS = 25  # for requests under way at a stop; less than the 30 that docker-compose.yml gives before it kills


def run_web(system: System, ring: Ring) -> None:
    """Serve until told to stop. Raises BansoError E620 if the ledger cannot be opened."""
    open_work(system)  # opens and so migrates the ledger once, before requests on several threads would
    reactor = Reactor(system, ring)
    uvicorn.run(
        make_app(system, reactor, Gate()),
        host=system.config.web_host,
        port=system.config.web_port,
        log_level="warning",
        log_config=None,  # its lines go where all others go, and so lose what must not stay in them
        access_log=False,  # links in mails carry tokens, which must not stay in logs
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    reactor.close()
