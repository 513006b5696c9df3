"""What a template may say: facts as words for people, never codes, and the few objects around them."""

from collections.abc import Collection, Mapping

from engine.calendar import date_of_day
from engine.channels.deployment import Deployment
from engine.channels.letter import Occasion
from engine.channels.mail.tags import reader_token
from engine.decision.recipient import Recipient
from engine.decision.scarce import session_place
from engine.facts.route import COMPLETE
from engine.facts.spec import FactType
from engine.rulebook.actions import SendMail
from engine.rulebook.python import Known
from engine.rulebook.spec import RuleSpec
from engine.touches.touch import Touch
from engine.workspace.model import Session, Workspace
from engine.workspace.schema import Language

HELP_PATH = "/help"  # where a deployment serves the articles of its workspace
Word = str | int | list[str] | Mapping[str, str]
WEEKDAYS = {"ja": "月火水木金土日", "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def context_of(
    workspace: Workspace, rule: RuleSpec, occasion: Occasion, deployment: Deployment, wanted: Collection[str] | None = None
) -> dict[str, Word]:
    """The names a template sees; an unknown fact is not among them. With `wanted`, of the facts only these."""
    language, columns = workspace.settings.workspace.language, occasion.answer.columns
    name = occasion.fold.name[3] if occasion.fold.name and occasion.fold.name[3] else occasion.touch.account_id
    words = _facts_in_words(workspace, columns, workspace.plan.facts if wanted is None else wanted)
    imprint = workspace.settings.imprint
    words["account"] = {"name": name}
    words["contact"] = _said({"name": occasion.recipient.name, "role": occasion.recipient.role})
    words["addressee"] = addressee(name, occasion.recipient, language)
    if isinstance(rule.do, SendMail):
        sender = workspace.settings.senders[rule.do.from_]
        words["sender"] = {key: str(getattr(sender, key)) for key in ("name", "address", "phone", "hours")}
    words["imprint"] = {key: str(getattr(imprint, key)) for key in ("legal_name", "postal_address", "complaints", "refuse")}
    session = session_of(workspace, occasion.touch)
    words["link"] = _said(link_of(workspace, rule, occasion, deployment, session))
    if session is not None:
        words["session"] = {"title": session.title, "starts": moment_in_words(workspace, session.starts_at, language)}
    step = workspace.route.steps.get(str(columns.get("next_step")))
    if step is not None:
        words["step"] = {"label": step.label, "screen": step.screen}
    return words


def _facts_in_words(workspace: Workspace, columns: Mapping[str, Known], names: Collection[str]) -> dict[str, Word]:
    language, facts = workspace.settings.workspace.language, workspace.plan.facts
    told = {name: in_words(facts[name].type, columns.get(name), language) for name in names if name in facts and name != "done"}
    words: dict[str, Word] = {name: word for name, word in told.items() if word is not None}
    if "done" in names:
        words["done"] = [step.label for step_id, step in workspace.route.steps.items() if columns.get(f"done.{step_id}") is True]
    return words


def _said(values: Mapping[str, str | None]) -> dict[str, str]:
    """Only what is known: a name that nobody told is missing, so that a template without a default for it fails."""
    return {key: value for key, value in values.items() if value is not None}


def in_words(fact_type: FactType, value: Known, language: Language) -> Word | None:
    """A fact's value as people read it: labels for ids, 「4月7日(火)」 for a day."""
    if value is None:
        return None
    if fact_type.kind == "enum":
        return fact_type.values.get(str(value), str(value))
    if fact_type.kind == "tags":
        return [fact_type.values.get(tag, tag) for tag in str(value).strip("|").split("|") if tag]
    if fact_type.kind == "date" and isinstance(value, int):
        return date_in_words(value, language)
    return value


def date_in_words(day: int, language: Language) -> str:
    date = date_of_day(day)
    weekday = WEEKDAYS[language][date.weekday()]
    if language == "ja":
        return f"{date.month}月{date.day}日({weekday})"
    return f"{weekday} {date.day} {MONTHS[date.month - 1]} {date.year}"


def addressee(account: str, recipient: Recipient, language: Language) -> str:
    """The line a letter begins with. Japanese business mail: company, name and 様; without a name 採用ご担当者様; never 御中 with 様."""
    if language == "ja":
        return f"{account} {recipient.name} 様" if recipient.name else f"{account} 採用ご担当者様"
    return f"Dear {recipient.name}" if recipient.name else f"Dear colleagues at {account}"


def moment_in_words(workspace: Workspace, instant: int, language: Language) -> str:
    """「4月7日(火)10:00」."""
    minutes = workspace.zone.minutes(instant)
    date = date_in_words(workspace.zone.day(instant), language)
    return f"{date}{'' if language == 'ja' else ' '}{minutes // 60}:{minutes % 60:02d}"


def session_of(workspace: Workspace, touch: Touch) -> Session | None:
    """The session whose seat a touch offers."""
    if touch.place is None:
        return None
    return next((each for each in workspace.sessions if touch.place == session_place(each)), None)


def link_of(
    workspace: Workspace, rule: RuleSpec, occasion: Occasion, deployment: Deployment, session: Session | None = None
) -> dict[str, str | None]:
    """Where the one button leads."""
    lead_to, settings, columns = rule.do.leads, workspace.settings, occasion.answer.columns
    if lead_to is None:
        return {"url": settings.product_url, "label": settings.workspace.label}
    if lead_to.article is not None:
        article = chosen(lead_to.article, columns)
        return {"url": article_url(workspace, deployment, article, occasion.touch.id), "label": title_of(workspace, article)}
    if lead_to.support is not None:
        support = settings.supports[lead_to.support]
        return {"url": support.url, "label": support.label}
    if lead_to.seminar is not None or lead_to.course is not None:
        held = settings.seminars[lead_to.seminar] if lead_to.seminar else settings.courses[str(lead_to.course)]
        return {"url": session.url if session and session.url else held.url, "label": session.title if session and session.title else held.label}
    wanted = columns.get("next_step") if lead_to.setting == "next_step" else lead_to.setting
    step = workspace.route.steps.get(str(wanted))
    if step is None or wanted == COMPLETE:
        return {"url": settings.product_url, "label": settings.workspace.label}
    return {"url": f"{settings.product_url.rstrip('/')}{step.screen}", "label": step.label}


def article_url(workspace: Workspace, deployment: Deployment, article: str, touch_id: str) -> str | None:
    """An article's address; where the help site is ours it tells who reads. None where nobody said where the site is."""
    ours, settings = workspace.articles is not None, workspace.settings
    root = settings.help_url or (f"{deployment.public_url.rstrip('/')}{HELP_PATH}" if deployment.public_url else None)
    if root is None:
        return None
    reader = f"?reader={reader_token(deployment.secret, touch_id)}" if ours and deployment.secret is not None else ""
    return f"{root.rstrip('/')}/{article}{reader}"


def title_of(workspace: Workspace, article: str) -> str:
    """What people call an article: its title where it is ours."""
    found = (workspace.articles or {}).get(article)
    return article if found is None else found.title


def chosen(choice: str | Mapping[str, str], columns: Mapping[str, Known]) -> str:
    """The one, or the case of the fact that chooses."""
    if isinstance(choice, str):
        return choice
    return choice.get(str(columns.get(choice["by"])), choice["else"])


def template_for(rule: RuleSpec, touch: Touch, columns: Mapping[str, Known]) -> str:
    """The name of the template a touch is written from: its variant's, or the rule's."""
    if isinstance(rule.do, SendMail) and touch.variant is not None:
        return next((variant.template for variant in rule.do.variants if variant.id == touch.variant), rule.do.variants[-1].template)
    choice = rule.do.choice()
    assert choice is not None, rule
    return chosen(choice, columns)
