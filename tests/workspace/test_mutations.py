"""Whatever is spoilt in a workspace is told in words, at its line, or changes nothing.

`--all-mutations` tries all of them (`make soak`); else a few of each kind, drawn by a fixed seed.
"""

import random
import re
import shutil
from pathlib import Path

import pytest

from engine.channels import CHANNELS
from engine.errors import BansoError, Fault
from engine.workspace.load import load_workspace
from tests.workspace.mutations import Mutation, mutations

SPACE = Path(__file__).parent / "space"
EACH = 24  # of each kind
SEED = 20_260_407
PYTHON = re.compile(
    r"\b(None|NoneType|dict|str|int|tuple|Traceback|Exception|Error|KeyError|TypeError|True|False|pydantic|mapping values|block end)\b"
)
Told = tuple[Mutation, list[Fault]]


@pytest.fixture(scope="module")
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Told]:
    """Each mutation with the faults it earns; an exception of any other kind fails here and names the mutation."""
    root = Path(shutil.copytree(SPACE, tmp_path_factory.mktemp("mutations") / "space"))
    return [(mutation, faults_of(root, mutation)) for mutation in drawn(everything=bool(request.config.getoption("--all-mutations")))]


def drawn(*, everything: bool) -> list[Mutation]:
    found = list(mutations(SPACE))
    if everything:
        return found
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
    except Exception as error:
        raise AssertionError(f"{mutation}: {error!r}") from error
    finally:
        shutil.copy(SPACE / mutation.file, path)
    return []
