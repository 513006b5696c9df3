"""Reads the articles of the help site, `templates/help/**/*.md`: a head between two lines of `---`, and Markdown below it."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import Field, ValidationError

from engine.errors import Place
from engine.facts.spec import Name, Strict
from engine.workspace.article_text import look_into
from engine.workspace.faults import Faults
from engine.workspace.model import Article, Attachment
from engine.workspace.schema import Https
from engine.workspace.tree import Node, decoded, read_tree

FOLDER = PurePosixPath("templates/help")
SECTION = "articles"
EDGE = "---"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]*(/[a-z0-9][a-z0-9_-]*)*")
TAKEN = ("search", "guide")  # pages of the site
FILE_TYPES = (".txt", ".csv")
FILE = re.compile(r"[a-z][a-z0-9_-]*\.(txt|csv)")


class AttachmentHead(Strict):
    """A text file beside the article."""

    file: str
    title: Annotated[str, Field(min_length=1)]


class Head(Strict):
    """What an article says of itself.

    `summary`: one sentence for lists; `why`: what its steps are good for, for the guide; `minutes`: of reading or watching; `order`: smaller
    stands first; `keywords`: other words that people look for it by.
    """

    title: Annotated[str, Field(min_length=1)]
    summary: str = ""
    why: str = ""
    steps: list[Name] = []
    use_cases: list[Name] = []
    video: Https | None = None
    minutes: Annotated[int, Field(ge=1, le=600)] | None = None
    order: Annotated[int, Field(ge=0, le=100_000)] = 100
    keywords: list[str] = []
    attachments: list[AttachmentHead] = []


def read_articles(content: Mapping[str, bytes], faults: Faults) -> dict[str, Article] | None:
    """Every article by its name, in the order of the site; None where the workspace has none, as another site has them."""
    files = [file for file in content if file.endswith(".md") and FOLDER in PurePosixPath(file).parents]
    if not files:
        return None
    found = dict[str, Article]()
    for file in files:
        name = name_of(file)
        if NAME.fullmatch(name) is None or name in TAKEN:
            faults.add("E155", Place(file), file=file, taken=TAKEN)
        elif (article := _article(name, file, content, faults)) is not None:
            found[name] = article
        else:
            faults.broken.add(name)
    return dict(sorted(found.items(), key=lambda each: (each[1].order, each[0])))


def name_of(file: str) -> str:
    """`templates/help/video/flow.md` is `video/flow`."""
    return str(PurePosixPath(file).relative_to(FOLDER).with_suffix(""))


def file_of(name: str) -> str:
    return str(FOLDER / f"{name}.md")


def _article(name: str, file: str, content: Mapping[str, bytes], faults: Faults) -> Article | None:
    text = decoded(content[file], file)
    if not isinstance(text, str):
        faults.found.append(text)
        return None
    head_text, body_text = _parted(text.replace("\r\n", "\n"))
    if head_text is None:
        faults.add("E150", Place(file, 1, 1))
        return None
    head = _head(name, file, head_text, faults)
    before = len(faults.found)
    body = look_into(body_text, name)
    for mistake in body.mistakes:
        place = place_in(body_text, mistake.line, mistake.word, file)
        faults.add(mistake.code, place, name=mistake.word)
    if not body_text.strip():
        faults.add("E150", Place(file, 1, 1))
    if head is None:
        return None
    attachments = tuple(_attachment(each.file, each.title, (name, index), content, faults) for index, each in enumerate(head.attachments))
    if len(faults.found) > before or None in attachments:
        return None
    return Article(
        name=name,
        title=head.title,
        text=body_text,
        summary=head.summary,
        why=head.why,
        steps=tuple(head.steps),
        use_cases=tuple(head.use_cases),
        video=head.video,
        minutes=head.minutes,
        order=head.order,
        keywords=tuple(head.keywords),
        attachments=tuple(each for each in attachments if each is not None),
        ready_texts=tuple(body.ready_texts),
        links=tuple(body.links),
    )


def _parted(text: str) -> tuple[str | None, str]:
    """Head and body, each in the lines where it stands in the file; no head where it does not begin or end."""
    lines = text.split("\n")
    if lines[0].rstrip() != EDGE:
        return None, ""
    end = next((number for number, line in enumerate(lines[1:], start=1) if line.rstrip() == EDGE), None)
    if end is None:
        return None, ""
    return "\n".join(["", *lines[1:end]]), "\n".join([""] * (end + 1) + lines[end + 1 :])


def _head(name: str, file: str, text: str, faults: Faults) -> Head | None:
    tree, found = read_tree(text.encode(), file)
    faults.found += found
    if tree is None or tree.entries is None:
        if not found:
            faults.add("E150", Place(file, 1, 1))
        return None
    faults.trees[file] = _below(SECTION, _below(name, tree))
    faults.homes[(SECTION, name)] = file
    try:
        head = Head.model_validate(tree.plain())
    except ValidationError as error:
        faults.from_schema(error, (SECTION, name), Head)
        return None
    return None if found else head


def _below(key: str, node: Node) -> Node:
    """The node as the entry of a map, as if all articles stood in one file."""
    return Node(1, 1, entries={key: node}, key_places={key: (1, 1)})


def _attachment(file: str, title: str, at: tuple[str, int], content: Mapping[str, bytes], faults: Faults) -> Attachment | None:
    """The file beside the article `at[0]`, where it is the one listed at that position."""
    name, index = at
    place = faults.place((SECTION, name, "attachments", index, "file"))
    if FILE.fullmatch(file) is None:
        faults.add("E153", place, name=file, known=FILE_TYPES)
        return None
    where = str(PurePosixPath(file_of(name)).parent / file)
    if where not in content:
        faults.add("E218", place, name=where)
        return None
    text = decoded(content[where], where)
    if not isinstance(text, str):
        faults.found.append(text)
        return None
    return Attachment(file, title, text.replace("\r\n", "\n"))


def place_in(text: str, line: int, word: str, file: str) -> Place:
    """Where a word stands, at a line counted from 0 or soon below it."""
    for number, each in enumerate(text.split("\n")[line:], start=line + 1):
        if word in each:
            return Place(file, number, each.index(word) + 1)
    return Place(file, line + 1, 1)
