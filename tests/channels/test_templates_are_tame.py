"""No template can act, run away or lead astray: payloads are refused when a workspace is read, and once more where mails are rendered."""

from collections.abc import Mapping
from html.parser import HTMLParser

import mjml
import pytest
from jinja2.exceptions import SecurityError, UndefinedError

from engine.channels.letter import Unwritable
from engine.channels.mail.rendering import HTML, PLAIN, check_words
from engine.workspace.markup import unsafe
from engine.workspace.templates import _look_through
from tests.channels.writing import named, write

FACTS, LISTS = ("stalled_days", "will", "recruit_kind", "done"), ("will", "done")
WORDS: Mapping[str, object] = {
    "account": {"name": "青空"},
    "contact": {},
    "done": ["申込"],
    "will": ["説明会"],
    "stalled_days": 5,
    "link": {"url": "https://x.jp"},
}
ESCAPES = (
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ account.__class__ }}",
    "{{ account.name.__class__ }}",
    "{{ account.keys() }}",
    "{{ account|attr('__class__') }}",
    "{{ account['__class__'] }}",
    "{{ lipsum.__globals__ }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ self.__init__ }}",
    "{{ config }}",
    "{{ '%s'|format(account) }}",
    "{{ '{0.__class__}'.format(account) }}",
    "{{ account.name.format(account) }}",
    "{{ joiner() }}",
    "{{ namespace(x=1) }}",
    "{{ range(9) }}",
    "{{ done|map(attribute='__class__')|list }}",
    "{{ stalled_days|tojson }}",
    "{% set x = account.__class__ %}{{ x }}",
    "{% macro m() %}{% endmacro %}{{ m.__globals__ }}",
    "{% include 'layout.txt' %}",
    "{% import 'x' as y %}",
    "{% extends 'x' %}",
    "{% call account() %}{% endcall %}",
    "{% filter upper %}x{% endfilter %}",
    "{% autoescape false %}x{% endautoescape %}",
    "{% raw %}{{ x }}{% endraw %}{{ account.name|safe }}",
    "{{ loop.index }}",
    "{% if account is callable %}x{% endif %}",
    "{% if account is sameas contact %}x{% endif %}",
)
ENDLESS = (
    "{{ 'a' * 2000000000 }}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ '%2000000000d' % 1 }}",
    "{{ account.name|center(1500000000) }}",
    "{{ account.name|ljust(1500000000) }}",
    "{{ account.name|indent(1500000000) }}",
    "{{ '%1500000000s'|format(1) }}",
    "{{ account.name|wordwrap(1) }}",
    "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
    "{% for a in done %}{% for b in done %}x{% endfor %}{% endfor %}",
    "{% for a in done recursive %}{{ loop(done) }}{% endfor %}",
    "{% for a in account.name %}x{% endfor %}",
    "{% for a in recruit_kind %}x{% endfor %}",
    "{% for a in 'aaaaaaaa' %}x{% endfor %}",
    "{{ account.name|join(account.name) }}",
    "{{ done|join(account.name) }}",
    "{{ done|join('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx') }}",
    "{{ done|join(attribute='x') }}",
)
FRAME = "<mjml><mj-body><mj-section><mj-column>%s</mj-column></mj-section></mj-body></mjml>"


@pytest.mark.parametrize("text", [*ESCAPES, *ENDLESS])
def test_what_could_escape_or_never_end_is_refused_when_it_is_read(text: str) -> None:
    seen = _look_through(text, FACTS, LISTS)
    assert seen.problem is not None or {code for code, *_ in seen.wrong} & {"E205", "E210", "E216"}


@pytest.mark.parametrize(
    "text",
    ["{{ account.name }}", "{% for each in done %}{{ each }}{% endfor %}", "{{ will | join('、') }}", "{% if stalled_days is defined %}x{% endif %}"],
)
def test_what_templates_need_is_allowed(text: str) -> None:
    seen = _look_through(text, FACTS, LISTS)
    assert (seen.problem, seen.wrong) == (None, ())


@pytest.mark.parametrize("environment", [PLAIN, HTML], ids=["text", "html"])
@pytest.mark.parametrize(
    "text",
    [
        "{{ account.__class__ }}",
        "{{ account.keys() }}",
        "{{ account.name.upper() }}",
        "{{ account['__class__'] }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ lipsum() }}",
        "{{ range(9) }}",
        "{{ cycler.__init__ }}",
        "{{ account.name.format(account) }}",
        "{{ done.append }}",
        "{{ stalled_days.real }}",
    ],
)
def test_where_mails_are_rendered_a_dot_reaches_entries_and_nothing_else(environment: object, text: str) -> None:
    """Even for a template that nobody checked."""
    with pytest.raises((SecurityError, UndefinedError)):
        environment.from_string(text).render(WORDS)


@pytest.mark.parametrize(
    "body",
    [
        "<mj-text>a<script>alert(1)</script></mj-text>",
        '<mj-raw><b onclick="alert(1)">x</b></mj-raw>',
        '<mj-raw><img src="x" onerror="alert(1)" /></mj-raw>',
        '<mj-text><a href="javascript:alert(1)">x</a></mj-text>',
        '<mj-text><a href="&#106;avascript:alert(1)">x</a></mj-text>',
        '<mj-text><a href="java\tscript:alert(1)">x</a></mj-text>',
        '<mj-text><a href="JaVaScRiPt:alert(1)">x</a></mj-text>',
        '<mj-text><a href="data:text/html,x">x</a></mj-text>',
        '<mj-text><a href="vbscript:x">x</a></mj-text>',
        '<mj-text><a href="http://x.jp/">x</a></mj-text>',
        '<mj-text><a href="//x.jp/">x</a></mj-text>',
        '<mj-text><a href="/x">x</a></mj-text>',
        '<mj-text><a href="https:x.jp">x</a></mj-text>',
        '<mj-text><a href="https://app.example.jp@evil.example/">x</a></mj-text>',
        '<mj-text><a href="{{ account.name }}">x</a></mj-text>',
        '<mj-text><a href="https://{{ account.name }}/">x</a></mj-text>',
        '<mj-text><a href="{{ link.url }}{{ account.name }}">x</a></mj-text>',
        '<mj-image src="http://x.jp/a.png" />',
        '<mj-text><p style="color:{{ account.name }}">x</p></mj-text>',
        '<mj-text><p style="background:url(http://x.jp)">x</p></mj-text>',
        '<mj-text><p style="width:expression(alert(1))">x</p></mj-text>',
        "<mj-text><style>p{color:{{ account.name }}}</style></mj-text>",
        '<mj-text><form action="https://x.jp"><input name="password" /></form></mj-text>',
        '<mj-text><iframe src="https://x.jp"></iframe></mj-text>',
        '<mj-text><meta http-equiv="refresh" content="0;url=https://x.jp" /></mj-text>',
        '<mj-text><base href="https://x.jp/" /></mj-text>',
        '<mj-raw><!--[if mso]><a href="http://x.jp">y</a><![endif]--></mj-raw>',
    ],
)
def test_markup_that_acts_or_leads_astray_is_found(body: str) -> None:
    assert unsafe(mjml.mjml2html(FRAME % body)) is not None


@pytest.mark.parametrize(
    "html",
    [
        pytest.param("<p title={{ account.name }}>x</p>", id="a value without quotes"),
        pytest.param("<a href={{ link.url }}>x</a>", id="a link without quotes"),
        pytest.param("<{{ account.name }}>x", id="the name of an element"),
        pytest.param('<p {{ account.name }}="x">x</p>', id="the name of an attribute"),
        pytest.param("<script>{{ account.name }}</script>", id="inside a script"),
        pytest.param("<svg onload=alert(1)></svg>", id="a drawing that acts"),
    ],
)
def test_a_blank_stands_only_where_a_value_stays_a_value(html: str) -> None:
    assert unsafe(html) is not None


@pytest.mark.parametrize(
    "body",
    [
        '<mj-button href="{{ link.url }}">{{ link.label }}</mj-button>',
        '<mj-text><a href="mailto:{{ sender.address }}">{{ sender.address }}</a> <a href="{{ imprint.refuse }}">x</a></mj-text>',
        '<mj-text><a href="https://help.example.jp/a?step={{ step.screen }}">x</a></mj-text>',
        '<mj-image src="https://x.jp/a.png" alt="{{ account.name }}" />',
    ],
)
def test_ordinary_mails_pass(body: str) -> None:
    assert unsafe(mjml.mjml2html(FRAME % body)) is None


def test_a_mail_cannot_read_files_of_the_server() -> None:
    with pytest.raises(ValueError, match="include"):
        mjml.mjml2html(FRAME % '<mj-include path="/etc/hostname" type="html" />')


@pytest.mark.parametrize("url", ["http://x.jp", "javascript:alert(1)", "//x.jp", "", " https://x.jp"])
def test_a_link_that_leads_elsewhere_than_https_fails_the_mail(url: str) -> None:
    """The dates of a seminar come from a table that nobody checks."""
    with pytest.raises(Unwritable, match=r"^link:"):
        check_words({**WORDS, "link": {"url": url}}, frozenset({"link"}))


class Elements(HTMLParser):
    """Which elements with which attributes, and where links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attrs)))
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]


def elements(html: str) -> Elements:
    seen = Elements()
    seen.feed(html)
    return seen


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "' onmouseover='alert(1)",
        "</td></table><a href='http://evil.example'>",
        "--><b>x",
        "<!--",
        "]]><x>",
        "</style><script>",
        "&lt;b&gt;",
        "javascript:alert(1)",
    ],
)
def test_no_name_adds_an_element_an_attribute_or_a_link(name: str) -> None:
    def html_of(company: str) -> str:
        import email
        from email import policy

        message = email.message_from_bytes(write(occasion=named(company, company)).body, policy=policy.default)
        part = message.get_body(("html",))
        return str(part.get_content())

    plain, evil = elements(html_of("青空")), elements(html_of(name))
    assert (evil.found, evil.links) == (plain.found, plain.links)
    assert all(link.startswith(("https://", "mailto:")) for link in evil.links)
