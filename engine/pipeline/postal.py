"""How this deployment sends mail: settings and key files become what the mail channel and its transport need."""

from pathlib import Path

from engine.channels.deployment import Deployment
from engine.channels.letter import Transport
from engine.channels.mail.dkim import Signer, read_key
from engine.channels.mail.screen import Delivery, allowed_of, open_transport
from engine.config import Config
from engine.errors import refuse
from engine.pipeline.system import System
from engine.touches.queue import MAIN

SECRET_BYTES_MIN = 32


def delivery_of(config: Config, relay: str = MAIN) -> Delivery:
    return Delivery(config.delivery, config.smtp_url if relay == MAIN else config.other_relays.get(relay), allowed_of(config.allow))


def mail_transport(system: System, relay: str = MAIN) -> Transport:
    """A connection of its own to the relay, with the screen before it. Raises BansoError where settings contradict each other."""
    return open_transport(delivery_of(system.config, relay), system.config.state_folder / "outbox", system.workspace.settings.workspace.language)


def deployment_of(config: Config) -> Deployment:
    """What mails are signed and tagged with. Raises BansoError where a file cannot be read or half of what belongs together is missing."""
    secret = _secret(config.secret_file) if config.secret_file is not None else None
    if secret is None and (config.public_url or config.bounce_domain):
        raise refuse("E634", "BANSO_SECRET_FILE", name="BANSO_PUBLIC_URL" if config.public_url else "BANSO_BOUNCE_DOMAIN")
    return Deployment(config.public_url, secret, config.bounce_domain, _signer(config))


def _secret(path: Path) -> bytes:
    secret = _content(path, "BANSO_SECRET_FILE").strip()
    if len(secret) < SECRET_BYTES_MIN:
        raise refuse("E637", "BANSO_SECRET_FILE", limit=SECRET_BYTES_MIN)
    return secret


def _signer(config: Config) -> Signer | None:
    given = {"BANSO_DKIM_DOMAIN": config.dkim_domain, "BANSO_DKIM_SELECTOR": config.dkim_selector, "BANSO_DKIM_KEY_FILE": config.dkim_key_file}
    missing = tuple(name for name, value in given.items() if value is None)
    if len(missing) == len(given):
        return None
    if config.dkim_domain is None or config.dkim_selector is None or config.dkim_key_file is None:
        raise refuse("E635", missing[0], name=missing[0])
    try:
        return Signer(config.dkim_domain, config.dkim_selector, read_key(_content(config.dkim_key_file, "BANSO_DKIM_KEY_FILE")))
    except ValueError as error:
        raise refuse("E636", "BANSO_DKIM_KEY_FILE", value=config.dkim_key_file) from error


def _content(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise refuse("E651", name, name=name, value=path) from error
