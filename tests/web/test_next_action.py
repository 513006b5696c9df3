"""The next action on the screen: who is there is told what was decided for him, and what he does with it comes back at once."""

import json
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import jwt
import pytest

from engine.channels.question import FORMS, Question
from engine.ledger.keys import Key
from engine.pipeline.keys import add_key, revoke_key
from engine.pipeline.screen import WORDS
from engine.pipeline.visitors import popup_secret
from engine.records.values import normalise
from tests.builders import AZURE, a_contact, a_customer, a_record, at
from tests.story import ROOT, Story
from tests.web.door import Web, a_key, records_of
from web.screen import _question

NOW = "2026-04-07 10:00"
ORIGIN = "https://app.example.jp"
OPEN = "/v1/next-action"


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    """The example workspace; Tanaka of Aozora is signed in and has just logged in for the first time."""
    story = Story(tmp_path, workspace=ROOT)
    (tmp_path / "secret").write_text(secrets.token_hex(32), encoding="utf-8")
    story.config = story.config.model_copy(update={"secret_file": tmp_path / "secret", "origins": f"{ORIGIN} https://other.example.jp"})
    story.restart()
    story.clock.set(at(NOW))
    add_key(story.system, popup_secret(story.system, "app"), Key("app", frozenset({"popup"}), (), at(NOW), "tanaka"))
    a_key(story.system)
    story.given(a_customer())
    story.heard(NOW)
    yield story
    story.close()


def token(story: Story, *, user: str = "tanaka", account: str = AZURE, secret: str | None = None, **claims: Any) -> dict[str, str]:
    now = story.clock.now() // 1_000_000
    said = {"iss": "app", "sub": user, "account": account, "iat": now, "exp": now + 300, **claims}
    return {"Authorization": f"Bearer {jwt.encode(said, secret or popup_secret(story.system, 'app'), 'HS256')}"}


def happens(story: Story, event: str, **properties: object) -> None:
    """The product tells it, and it is answered."""
    web = Web(story.system)
    told = {"event": event, "userId": "tanaka", "context": {"groupId": AZURE}, "properties": properties, "messageId": secrets.token_hex(8)}
    assert web.post("/v1/track", told).status_code == 200
    web.come_to_rest()


def look(story: Story, **more: Any) -> Any:
    answer = Web(story.system).ask("GET", OPEN, headers=token(story, **more))
    assert answer.status_code == 200, answer.text
    return answer.json()["action"]


def tell(story: Story, touch: str, word: str, value: Any = None, **more: Any) -> httpx.Response:
    web = Web(story.system)
    answer = web.ask("POST", f"{OPEN}/{touch}/{word}", headers=token(story, **more), json={} if value is None else {"value": value})
    web.come_to_rest()
    return answer


def events(story: Story) -> list[str]:
    return [each.event or f"{each.field}={each.value}" for each in records_of(story.system, AZURE) if each.source in {"banso", "hearing"}]


def test_who_logs_in_sees_the_next_step_and_a_finished_step_makes_it_vanish(story: Story) -> None:
    assert look(story) is None
    happens(story, "product.login")
    action = look(story)
    assert (action["title"], action["link"], action["question"]) == (
        "次は「初期設定」です",
        {"label": "続きの画面を開く", "url": "https://app.example.jp/settings/initial"},
        None,
    )
    assert look(story) == action, "to look changes nothing"
    assert events(story) == []
    assert tell(story, action["id"], "shown").json() == {"kept": True}
    story.clock.set(at("2026-04-07 15:00"))
    story.heard("2026-04-07 15:00")
    assert look(story) == action, "it stays there for the day, on the next page too"
    happens(story, "product.settings_completed")
    assert look(story)["title"] == "次は「選考フローの設計」です", "what is done is gone at once, and the next thing stands there"


def test_what_the_visitor_does_is_told_once_and_ends_the_popup(story: Story) -> None:
    happens(story, "product.login")
    touch = look(story)["id"]
    for _ in range(3):
        assert tell(story, touch, "clicked").status_code == 200
    assert tell(story, touch, "later").status_code == 200, "but what came first counts"
    assert events(story) == ["popup.shown", "popup.clicked"]
    assert look(story) is None
    assert (story.touch().state, story.touch().contact_id) == ("sent", "tanaka")


def test_a_question_is_answered_and_the_facts_of_the_same_moment_know_it(story: Story) -> None:
    happens(story, "product.page_viewed", page="home")
    action = look(story)
    assert action["question"] == {
        "form": "one",
        "choices": [{"value": "new_grad", "label": "新卒採用"}, {"value": "mid_career", "label": "中途採用"}],
    }
    assert action["paragraphs"] == ["お答えに合わせて、設定の例と案内をお選びします。"]
    assert tell(story, action["id"], "answered", "horses").status_code == 400
    assert tell(story, action["id"], "answered").status_code == 400
    assert tell(story, action["id"], "answered", "mid_career").status_code == 200
    assert events(story) == ["popup.shown", "hearing.recruit_kind=mid_career", "popup.answered"]
    assert story.facts(NOW)["recruit_kind"] == "mid_career"
    happens(story, "product.page_viewed", page="home")
    assert look(story) is None, "one question a day"


def test_later_is_always_possible_and_is_respected_for_a_week(story: Story) -> None:
    happens(story, "product.page_viewed", page="home")
    tell(story, look(story)["id"], "later")
    happens(story, "product.page_viewed", page="home")
    assert (events(story), look(story)) == (["popup.shown", "popup.later"], None)


@pytest.mark.parametrize(
    ("template", "answer", "kept"),
    [("ask-start", "3月上旬", "2027-03-01/2027-03-10"), ("ask-will", ["briefing", "auto_schedule"], "|auto_schedule|briefing|")],
    ids=["a date as people write it", "more than one"],
)
def test_answers_mean_what_the_workspace_declares(story: Story, template: str, answer: Any, kept: str) -> None:
    known = {"ask-start": [("recruit_kind", "new_grad")], "ask-will": [("recruit_kind", "new_grad"), ("guidance_start", "2026-06-01")]}[template]
    story.given([a_record(f"hearing.{field}", value=value, at="2026-04-01 10:00") for field, value in known])
    happens(story, "product.page_viewed", page="home")
    action = look(story)
    assert tell(story, action["id"], "answered", answer).status_code == 200, action
    (record,) = [each for each in records_of(story.system, AZURE) if each.source_id.startswith(f"popup:{action['id']}:")]
    assert record.value == kept
    assert story.facts(NOW)[str(record.field).removeprefix("hearing.")] is not None


def test_errors_bring_a_video_and_then_the_support_centre(story: Story) -> None:
    happens(story, "product.login")
    for number in range(2):
        happens(story, "product.setting_error", error=number)
    assert look(story)["title"] == "1分の動画で直し方をご覧いただけます"
    for number in range(2):
        happens(story, "product.setting_error", error=number)
    assert look(story)["title"] == "一緒に画面を見ながら、お調べいたします"


def test_a_popup_is_for_the_person_and_the_account_it_was_decided_for(story: Story) -> None:
    story.given(a_contact("suzuki", email="suzuki@aozora.example.jp"), a_customer("midori"))
    happens(story, "product.login")
    touch = look(story)["id"]
    assert look(story, user="suzuki") is None
    assert look(story, account="midori") is None
    assert tell(story, touch, "clicked", user="suzuki").status_code == 410
    assert tell(story, touch, "clicked", account="midori").status_code == 410
    assert tell(story, "f" * 32, "clicked").status_code == 410
    assert events(story) == []


def test_what_was_not_shown_in_time_is_not_shown_any_more(story: Story) -> None:
    happens(story, "product.login")
    story.clock.set(at("2026-04-07 10:01"))
    assert look(story) is None, "it was to be there within thirty seconds"


def test_a_popup_that_was_put_on_hold_is_not_shown(story: Story) -> None:
    happens(story, "product.login")
    story.pause("channel", "popup", since=NOW)
    assert look(story) is None


FORGED: dict[str, tuple[dict[str, Any], int]] = {
    "signed with another secret": ({"secret": "ps_" + "0" * 64}, 403),
    "over": ({"exp": at("2026-04-07 09:55") // 1_000_000, "iat": at("2026-04-07 09:50") // 1_000_000}, 403),
    "not yet in force": ({"iat": at("2026-04-07 10:05") // 1_000_000, "exp": at("2026-04-07 10:10") // 1_000_000}, 403),
    "for too long": ({"exp": at("2026-04-07 11:00") // 1_000_000}, 403),
    "of no key": ({"iss": "nobody"}, 403),
    "of no issuer": ({"iss": ""}, 403),
    "without an account": ({"account": None}, 403),
    "with an account that is a list": ({"account": [AZURE]}, 403),
    "with a control character": ({"user": "tana\nka"}, 403),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_token_that_is_not_in_order_tells_nobody_anything(story: Story, name: str) -> None:
    happens(story, "product.login")
    claims, status = FORGED[name]
    answer = Web(story.system).ask("GET", OPEN, headers=token(story, **claims))
    assert (answer.status_code, answer.json()["detail"]["reason"]) == (status, "no_visitor")
    assert "初期設定" not in answer.text


def test_unsigned_tokens_and_withdrawn_keys_are_refused(story: Story) -> None:
    now = story.clock.now() // 1_000_000
    unsigned = jwt.encode({"iss": "app", "sub": "tanaka", "account": AZURE, "iat": now, "exp": now + 60}, "", "none")
    ask = Web(story.system).ask
    assert ask("GET", OPEN, headers={"Authorization": f"Bearer {unsigned}"}).status_code == 403
    assert ask("GET", OPEN, headers={"Authorization": "Bearer a.b.c"}).status_code == 403
    assert ask("GET", OPEN, headers={"Authorization": "Basic abc"}).status_code == 401
    assert ask("GET", OPEN).status_code == 401
    good = token(story)
    assert ask("GET", OPEN, headers=good).status_code == 200
    revoke_key(story.system, "app")
    assert ask("GET", OPEN, headers=good).status_code == 403


def test_a_deployment_that_lost_its_secret_says_to_come_again(story: Story, tmp_path: Path) -> None:
    headers = token(story)
    (tmp_path / "secret").unlink()
    assert Web(story.system).ask("GET", OPEN, headers=headers).status_code == 503


def test_only_the_products_own_pages_are_answered(story: Story) -> None:
    happens(story, "product.login")
    ask = Web(story.system).ask
    mine = ask("GET", OPEN, headers={**token(story), "Origin": ORIGIN})
    assert (mine.status_code, mine.headers["Access-Control-Allow-Origin"], mine.headers["Vary"]) == (200, ORIGIN, "Origin")
    assert "Access-Control-Allow-Credentials" not in mine.headers
    for stranger in ("https://evil.example", "http://app.example.jp", f"{ORIGIN}.evil.example", "null"):
        answer = ask("GET", OPEN, headers={**token(story), "Origin": stranger})
        assert (answer.status_code, "Access-Control-Allow-Origin" in answer.headers) == (403, False)
        assert ask("OPTIONS", OPEN, headers={"Origin": stranger}).status_code == 403
    preflight = ask("OPTIONS", f"{OPEN}/x/shown", headers={"Origin": ORIGIN})
    assert (preflight.status_code, preflight.headers["Access-Control-Allow-Headers"]) == (204, "authorization, content-type")
    over = ask("GET", OPEN, headers={**token(story, secret="ps_" + "0" * 64), "Origin": ORIGIN})
    assert (over.status_code, over.headers["Access-Control-Allow-Origin"]) == (403, ORIGIN), "its own page may read why"


def test_the_words_around_it_are_in_the_language_of_its_texts(story: Story) -> None:
    happens(story, "product.login")
    action = look(story)
    assert (action["language"], action["words"]["later"], action["words"]["close"]) == ("ja", "あとで", "閉じる")
    assert all(action["words"].values())


def test_yes_and_no_are_choices_like_others() -> None:
    asked = _question(Question("", "yes_no", {}), "ja")
    assert [(each.value, each.label) for each in asked.choices] == [("true", "はい"), ("false", "いいえ")]
    assert [normalise("bool", each.value, 0)[1] for each in asked.choices] == [1, 0]
    assert _question(Question("", "yes_no", {"true": "減った", "false": "減っていない"}), "ja").choices[0].label == "減った"


def test_a_page_may_read_when_to_come_again(story: Story, tmp_path: Path) -> None:
    headers = {**token(story), "Origin": ORIGIN}
    (tmp_path / "secret").unlink()
    answer = Web(story.system).ask("GET", OPEN, headers=headers)
    assert answer.headers["Access-Control-Expose-Headers"] == "Retry-After"
    assert int(answer.headers["Retry-After"]) > 0


def test_an_answer_tells_nothing_but_the_popup(story: Story) -> None:
    happens(story, "product.login")
    said = json.dumps(look(story), ensure_ascii=False)
    assert "@" not in said
    assert AZURE not in said
    assert "popup-next-action" not in said


def test_the_page_for_developers_is_true(story: Story) -> None:
    page = (ROOT / "docs/popups.md").read_text(encoding="utf-8")
    snippet = page.partition("```python\n")[2].partition("```")[0]
    names: dict[str, Any] = {"POPUP_SECRET": popup_secret(story.system, "app")}
    exec(compile(snippet, "docs/popups.md", "exec"), names)
    shift = story.clock.now() // 1_000_000 - int(names["time"].time())
    names["time"] = SimpleNamespace(time=lambda real=names["time"].time: real() + shift)
    happens(story, "product.login")
    answer = Web(story.system).ask("GET", OPEN, headers={"Authorization": f"Bearer {names['popup_token']('tanaka', AZURE)}"})
    assert answer.json()["action"]["title"] == "次は「初期設定」です"
    assert set(re.findall(r"…/ID/(\w+)|next-action/ID/(\w+)", page)) == {("", "shown"), *((word, "") for word in WORDS if word != "shown")}
    assert all(f"`{form}`" in page for form in FORMS.values())
