"""Things tests need, with dull defaults: a record, a contact, a customer, a touch. Only what a test says matters to it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from engine.calendar import instant_of
from engine.records.record import Record
from engine.touches.touch import State, Touch

TOKYO = "Asia/Tokyo"
AZURE = "aozora"  # the account everything happens to unless a test needs a second one
SOURCES = {
    **{prefix: prefix for prefix in ("product", "help", "sfa", "crm", "cti", "hearing")},
    "account": "sfa",
    "contact": "crm",
    "course": "crm",
    "seminar": "crm",
    "support": "cti",
    "call": "cti",
    "mail": "banso",
}


def at(text: str, zone: str = TOKYO) -> int:
    """`2026-04-07 09:00` on Tokyo's clocks as an instant."""
    return instant_of(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)))


def a_record(
    what: str = "product.login",
    *,
    at: str = "2026-03-30 10:00",
    account: str = AZURE,
    value: str | None = None,
    contact: str | None = None,
    known: str | None = None,
    key: str | None = None,
    source: str | None = None,
    source_id: str | None = None,
) -> Record:
    """An event, or a field where a value is given. Known when it happened, unless said otherwise."""
    happened = instant(at)
    return Record(
        source=source or SOURCES.get(what.split(".", 1)[0], "product"),
        source_id=source_id or "/".join((account, contact or "", what, at, value or "", key or "")),
        account_id=account,
        occurred_at=happened,
        known_at=instant(known) if known else happened,
        contact_id=contact,
        event=None if value is not None else what,
        field=what if value is not None else None,
        value=value,
        key=key,
        properties=f'{{"case_id": "{key}"}}' if key else None,
    )


instant = at  # inside a_record the word `at` is the argument


def a_contact(
    contact: str = "tanaka",
    *,
    account: str = AZURE,
    email: str | None = "tanaka@aozora.example.jp",
    name: str | None = "田中",
    main: bool | None = None,
    at: str = "2026-03-02 10:00",
) -> list[Record]:
    """What the CRM says of a person. An `email` of None was never told."""
    said = {"email": email, "name": name, "main": None if main is None else str(main).lower()}
    return [a_record(f"contact.{field}", value=value, account=account, contact=contact, at=at) for field, value in said.items() if value is not None]


def a_customer(account: str = AZURE, *, email: str | None = None, applied: str = "2026-03-24 10:00", name: str = "株式会社青空") -> list[Record]:
    """A company that applied and has an account, with one contact; nobody logged in yet."""
    return [
        a_record("account.name", value=name, account=account, at=applied),
        a_record("sfa.applied", account=account, at=applied),
        a_record("product.account_issued", account=account, at=applied),
        *a_contact(account=account, email=email or f"tanaka@{account}.example.jp", at=applied),
    ]


def a_stalled_customer(account: str = AZURE, *, since: str = "2026-03-30 10:00", email: str | None = None) -> list[Record]:
    """A company that logged in on 30 March and has not finished its initial settings: `next-setting` is for it from 6 April on."""
    return [*a_customer(account, email=email), a_record("product.login", account=account, at=since)]


def a_touch(
    touch_id: str = "t1",
    *,
    account: str = AZURE,
    rule: str = "next-setting",
    per_value: str = "initial_settings",
    goal: str = "step_forward",
    ordinal: int = 1,
    decided_at: str = "2026-04-07 02:00",
    due_at: str = "2026-04-07 09:00",
    deadline: str = "2026-04-09 23:59",
    state: State = State.PENDING,
    sent_at: str | None = None,
    window_last_day: int | None = None,
    fold: str = "{}",
) -> Touch:
    """A mail planned for nine o'clock on Tuesday 7 April."""
    return Touch(
        id=touch_id,
        account_id=account,
        contact_id="tanaka",
        rule=rule,
        per_value=per_value,
        ordinal=ordinal,
        lane="push",
        channel="mail",
        goal=goal,
        slot=f"nightly/{decided_at[:10]}",
        rule_set="r1",
        decided_at=at(decided_at),
        due_at=at(due_at),
        deadline=at(deadline),
        valid_days=3,
        state=state,
        message_id=f"<{touch_id}@example.jp>",
        address=f"tanaka@{account}.example.jp",
        arrival=0,
        fold=fold,
        sent_at=at(sent_at) if sent_at else None,
        window_last_day=window_last_day,
    )


def flat(records: Sequence[Record | Sequence[Record]]) -> list[Record]:
    """Records and lists of records as one list."""
    return [record for each in records for record in ([each] if isinstance(each, Record) else each)]


SETTINGS = """
banso: 1
workspace: {id: small, label: 小さな職場, language: ja}
timezone: Asia/Tokyo
nightly_at: "02:00"
business: {days: [mon, tue, wed, thu, fri], holidays: none}
quiet_hours: {from: "19:00", to: "09:00"}
sources:
  product: {label: 製品, max_age: none, events: [product]}
  sfa: {label: 営業, max_age: none, events: [sfa, account]}
  crm: {label: 顧客, max_age: none, events: [crm, contact, course]}
  cti: {label: 電話, max_age: none, events: [call]}
senders: {desk: {name: 窓口, address: desk@example.jp, phone: 03-0000-0000, hours: 平日}}
imprint: {legal_name: 会社, postal_address: 東京都, complaints: 窓口, refuse: "mailto:refuse@example.jp"}
product_url: https://app.example.jp
help_url: https://help.example.jp
never: [{contract: closed}]
"""
CHANNELS = """
channels:
  mail: {label: メール, valid_days: 3, touch: mail.sent}
  popup: {label: ポップアップ, valid_days: 1, deliver_within: 1m}
  call: {label: 架電, valid_days: 7, touch: call.talked, outcome: [call.talked, call.absent]}
  crm: {label: 作業, valid_days: 7}
  slack: {label: 投稿, valid_days: 1}
"""
ROUTE = """
route: {id: small, label: 道のり}
steps:
  applied: {label: 申込, done_by: [sfa.applied]}
  set_up: {label: 設定, after: [applied], done_by: [product.set_up]}
  booked: {label: 予約, after: [set_up], done_by: [product.booked]}
"""
FACTS = """
facts:
  errors: {label: エラー, count: product.error, within_days: 60}
  contract: {label: 契約, attribute: sfa.contract, type: enum, values: {active: 利用中, closed: 解約}}
"""
GOALS = """
goals:
  forward: {label: 前進, reached_by: next_step}
  booked: {label: 予約, reached_by: [product.booked]}
  talked: {label: 会話, reached_by: [call.talked]}
"""
DEFAULTS = "defaults: {title: 案内, stage: share, owner: sato, goal: forward, why: {who: 担当者, benefit: わかる}}\n"
LEGAL = "{{ imprint.legal_name }} {{ imprint.postal_address }} {{ imprint.complaints }}"
FRAMES = {
    "templates/mail/layout.mjml": (
        f"<mjml><mj-body>[[body]]<mj-section><mj-column><mj-text>{LEGAL} <a href='{{{{ imprint.refuse }}}}'>配信停止</a></mj-text>"
        "</mj-column></mj-section></mj-body></mjml>"
    ),
    "templates/mail/layout.txt": f"{{{{ addressee }}}}\n[[body]]\n{{{{ sender.name }}}}\n{LEGAL}\n配信停止 {{{{ imprint.refuse }}}}\n",
    **{f"templates/{kind}/note.md": "# {{ account.name }}\n案内します。\n" for kind in ("popup", "call", "crm", "slack")},
}


def a_mail(name: str) -> dict[str, str]:
    """The files of a mail whose subject is its name."""
    body = "<mj-section><mj-column><mj-text>{{ account.name }}</mj-text></mj-column></mj-section>"
    parts = {"subject.txt": name, "body.mjml": body, "body.txt": "{{ account.name }}"}
    return {f"templates/mail/{name}/{part}": text for part, text in parts.items()}


def a_workspace(root: Path, *, rules: str, order: str, **other: str | Mapping[str, str]) -> Path:
    """A workspace with a route of three steps. `rules` are entries below `rules:`, `order` what stands in `order: {…}`.

    `settings` and `facts` are written in addition, `channels` and `goals` instead of the dull ones; `files` are any more, by path.
    The templates are mail/plain, mail/other and one note of each kind.
    """
    added = {key: str(other.get(key, "")) for key in ("settings", "facts")}
    files: dict[str, str] = {
        **FRAMES,
        **a_mail("plain"),
        **a_mail("other"),
        "rules/workspace.yaml": SETTINGS + str(other.get("channels", CHANNELS)) + added["settings"],
        "rules/route.yaml": ROUTE,
        "rules/facts.yaml": FACTS + added["facts"],
        "rules/goals.yaml": str(other.get("goals", GOALS)),
        "rules/rules.yaml": f"{DEFAULTS}rules:\n{rules}",
        "rules/order.yaml": f"order: {{{order}}}\n",
    }
    more = other.get("files", {})
    assert isinstance(more, Mapping)
    for name, text in {**files, **more}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root
