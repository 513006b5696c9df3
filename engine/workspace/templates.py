"""Reads templates and checks them before anyone is written to: syntax, allowed constructs, and every name they use."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import mjml
from jinja2 import StrictUndefined, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.errors import Place
from engine.rulebook.plan import Plan
from engine.workspace.blanks import open_blanks
from engine.workspace.check_answers import ANSWER
from engine.workspace.faults import Faults, nearest
from engine.workspace.markup import unsafe
from engine.workspace.model import MailSource, NoteSource

NOTE_KINDS = ("popup", "call", "crm", "slack")
BODY = "[[body]]"
BLOCKS, BLANKS = re.compile(r"\{%.*?%\}", re.DOTALL), re.compile(r"\{\{.*?\}\}", re.DOTALL)
KEPT = 4096  # texts whose outcome is remembered: a workspace is read again and again, and few of its texts change
PARTS = ("subject.txt", "body.mjml", "body.txt")
FILTERS = ("default", "d", "length", "join", "e")
TESTS = ("defined", "undefined")
SEPARATOR_MAX = 20  # characters between joined entries
AS_TYPED = {
    "Assign": "set",
    "AssignBlock": "set",
    "CallBlock": "call",
    "FromImport": "from",
    "FilterBlock": "filter",
    "Getitem": "[",
    "Call": "(",
    "Add": "+",
    "Sub": "-",
    "Mul": "*",
    "Div": "/",
    "FloorDiv": "//",
    "Mod": "%",
    "Pow": "**",
    "Concat": "~",
    "List": "[",
    "Tuple": "(",
    "Dict": "{",
}
OBJECTS = {
    "account": ("name",),
    "contact": ("name", "role"),
    "sender": ("name", "address", "phone", "hours"),
    "imprint": ("legal_name", "postal_address", "complaints", "refuse"),
    "link": ("url", "label"),
    "step": ("label", "screen"),
    "session": ("title", "starts"),
}
ALLOWED = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Getattr,
    nodes.Const,
    nodes.If,
    nodes.For,
    nodes.Filter,
    nodes.Test,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.CondExpr,
    nodes.Keyword,
)


def read_templates(templates: Path, plan: Plan, faults: Faults) -> dict[str, MailSource | NoteSource]:
    """Every template of the workspace by its name: mails, and the notes of the other channels."""
    return {**read_mails(templates, plan, faults), **read_notes(templates, plan, faults)}


def read_notes(templates: Path, plan: Plan, faults: Faults) -> dict[str, NoteSource]:
    """Popups, scripts for calls and tasks, posts: `templates/<kind>/<name>.md`, whose first line is `# title`."""
    notes = {}
    for path in sorted(each for kind in NOTE_KINDS for each in (templates / kind).glob("*.md")):
        file, name = str(path.relative_to(templates.parent)), f"{path.parent.name}/{path.stem}"
        before = len(faults.found)
        text = faults.text_of(path, templates.parent)
        if text is not None:
            _check(text, file, plan, faults)
        if len(faults.found) > before or text is None:
            faults.broken.add(name)
            continue
        head, _, body = text.partition("\n")
        if not head.startswith("# ") or not body.strip():
            faults.add("E136", Place(file, 1, 1))
            faults.broken.add(name)
            continue
        notes[name] = NoteSource(name, head[2:].strip(), body.strip() + "\n")
        _try(Place(file), (notes[name].title, notes[name].text), plan, faults, escaped=False)
    return notes


def read_mails(templates: Path, plan: Plan, faults: Faults) -> dict[str, MailSource]:
    """Every mail below `templates/mail/`, framed by the layouts, with faults reported at file:line:column."""
    folder = templates / "mail"
    frames = {suffix: _frame(folder / f"layout{suffix}", faults, templates.parent) for suffix in (".mjml", ".txt")}
    for suffix, frame in frames.items():
        _check(frame, f"templates/mail/layout{suffix}", plan, faults)
    mails, tried = {}, {}
    for path in sorted(each for each in folder.glob("*") if each.is_dir()):
        texts = [_part(path / part, plan, faults, templates.parent) for part in PARTS]
        name = f"mail/{path.name}"
        if None in texts:
            faults.broken.add(name)
        else:
            subject, body, text = (part or "" for part in texts)
            mails[name] = MailSource(name, subject.strip(), frames[".mjml"].replace(BODY, body), frames[".txt"].replace(BODY, text))
            tried[name] = (Place(str((path / "body.mjml").relative_to(templates.parent))), (subject, body, text))
    if not any(fault.place.file.startswith("templates/") for fault in faults.found):
        for suffix, frame in frames.items():
            _try(Place(f"templates/mail/layout{suffix}"), (frame,), plan, faults)
        for name, (place, parts) in tried.items():
            _try(place, parts, plan, faults)
            _lay_out(mails[name], place, plan, faults)
    return mails


def _try(place: Place, texts: tuple[str, ...], plan: Plan, faults: Faults, *, escaped: bool = True) -> None:
    """Fill texts in once, so that what can only fail is not left to the morning."""
    kinds = _kinds(plan)
    problem = next((problem for text in texts if (problem := _filled_in(text, kinds, escaped=escaped)) is not None), None)
    if problem is not None:
        faults.add("E213", place, problem=problem)


def _lay_out(mail: MailSource, place: Place, plan: Plan, faults: Faults) -> None:
    """Lay a mail out; where that touched what Jinja2 reads, the whole of it is tried again."""
    html, problem = _laid_out(mail.mjml)
    if problem is not None:
        faults.add("E212", place, problem=problem)
    elif (found := unsafe(html)) is not None:
        faults.add("E215", place, problem=found)
    elif BLOCKS.findall(html) != BLOCKS.findall(mail.mjml) or not set(BLANKS.findall(html)) <= set(BLANKS.findall(mail.mjml)):
        _try(place, (html,), plan, faults)


@lru_cache(maxsize=KEPT)
def _laid_out(source: str) -> tuple[str, str | None]:
    try:
        return mjml.mjml2html(source), None
    except ValueError as problem:
        return "", str(problem)


@lru_cache(maxsize=KEPT)
def _filled_in(text: str, kinds: tuple[tuple[str, str], ...], *, escaped: bool) -> str | None:
    """What goes wrong when a text is filled in with a value of the right kind for every name."""
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=escaped)
    try:
        environment.from_string(text).render(_sample(kinds))
    except Exception as problem:  # noqa: BLE001  # a template may raise anything
        return f"{type(problem).__name__}: {problem}"
    return None


def sample_words(plan: Plan) -> dict[str, object]:
    """A value of the right kind for every name a template may use."""
    return _sample(_kinds(plan))


def _kinds(plan: Plan) -> tuple[tuple[str, str], ...]:
    return tuple((name, fact.type.kind) for name, fact in plan.facts.items())


def _sample(kinds: tuple[tuple[str, str], ...]) -> dict[str, object]:
    samples: dict[str, object] = {"number": 1, "bool": 1, "tags": ["…"]}
    words = {name: samples.get(kind, "…") for name, kind in kinds}
    objects = {name: dict.fromkeys(parts, "…") for name, parts in OBJECTS.items()}
    return {**words, **objects, "done": ["…"], "addressee": "…", ANSWER: _Any()}


class _Any(dict[str, object]):
    """Has a value under every name."""

    def __missing__(self, name: str) -> str:
        return "…"


def _frame(path: Path, faults: Faults, root: Path) -> str:
    text = (faults.text_of(path, root) if path.is_file() else "") or ""
    if BODY not in text:
        faults.add("E211", Place(str(path.relative_to(root))), marker=BODY)
    return text


def _part(path: Path, plan: Plan, faults: Faults, root: Path) -> str | None:
    file = str(path.relative_to(root))
    if not path.is_file():
        faults.add("E208", Place(file), part=path.name)
        return None
    text = faults.text_of(path, root)
    if text is not None:
        _check(text, file, plan, faults)
    return text


def _check(text: str, file: str, plan: Plan, faults: Faults) -> None:
    lists = ("done", *(name for name, fact in plan.facts.items() if fact.type.kind == "tags"))
    seen = _look_through(text, tuple(plan.facts), lists)
    if seen.problem is not None:
        faults.add("E209", Place(file, seen.problem.lineno, 1), problem=seen.problem.message or "")
        return
    for code, line, word, known in seen.wrong:
        faults.add(code, _place(file, text, line, word), name=word, near=nearest(word, known), known=known)
    faults.blanks[file] = [(name, _place(file, text, line, name)) for line, name in seen.blanks]


@dataclass(frozen=True)
class Seen:
    """What was found in a template: (code, line, word, names known there), and (line, fact) of the blanks that need a value."""

    problem: TemplateSyntaxError | None = None
    wrong: tuple[tuple[str, int, str, tuple[str, ...]], ...] = ()
    blanks: tuple[tuple[int, str], ...] = ()


@lru_cache(maxsize=KEPT)
def _look_through(text: str, facts: tuple[str, ...], lists: tuple[str, ...]) -> Seen:
    try:
        tree = ImmutableSandboxedEnvironment().parse(text)
    except TemplateSyntaxError as error:
        return Seen(error)
    local = {node.name for loop in tree.find_all(nodes.For) for node in loop.target.find_all(nodes.Name)}
    local |= {loop.target.name for loop in tree.find_all(nodes.For) if isinstance(loop.target, nodes.Name)}
    unsure = [("E217", node, ANSWER, ()) for node in open_blanks(tree) if node.name == ANSWER][:1]
    wrong = tuple((code, node.lineno, word, known) for code, node, word, known in (*_wrong(tree, facts, local), *_endless(tree, lists), *unsure))
    return Seen(None, wrong, tuple((node.lineno, node.name) for node in open_blanks(tree) if node.name in facts))


def _wrong(tree: nodes.Template, facts: tuple[str, ...], local: set[str]) -> Iterator[tuple[str, nodes.Node, str, tuple[str, ...]]]:
    names = (*facts, *OBJECTS, ANSWER, "addressee")
    for node in _all(tree):
        if isinstance(node, nodes.Name) and node.name not in names and node.name not in local:
            yield "E205", node, node.name, names
        elif isinstance(node, nodes.Getattr) and not _known_part(node, local):
            owner = node.node.name if isinstance(node.node, nodes.Name) else ""
            yield "E205", node, node.attr, OBJECTS.get(owner, ())
        elif isinstance(node, nodes.Output):
            whole = (part for part in node.nodes if isinstance(part, nodes.Name) and part.name in {*OBJECTS, ANSWER})
            yield from (("E205", part, part.name, tuple(f"{part.name}.{each}" for each in OBJECTS.get(part.name, ()))) for part in whole)
        elif isinstance(node, nodes.Filter) and node.name not in FILTERS:
            yield "E210", node, node.name, FILTERS
        elif isinstance(node, nodes.Test) and node.name not in TESTS:
            yield "E210", node, node.name, TESTS
        elif not isinstance(node, ALLOWED):
            kind = type(node).__name__
            yield "E210", node, AS_TYPED.get(kind, kind.lower()), ()


def _endless(tree: nodes.Template, lists: tuple[str, ...]) -> Iterator[tuple[str, nodes.Node, str, tuple[str, ...]]]:
    """Loops and joins go once over a list of facts: over a text they would run as long as somebody's name is, one in another that long squared."""
    for loop in tree.find_all(nodes.For):
        if loop.recursive or any(inner is not loop for inner in loop.find_all(nodes.For)):
            yield "E210", loop, "for", ()
        elif not (isinstance(loop.iter, nodes.Name) and loop.iter.name in lists):
            yield "E216", loop, "for", lists
    for each in (found for found in tree.find_all(nodes.Filter) if found.name == "join"):
        between = each.args[0] if each.args else None
        short = between is None or (isinstance(between, nodes.Const) and len(str(between.value)) <= SEPARATOR_MAX)
        if not (isinstance(each.node, nodes.Name) and each.node.name in lists) or not short or len(each.args) > 1 or each.kwargs:
            yield "E216", each, "join", lists


def _all(node: nodes.Node) -> Iterator[nodes.Node]:
    """Every node; what is inside a construct that is not allowed is passed over."""
    yield node
    if isinstance(node, ALLOWED):
        for child in node.iter_child_nodes():
            yield from _all(child)


def _known_part(node: nodes.Getattr, local: set[str]) -> bool:
    if not isinstance(node.node, nodes.Name) or node.node.name in local:
        return False
    return node.node.name == ANSWER or node.attr in OBJECTS.get(node.node.name, ())  # which answers there are, the rule says


def _place(file: str, text: str, number: int, word: str) -> Place:
    """Jinja2 knows the line only; the column is where the word first stands in its blanks."""
    lines = text.split("\n")
    line = lines[number - 1] if 0 < number <= len(lines) else ""
    edge = r"\b" if word.isidentifier() else ""
    shown = re.search(rf"\{{\{{ *({re.escape(word)}){edge}", line)  # where it is filled in, before where it is only asked about
    spot = shown or re.search(rf"\{{[{{%](?:(?![%}}]\}}).)*?{edge}({re.escape(word)}){edge}", line) or re.search(f"({re.escape(word)})", line)
    return Place(file, number, spot.start(1) + 1 if spot else 1)
