"""`banso mail check` against a relay and a DNS server of this machine: what is right is found right, and what could not be asked is not called right."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from socketserver import BaseRequestHandler, UDPServer
from threading import Thread

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rrset
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from engine.channels.deployment import Deployment
from engine.channels.mail.dkim import Signer
from engine.cli.app import main
from engine.pipeline.mailcheck import hidden_items, key_record
from engine.workspace.model import MailSource
from engine.workspace.visible import seen_text
from tests.channels.writing import the_workspace
from tests.inbox import Inbox, free_port
from tests.story import SPACE

Zone = Mapping[tuple[str, str], list[str]]
KEY = ed25519.Ed25519PrivateKey.generate()
RECORD = key_record(Deployment(signer=Signer("example.jp", "banso1", KEY)))
ROOT = {(".", "NS"): ["a.root-servers.net."]}
GOOD: Zone = {
    **ROOT,
    ("example.jp.", "TXT"): ['"v=spf1 include:relay.example.jp -all"', '"something else"'],
    ("_dmarc.example.jp.", "TXT"): ['"v=DMARC1; p=none; rua=mailto:d@example.jp"'],
    ("banso1._domainkey.example.jp.", "TXT"): [" ".join(f'"{RECORD[start : start + 40]}"' for start in range(0, len(RECORD), 40))],
    ("1.0.0.127.in-addr.arpa.", "PTR"): ["relay.example.jp."],
}


@contextmanager
def a_dns_server(zone: Zone) -> Iterator[str]:
    class Answering(BaseRequestHandler):
        def handle(self) -> None:
            data, answering = self.request
            question = dns.message.from_wire(data)
            reply = dns.message.make_response(question)
            reply.flags |= dns.flags.RA
            asked = question.question[0]
            kind = dns.rdatatype.to_text(asked.rdtype)
            found = zone.get((asked.name.to_text().lower(), kind))
            if found:
                reply.answer.append(dns.rrset.from_text(asked.name, 60, "IN", kind, *found))
            else:
                reply.set_rcode(dns.rcode.NXDOMAIN)
            answering.sendto(reply.to_wire(), self.client_address)

    with UDPServer(("127.0.0.1", 0), Answering) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


Check = Callable[..., tuple[int, dict[tuple[str, str], tuple[str, str]]]]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Check:
    """check(zone, BANSO_X=…) → exit code and (item, of what) → (level, in words)."""

    def run(zone: Zone, *options: str, workspace: Path = SPACE, **settings: str) -> tuple[int, dict[tuple[str, str], tuple[str, str]]]:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        with a_dns_server(zone) as resolver:
            code = main(["-w", str(workspace), "--state", str(tmp_path / "state"), "mail", "check", "--json", "--resolver", resolver, *options])
        return code, {(each["name"], each["about"]): (each["level"], each["said"]) for each in json.loads(capsys.readouterr().out)}

    return run


def of(looks: dict[tuple[str, str], tuple[str, str]], name: str) -> list[str]:
    return [level for (item, _), (level, _) in looks.items() if item == name]


@pytest.fixture
def signing(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "dkim.pem").write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "secret").write_text("0123456789abcdef" * 4)
    return {
        "BANSO_DKIM_DOMAIN": "example.jp",
        "BANSO_DKIM_SELECTOR": "banso1",
        "BANSO_DKIM_KEY_FILE": str(tmp_path / "dkim.pem"),
        "BANSO_PUBLIC_URL": "https://u.example.jp",
        "BANSO_SECRET_FILE": str(tmp_path / "secret"),
        "BANSO_DELIVERY": "production",
        "BANSO_SMTP_URL": "smtp://127.0.0.1:25",
    }


def test_a_deployment_that_lacks_nothing(check: Check, signing: dict[str, str]) -> None:
    code, looks = check(GOOD, **signing)
    assert code == 0
    assert {name: set(of(looks, name)) for name, _ in looks if name not in {"python", "relay"}} == {
        name: {"ok"} for name in ("legal", "delivery", "one_click", "alignment", "spf", "dmarc", "dkim", "ptr")
    }
    assert looks["relay", "127.0.0.1"][0] == "unchecked"


def test_a_bare_deployment_is_told_what_is_missing(check: Check) -> None:
    code, looks = check(ROOT)
    assert code == 1
    assert (of(looks, "delivery"), of(looks, "one_click"), of(looks, "spf"), of(looks, "dmarc")) == (["warn"], ["warn"], ["bad"], ["bad"])
    assert set(of(looks, "legal")) == {"ok"}


@pytest.mark.parametrize("zone", [{}, {("example.jp.", "TXT"): ['"v=spf1 -all"']}], ids=["says no to every name", "knows one name"])
def test_a_resolver_that_knows_no_root_proves_nothing(check: Check, signing: dict[str, str], zone: Zone) -> None:
    """In a closed network every name is said not to exist; that is not the same as a missing record."""
    code, looks = check(zone, **signing)
    assert {level for name in ("spf", "dmarc", "dkim", "ptr") for level in of(looks, name)} == {"unchecked"}
    assert code == 0


def test_a_resolver_that_is_silent_proves_nothing(check: Check) -> None:
    _, looks = check(GOOD, "--resolver", f"127.0.0.1:{free_port()}")
    assert {level for name in ("spf", "dmarc") for level in of(looks, name)} == {"unchecked"}


@pytest.mark.parametrize(
    ("changed", "item"),
    [
        pytest.param({("example.jp.", "TXT"): ['"v=spf1 +all"']}, "spf", id="anybody may send"),
        pytest.param({("example.jp.", "TXT"): ['"v=spf1 -all"', '"v=spf1 mx -all"']}, "spf", id="two SPF records"),
        pytest.param({("example.jp.", "TXT"): ['"v=spf10"']}, "spf", id="no SPF record at all"),
        pytest.param({("banso1._domainkey.example.jp.", "TXT"): ['"v=DKIM1; p=AAAA"']}, "dkim", id="another key"),
        pytest.param({("banso1._domainkey.example.jp.", "TXT"): []}, "dkim", id="no key"),
        pytest.param({("_dmarc.example.jp.", "TXT"): ['"v=DMARC1; p=none"', '"v=DMARC1; p=reject"']}, "dmarc", id="two DMARC records"),
    ],
)
def test_a_wrong_record_is_found(check: Check, signing: dict[str, str], changed: Zone, item: str) -> None:
    code, looks = check({**GOOD, **changed}, **signing)
    assert (code, of(looks, item)) == (1, ["bad"])


def test_a_sender_of_another_domain_is_not_aligned(check: Check, signing: dict[str, str]) -> None:
    code, looks = check(GOOD, **{**signing, "BANSO_DKIM_DOMAIN": "example.com", "BANSO_BOUNCE_DOMAIN": "bounce.example.org"})
    assert code == 1
    assert "bad" in of(looks, "alignment") or "warn" in of(looks, "alignment")


def test_a_relay_without_encryption_is_found_when_asked(check: Check, signing: dict[str, str], inbox: Inbox) -> None:
    code, looks = check(GOOD, "--relay", **{**signing, "BANSO_SMTP_URL": inbox.url})
    assert (code, of(looks, "relay")) == (1, ["bad"])
    assert inbox.mails == []


def test_a_relay_that_is_not_there_is_found_when_asked(check: Check, signing: dict[str, str]) -> None:
    code, looks = check(GOOD, "--relay", **{**signing, "BANSO_SMTP_URL": f"smtp://127.0.0.1:{free_port()}"})
    assert (code, of(looks, "relay")) == (1, ["bad"])


def test_the_table_names_every_item_in_the_readers_language(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for language, words in (("ja", ("法律で必要な表示", "ワンクリック", "確かめていません")), ("en", ("the law", "one click", "not checked"))):
        with a_dns_server({}) as resolver:
            main(["-w", str(SPACE), "--state", str(tmp_path), "--lang", language, "mail", "check", "--resolver", resolver])
        shown = capsys.readouterr().out
        assert all(word in shown for word in words)


# --- what can be seen -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("html", "seen"),
    [
        pytest.param("<p>x</p>", True, id="plain"),
        pytest.param('<p style="font-size:12px;color:#777">x</p>', True, id="small and grey"),
        pytest.param('<p style="font-size:1px">x</p>', False, id="tiny"),
        pytest.param('<div style="display: none"><p>x</p></div>', False, id="in something hidden"),
        pytest.param('<p style="visibility:hidden">x</p>', False, id="invisible"),
        pytest.param('<p style="opacity:0">x</p>', False, id="see-through"),
        pytest.param('<div style="background:#fff"><p style="color:#FFFFFF">x</p></div>', False, id="white on white"),
        pytest.param('<td bgcolor="black"><p style="color:#000">x</p></td>', False, id="black on black"),
        pytest.param('<td style="background-color:black"><p style="color:white">x</p></td>', True, id="white on black"),
        pytest.param("<!-- x --><style>x</style>", False, id="in no text"),
        pytest.param('<div style="display:none">y</div><br>x', True, id="after something hidden"),
    ],
)
def test_what_a_reader_sees(html: str, seen: bool) -> None:
    assert ("x" in seen_text(html)[0]) == seen


@pytest.mark.parametrize(
    ("style", "hidden"),
    [
        ("", ()),
        ('color="#ffffff" font-size="12px"', ("postal_address",)),
        ('font-size="2px"', ("postal_address",)),
    ],
)
def test_items_that_cannot_be_read_are_found(style: str, hidden: tuple[str, ...]) -> None:
    others = '{{ imprint.legal_name }} {{ imprint.complaints }} <a href="{{ imprint.refuse }}">配信停止</a>'
    column = f"<mj-text>{others}</mj-text><mj-text {style}>{{{{ imprint.postal_address }}}}</mj-text>"
    source = MailSource("mail/x", "件名", f"<mjml><mj-body><mj-section><mj-column>{column}</mj-column></mj-section></mj-body></mjml>", "")
    assert hidden_items(the_workspace(), source) == hidden


def test_a_template_that_hides_an_item_is_bad(check: Check, signing: dict[str, str], tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    for folder in ("rules", "templates"):
        shutil.copytree(SPACE / folder, root / folder)
    layout = root / "templates/mail/layout.mjml"
    text = layout.read_text(encoding="utf-8")
    layout.write_text(
        text.replace("{{ imprint.postal_address }}", '<span style="display:none">{{ imprint.postal_address }}</span>'), encoding="utf-8"
    )
    code, looks = check(GOOD, workspace=root, **signing)
    assert (code, set(of(looks, "legal"))) == (1, {"bad"})


def test_an_rsa_key_has_its_record() -> None:
    key = rsa.generate_private_key(65537, 2048)
    assert key_record(Deployment(signer=Signer("example.jp", "s", key))).startswith("v=DKIM1; k=rsa; p=MIIB")
