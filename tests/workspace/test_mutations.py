"""Whatever is spoilt in a workspace is told in words, at its line, or changes nothing.

`--mutations 1/1` tries all of them (`make mutations`), `--mutations 3/10` every tenth from the third; else a few of each kind, drawn by a fixed seed.
"""

import random
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

from engine.channels import CHANNELS
from engine.errors import BansoError, Fault, folded
from engine.messages import LANGUAGES, say_fault
from engine.workspace.load import load_workspace
from tests.workspace.mutations import Mutation, mutations, plain_of

SPACE = Path(__file__).parent / "space"
EACH = 12  # of each kind
MANY = 5  # faults of one slip: a sender that is no sender lacks five things
SEED = 20_260_407
PYTHON = re.compile(
    r"\b(None|NoneType|dict|str|int|tuple|Traceback|Exception|Error|KeyError|TypeError|True|False|pydantic|mapping values|block end)\b"
)
Told = tuple[Mutation, list[Fault]]


@pytest.fixture(scope="module")
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Told]:
    """Each mutation with the faults it earns; an exception of any other kind fails here and names the mutation."""
    root = Path(shutil.copytree(SPACE, tmp_path_factory.mktemp("mutations") / "space"))
    part = request.config.getoption("--mutations")
    return [(mutation, faults_of(root, mutation)) for mutation in (part_of(part) if part else drawn())]


def part_of(part: str) -> list[Mutation]:
    number, parts = map(int, part.split("/"))
    return list(mutations(SPACE))[number - 1 :: parts]


def drawn() -> list[Mutation]:
    found = list(mutations(SPACE))
    draw, kinds = random.Random(SEED), sorted({each.kind for each in found})
    groups = {kind: [each for each in found if each.kind == kind] for kind in kinds}
    return [each for kind in kinds for each in draw.sample(groups[kind], min(EACH, len(groups[kind])))]


def faults_of(root: Path, mutation: Mutation) -> list[Fault]:
    path = root / mutation.file
    path.write_bytes(mutation.raw)
    try:
        load_workspace(root, frozenset(CHANNELS))
    except BansoError as error:
        return list(error.faults)
    except Exception as error:  # whatever else comes is what is looked for
        raise AssertionError(f"{mutation}: {error!r}") from error
    finally:
        shutil.copy(SPACE / mutation.file, path)
    return []


# What is spoilt without a fault, and why: (kind, where, reason).
HARMLESS = [
    (r"BOM|CRLF", r"", "read like the others"),
    (r"value made a text", r"(label|labels\..*|values\..*|title|who|benefit|name|result|learned|human_ok|where\..*|screen)$", "any text will do"),
    (r"value made a text", r"^(imprint|senders|supports)\.", "any text will do"),
    (r"value made a text", r"(open_items\.key|table\.(then|else)|articles\.\w+)$", "another good name"),
    (r"value made a text", r"(stalled|notify\.\w+)$", "any text will do"),
    (r"value made a number", r"(when|unless|never|appointment)\.(\w+\.)*\w+(\.(at_least|at_most|between|is))?$", "another good number"),
    (r"value made a number", r"(_days|within_days|_from|percent|at_most|sample|points|times|at_least|load|cost_\w+|per_\w+|valid_days|year_starts|where\.\w+)$", "another good number"),
    (r"value made a null", r"", "written with nothing behind it, an optional key is as if it were not written"),
    (r"value made a list", r"(events|was|values|labels|handover|hold|articles(\.\w+)?)$", "another good list"),
    (r"value made a map", r"(labels|where|values|notify)$", "another good map"),
    (r"reference cut", r"(done_by|progress_by|closed_by|events|days_since|or_since|active_days|count|attribute|opened|closed|save_to|reached_by|touch|response|outcome|event|appointment|excluded)$", "nobody says which events and fields a source delivers, beyond their first word"),
    (r"reference cut", r"(article|articles|articles\.\w+|article\.\w+|screen|key|id|role|page|where\.\w+|was|postal_address|phone|address|name|owner|accounts_of|hours)$", "free names"),
    (r"key misspelt", r"(^facts\.\w+|^segments\.\w+|^goals\.\w+|^notify\.\w+|^courses\.[\w-]+|^seminars\.[\w-]+|^supports\.\w+|^people\.\w+|^channels\.\w+|values\.\w+|where\.\w+)$", "a name nobody uses"),
    (r"reference cut", r"table\.(then|else)$", "another row of the table has the outcome that is asked for"),
    (r"cut", r"", "the file ended at a place where it was whole, and nothing names what is gone"),
]  # fmt: skip
# A fault that stands on another line than the one that was spoilt, and why.
ELSEWHERE = [
    (r"cut", r"", {""}, "what is gone is told where it is named, or at the bracket or quote that lacks its end"),
    (r"indented by one (more|less)|tab for indentation", r"", {"E139", "E101"}, "the first line of a block sets the indentation of the others"),
    (r"key misspelt|value made a \w+|reference cut", r"^(facts|steps|segments|goals|channels|sources|senders|supports|seminars|courses|people|notify|rules|order|accounts_of|approvers|sessions)\b", {"E201", "E202", "E203", "E204", "E206", "E207", "E311", "E124", "E401", "E406", "E133", "E314"}, "a name that is declared otherwise is told where it is used"),
    (r"", r"", {"E106", "E120", "E119", "E129", "E132", "E134", "E312", "E306"}, "what is missing is told at the thing that lacks it"),
]  # fmt: skip


def test_everything_that_is_spoilt_is_told_or_changes_nothing(told: list[Told]) -> None:
    before = {f"rules/{path.name}": plain_of(path.read_bytes()) for path in (SPACE / "rules").glob("*.yaml")}
    silent = [mutation for mutation, faults in told if not faults and plain_of(mutation.raw) != before[mutation.file]]
    unexplained = [str(mutation) for mutation in silent if not any(_is(mutation, kind, where) for kind, where, _ in HARMLESS)]
    assert unexplained == []


def test_a_fault_stands_on_the_line_that_was_spoilt_or_at_what_lacks_it(told: list[Told]) -> None:
    placed = [(mutation, faults) for mutation, faults in told if faults and mutation.line]
    elsewhere = [(mutation, faults) for mutation, faults in placed if not any(_here(mutation, fault) for fault in faults)]
    share = 1 - len(elsewhere) / len(placed)
    print(f"On the spoilt line: {share:.1%} of {len(placed)}; elsewhere by code: {Counter(faults[0].code for _, faults in elsewhere).most_common()}")
    assert [
        f"{mutation} {[f'{fault.code} {fault.place}' for fault in faults]}" for mutation, faults in elsewhere if not _explained(mutation, faults)
    ] == []
    assert share > 0.8


def _is(mutation: Mutation, kind: str, where: str) -> bool:
    return bool(re.fullmatch(kind or ".*", mutation.kind) and re.search(where, ".".join(mutation.path)))


def _here(mutation: Mutation, fault: Fault) -> bool:
    return (fault.place.file, fault.place.line) == (mutation.file, mutation.line)


def _explained(mutation: Mutation, faults: list[Fault]) -> bool:
    return any(
        _is(mutation, kind, where) and any(not (codes - {""}) or fault.code in codes for fault in faults) for kind, where, codes, _ in ELSEWHERE
    )


def test_every_fault_is_told_in_whole_sentences_of_both_languages(told: list[Told]) -> None:
    for mutation, faults in told:
        for fault in faults:
            for language in LANGUAGES:
                sentences = say_fault(language, fault.code, fault.values)
                assert all(sentence.strip() for sentence in sentences), mutation
                ours = re.sub(r"`[^`]*`", "", " ".join(sentences))
                assert not PYTHON.search(ours), (mutation, sentences)
                assert "–" not in ours, (mutation, sentences)


def test_one_spoilt_value_is_few_faults(told: list[Told]) -> None:
    """A name used in many places is told at each of them and folded when it is printed; the rest is little."""
    kinds = Counter[str]()
    for mutation, faults in told:
        if mutation.kind != "cut" and len(folded(faults)) > MANY:
            kinds[str(mutation)] = len(folded(faults))
    assert not kinds


def test_files_of_other_encodings_and_line_ends(told: list[Told]) -> None:
    for mutation, faults in told:
        if mutation.kind in {"BOM", "CRLF"}:
            assert faults == []
        elif mutation.kind == "CP932" and not mutation.raw.isascii():
            assert [fault.code for fault in faults] == ["E112"], mutation
