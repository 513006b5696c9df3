"""mail check: everything that can be looked at before the first mail goes, without sending one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, cast
from urllib.parse import urlsplit

from engine.channels.deployment import Deployment
from engine.channels.mail.preflight import Names, look_at_relay
from engine.channels.mail.rendering import compiled
from engine.channels.words import Word
from engine.pipeline.ops.checkup import SAFE_PYTHON
from engine.pipeline.postal import delivery_of, deployment_of
from engine.pipeline.queues import unknown_relays
from engine.pipeline.system import System
from engine.rulebook.actions import SendMail
from engine.workspace.legal import ITEMS, SHOWN, missing_items
from engine.workspace.model import MailSource, Workspace
from engine.workspace.templates import sample_words
from engine.workspace.visible import seen_text

Level = Literal["ok", "warn", "bad", "unchecked"]
HOW_FAR = {"dry-run": "delivery_none", "allow-list": "delivery_listed", "production": "delivery_all"}


@dataclass(frozen=True)
class Look:
    """One thing that was looked at. `said` names a sentence of the catalogue; `values` fill it."""

    name: str
    about: str
    level: Level
    said: str
    values: Mapping[str, object] = field(default_factory=dict)


def check_mail(system: System, names: Names, python: tuple[int, int, int], *, relay: bool) -> list[Look]:
    """Look at texts, settings and records; at the relay only if `relay` says so."""
    workspace, deployment = system.workspace, deployment_of(system.config)
    domains = {sender.address.rpartition("@")[2].lower() for sender in workspace.settings.senders.values()}
    return [
        *_texts(workspace),
        _delivery(system),
        *_click(deployment),
        *_senders(workspace, deployment),
        *_relays(system, relay=relay),
        *(look for domain in sorted(domains) for look in _records(domain, deployment, names)),
        *_key_record(deployment, names),
        _reverse(system, names),
        _python(python),
    ]


def _texts(workspace: Workspace) -> Iterator[Look]:
    """Every template of advertising, in the workspace's language."""
    for name in advertising_templates(workspace):
        source = workspace.templates[name]
        assert isinstance(source, MailSource), name
        lacking = missing_items(source, workspace.settings.workspace.language)
        hidden = hidden_items(workspace, source) if not lacking else ()
        if lacking or hidden:
            yield Look("legal", name, "bad", "legal_missing" if lacking else "legal_hidden", {"items": lacking or hidden})
        else:
            yield Look("legal", name, "ok", "legal_found", {"items": ITEMS})


def advertising_templates(workspace: Workspace) -> list[str]:
    """The templates of mails that are not service mail, each once."""
    mails = (rule.do for rule in workspace.rules.values() if isinstance(rule.do, SendMail) and not rule.do.service)
    return list(dict.fromkeys(name for mail in mails for name in mail.templates()))


def hidden_items(workspace: Workspace, source: MailSource) -> tuple[str, ...]:
    """Items that stand in the HTML and cannot be seen there: written out with marks in their place, and looked for as a reader would."""
    marks = {item: f"https://mark.invalid/{item}" for item in SHOWN}
    words = {**sample_words(workspace.plan), "imprint": marks}
    _, _, html = compiled(source).render(cast("Mapping[str, Word]", words))
    text, links = seen_text(html)
    return tuple(item for item in SHOWN if marks[item] not in text and marks[item] not in links)


def _delivery(system: System) -> Look:
    delivery = delivery_of(system.config)
    level: Level = "ok" if delivery.mode == "production" else "warn"
    return Look("delivery", "BANSO_DELIVERY", level, HOW_FAR[delivery.mode], {"number": len(delivery.allowed)})


def _click(deployment: Deployment) -> Iterator[Look]:
    clicks = deployment.refuses_by_click
    yield Look(
        "one_click", "List-Unsubscribe-Post", "ok" if clicks else "warn", "click_on" if clicks else "click_off", {"url": deployment.public_url}
    )


def _senders(workspace: Workspace, deployment: Deployment) -> Iterator[Look]:
    """What the receiver's DMARC compares: the domain of From with that of the signature and of the bounces."""
    signer, bounces = deployment.signer, deployment.bounce_domain
    for name, sender in workspace.settings.senders.items():
        about, domain = f"{name} <{sender.address}>", sender.address.rpartition("@")[2].lower()
        if signer is None:
            yield Look("alignment", about, "warn", "unsigned", {"domain": domain})
        elif signer.signs_for(sender.address):
            yield Look("alignment", about, "ok", "aligned", {"domain": signer.domain, "algorithm": signer.algorithm})
        else:
            yield Look("alignment", about, "bad", "misaligned", {"domain": domain, "signer": signer.domain})
        if bounces is not None and not _related(bounces, domain):
            yield Look("alignment", about, "warn", "bounces_elsewhere", {"domain": domain, "bounces": bounces})


def _related(one: str, other: str) -> bool:
    """One is the other, or below it."""
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def _relays(system: System, *, relay: bool) -> Iterator[Look]:
    """The main one, the others, and those that senders name in vain."""
    for url in (system.config.smtp_url, *system.config.other_relays.values()):
        yield _relay(url, relay=relay)
    for sender, name in unknown_relays(system).items():
        yield Look("relay", sender, "bad", "unknown_relay", {"relay": name})


def _relay(url: str | None, *, relay: bool) -> Look:
    if url is None:
        return Look("relay", "BANSO_SMTP_URL", "warn", "no_relay")
    if not relay:
        return Look("relay", _host(url), "unchecked", "relay_not_asked")
    seen = look_at_relay(url)
    if seen.problem:
        return Look("relay", seen.host, "bad", "relay_failed", {"problem": seen.problem})
    return Look("relay", seen.host, "ok" if seen.encrypted else "bad", "encrypted" if seen.encrypted else "plain")


def _host(url: str) -> str:
    return urlsplit(url).hostname or url


def _records(domain: str, deployment: Deployment, names: Names) -> Iterator[Look]:
    """SPF of where bounces go, DMARC of the sender."""
    envelope = deployment.bounce_domain or domain
    yield _spf(envelope, names)
    parents = [domain.split(".", cut)[cut] for cut in range(domain.count("."))]
    for parent in parents:
        found = names.texts(f"_dmarc.{parent}")
        policies = [text for text in found or () if text.lower().startswith("v=dmarc1")]
        if found is None or policies:
            yield _one_record("dmarc", f"_dmarc.{parent}", found and policies)
            return
    yield Look("dmarc", f"_dmarc.{domain}", "bad", "no_record")


def _spf(domain: str, names: Names) -> Look:
    found = names.texts(domain)
    policies = [text for text in found or () if text.lower().split()[:1] == ["v=spf1"]]
    if any(text.split()[-1].lower() in {"all", "+all"} for text in policies):
        return Look("spf", domain, "bad", "spf_open", {"record": policies[0]})
    return _one_record("spf", domain, found and policies)


def _one_record(name: str, about: str, records: object) -> Look:
    """Exactly one is right: two count as none for whoever reads them."""
    if records is None:
        return Look(name, about, "unchecked", "not_reached")
    found = cast("list[str]", records)
    if len(found) == 1:
        return Look(name, about, "ok", "record", {"record": found[0]})
    return Look(name, about, "bad", "several_records" if found else "no_record")


def _key_record(deployment: Deployment, names: Names) -> Iterator[Look]:
    """The public key in the DNS is that of the private one."""
    signer = deployment.signer
    if signer is None:
        return
    name = f"{signer.selector}._domainkey.{signer.domain}"
    found = names.texts(name)
    if found is None:
        yield Look("dkim", name, "unchecked", "not_reached")
    elif not found:
        yield Look("dkim", name, "bad", "key_missing", {"record": key_record(deployment)})
    else:
        same = any(_tags(text).get("p") == signer.public() for text in found)
        yield Look("dkim", name, "ok" if same else "bad", "key_same" if same else "key_other", {"record": key_record(deployment)})


def key_record(deployment: Deployment) -> str:
    """What is to stand in the DNS."""
    signer = deployment.signer
    assert signer is not None
    return f"v=DKIM1; k={signer.algorithm.partition('-')[0]}; p={signer.public()}"


def _tags(record: str) -> dict[str, str]:
    return {name.strip(): "".join(value.split()) for name, _, value in (tag.partition("=") for tag in record.split(";"))}


def _reverse(system: System, names: Names) -> Look:
    """Of the relay as we see it; behind a provider it is the provider's affair."""
    url = system.config.smtp_url
    if url is None:
        return Look("ptr", "BANSO_SMTP_URL", "unchecked", "no_relay")
    found = names.reverse(_host(url))
    if found is None:
        return Look("ptr", _host(url), "unchecked", "not_reached")
    return Look("ptr", _host(url), "ok" if found else "warn", "record" if found else "no_record", {"record": ", ".join(found)})


def _python(python: tuple[int, int, int]) -> Look:
    """Below the floor the email package has holes; the mails of banso do not pass through it."""
    floor, version = SAFE_PYTHON.get(python[:2]), ".".join(str(part) for part in python)
    safe = floor is None or python[2] >= floor
    return Look("python", version, "ok" if safe else "warn", "python_safe" if safe else "python_old", {"floor": f"{python[0]}.{python[1]}.{floor}"})
