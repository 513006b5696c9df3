"""Settings of a deployment, from the environment. Doors read them once and hand values down."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from engine.clock import Clock, SystemClock

PREFIX = "BANSO_"

BROKERS = ("redis", "rediss", "sentinel", "amqp", "amqps", "pyamqp", "sqs", "filesystem")  # what Celery can reach, and a slip of the pen is not
SMTP = r"^smtps?://([^@/\s]*@)?[A-Za-z0-9.\-\[\]:]*[A-Za-z0-9\]]/?$"
RELAY = rf"(?!main=)[a-z][a-z0-9-]{{0,29}}={SMTP.strip('^$')}"

RECEIVE = r"^(lmtp|smtp)://([A-Za-z0-9.\-]+|\[[0-9a-fA-F:]+\]):[0-9]{1,5}$"
ORIGIN = r"https?://[a-z0-9.\-]+(:[0-9]+)?"
DOMAIN = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"


def language_of_machine() -> Literal["ja", "en"]:
    """The language that the machine speaks with whoever sits at it."""
    said = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "")
    return "ja" if said.startswith("ja") else "en"


class Config(BaseModel):
    """Every setting is `BANSO_` plus its name in capitals, empty as good as not set; docs/settings.md lists them."""

    model_config = ConfigDict(regex_engine="python-re")  # one pattern looks ahead

    workspace: Path = Field(default=Path(), description="Folder that holds rules/ and templates/.")
    state: Path | None = Field(default=None, description="Folder for lake, ledger and broker; default: .banso in the workspace.")
    ledger_url: str | None = Field(default=None, description="SQLAlchemy URL of the ledger; default: SQLite in the state folder.")
    broker_url: str | None = Field(
        default=None, pattern=rf"^({'|'.join(BROKERS)})://", description="Celery broker; default: files in the state folder, no server needed."
    )
    smtp_url: str | None = Field(
        default=None,
        pattern=SMTP,
        description="smtp://[user:password@]host:port of the relay.",
    )
    relays: str = Field(
        default="", pattern=rf"^({RELAY}([ ,]+{RELAY})*)?$", description="Further relays that senders name: NAME=smtp://…, with commas between."
    )
    delivery: Literal["dry-run", "allow-list", "production"] = Field(
        default="dry-run", description="Whom mails really go to: nobody (they are written to files), those in `allow`, or everybody."
    )
    allow: str = Field(default="", description="Addresses and domains that `delivery` allow-list writes to, with commas between.")
    public_url: str | None = Field(
        default=None, pattern=r"^https://[^\s<>\"]+$", description="Where receivers reach the web: https, for one-click refusal."
    )
    origins: str = Field(
        default="",
        pattern=rf"^({ORIGIN}([ ,]+{ORIGIN})*)?$",
        description="Where pages with popups are served: https://app.example.jp, with commas between; no other page is answered.",
    )
    secret_file: Path | None = Field(
        default=None, description="File with at least 32 random bytes: tags refusals and bounces are known by, and secrets for popups."
    )
    bounce_domain: str | None = Field(
        default=None, pattern=DOMAIN, description="Bounces go to bounce+TOUCH=TAG@ this domain; default: to the sender."
    )
    mail_drop: Path | None = Field(default=None, description="Maildir into which what comes back by mail is delivered; the scheduler reads it.")
    mail_receive: str | None = Field(
        default=None, pattern=RECEIVE, description="lmtp://host:port (or smtp) on which `banso mail receive` takes what comes back by mail."
    )
    dkim_domain: str | None = Field(default=None, pattern=DOMAIN, description="Domain that signs mails (DKIM).")
    dkim_selector: str | None = Field(default=None, pattern=DOMAIN, description="Name under which the public key stands: SELECTOR._domainkey.DOMAIN.")
    dkim_key_file: Path | None = Field(default=None, description="PEM file of the private key: RSA or Ed25519.")
    language: Literal["ja", "en"] | None = Field(
        default=None, description="Language of messages; default: the workspace's, where there is none the machine's."
    )
    moved_by: int = Field(default=0, description="Microseconds by which the clock is moved, for rehearsals on old logs.")
    duckdb_threads: int = Field(default=2, ge=1, le=1024, description="Threads of one process's DuckDB.")
    duckdb_memory: str = Field(
        default="1500MB", pattern=r"^[1-9][0-9]*(\.[0-9]+)? ?([KMGT]i?B)$", description="Memory limit of one process's DuckDB."
    )
    lease_seconds: int = Field(default=60, ge=1, description="How long a worker's claim lasts without a sign of life.")
    silent_seconds: int = Field(
        default=20, ge=2, description="Without a sign of life for so long a process counts as silent; `banso up` puts another in its place."
    )
    sweep_seconds: int = Field(default=5, ge=1, description="How often due touches are rung again.")
    mails_per_minute: int | None = Field(default=None, ge=1, description="Limit of letters a minute through the relay, over all workers.")
    mails_per_minute_domain: int | None = Field(default=None, ge=1, description="Limit of letters a minute to one domain, over all workers.")
    relay_log: Path | None = Field(default=None, description="Postfix log of the relay: evidence of letters of which nobody can tell.")
    journal: Path | None = Field(default=None, description="Maildir that gets a copy of every letter: evidence like the relay's log.")
    disk_min_mb: int = Field(default=200, ge=0, description="Megabytes that must be free in the state folder for anything new to begin.")
    late_seconds: int = Field(default=900, ge=1, description="How long a touch may be due before /health is red and `banso doctor` says so.")
    log: Literal["text", "json"] = Field(default="text", description="Form of the log's lines.")
    celery_events: bool = Field(default=False, description="Send Celery's events, for Flower; needs Redis or RabbitMQ.")
    web_port: int = Field(default=8080, ge=1, le=65_535, description="Port of `banso serve`.")
    web_host: str = Field(default="127.0.0.1", description="Address `banso serve` listens on.")

    @model_validator(mode="before")
    @classmethod
    def _from_environment(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """What is given goes before what is set. Read here: the library that reads settings takes longer to load than most commands run."""
        found = {name: os.environ.get(PREFIX + name.upper()) for name in cls.model_fields}
        return {**{name: value for name, value in found.items() if value}, **given}

    @property
    def state_folder(self) -> Path:
        return self.state if self.state is not None else self.workspace / ".banso"

    @property
    def other_relays(self) -> dict[str, str]:
        """Name → URL of the relays beside the main one, which is `smtp_url`."""
        return {name: url for name, _, url in (each.partition("=") for each in self.relays.replace(",", " ").split())}

    @property
    def popup_origins(self) -> frozenset[str]:
        return frozenset(self.origins.replace(",", " ").split())

    @property
    def ledger(self) -> str:
        return self.ledger_url or f"sqlite:///{(self.state_folder / 'ledger.db').resolve()}"

    def clock(self) -> Clock:
        return SystemClock(moved_by=self.moved_by)
