"""Stories in workspaces of their own, so that nothing in them depends on the example's wording."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.builders import a_workspace
from tests.story import Story

Tell = Callable[..., Story]


@pytest.fixture
def tell(tmp_path: Path) -> Iterator[Tell]:
    """tell(rules=…, order=…, …) opens a story in the workspace that tests.builders.a_workspace writes; mails go to an outbox."""
    told: list[Story] = []

    def open_story(**written: str | Mapping[str, str]) -> Story:
        folder = tmp_path / f"story{len(told)}"
        told.append(Story(folder, workspace=a_workspace(folder / "workspace", **written)))
        return told[-1]

    yield open_story
    for story in told:
        story.close()
