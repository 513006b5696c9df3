"""The Celery application. The broker is a doorbell: messages carry ids, may be lost, doubled or late, and the ledger is the retry."""

from pathlib import Path
from typing import Any

from celery import Celery

from engine.config import Config
from engine.pipeline.sweep import ring_again

POLLING_SECONDS = 0.01  # of the broker without a server; its default of a second makes 10 messages a second


def broker_settings(config: Config) -> dict[str, Any]:
    """Redis or RabbitMQ by URL, else files in the state folder."""
    if config.broker_url:
        return {
            "broker_url": config.broker_url,
            "broker_transport_options": {**RECONNECT, **(REDIS if config.broker_url.startswith("redis") else {})},
        }
    folder = (config.state_folder / "broker").resolve()
    Path(folder).mkdir(parents=True, exist_ok=True)
    paths = {"data_folder_in": str(folder), "data_folder_out": str(folder), "control_folder": str(folder / "control")}
    return {"broker_url": "filesystem://", "broker_transport_options": {**paths, "polling_interval": POLLING_SECONDS}}


RECONNECT = {"socket_timeout": 15, "socket_connect_timeout": 3, "socket_keepalive": True, "health_check_interval": 10}
REDIS = {"visibility_timeout": 3600, "unacked_restore_interval": 5, "unacked_restore_throttle": 1}

SETTINGS: dict[str, Any] = {
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,  # the default gives up after 100 tries
    "task_publish_retry": False,  # ringing is best effort; the sweeper rings again
    "task_ignore_result": True,
    "task_acks_late": False,  # a lost message costs one sweep; a poisonous one acknowledged late would loop for ever
    "task_reject_on_worker_lost": False,
    "worker_prefetch_multiplier": 1,
    "worker_enable_remote_control": False,
    "worker_hijack_root_logger": False,
    "task_serializer": "json",
    "accept_content": ["json"],
    "timezone": "UTC",
    "task_default_queue": "mail",
}


def make_app(config: Config) -> Celery:
    """The application for a deployment."""
    app = Celery("banso")
    app.conf.update(SETTINGS)
    app.conf.update(broker_settings(config))
    app.conf.update(task_send_sent_event=config.celery_events)
    return app


def ring(app: Celery, config: Config, queue: str, ids: list[str]) -> None:
    """Ask a worker of the queue to look at these touches, soon: the sweep rings again, so an old message only costs a look."""
    app.send_task("dispatch", args=[ids], queue=queue, expires=ring_again(config))
