"""A real worker process on the state of a story."""

import os
import subprocess
import sys

from tests.story import ROOT, SPACE, Story

COMPLAINTS = "worker.err"  # in the folder of the story: what its workers wrote to stderr


def start_worker(story: Story, at: str, *options: str, **settings: str) -> subprocess.Popen[bytes]:
    """One whose clock begins at an instant and who sweeps every second; `settings` are further ones, by their names without BANSO_."""
    place = ["-w", str(SPACE), "--state", str(story.config.state_folder)]
    command = [sys.executable, "-m", "engine.cli", *place, "worker", "--rehearse", "--at", at, *options]
    given = {"SMTP_URL": story.config.smtp_url or "", "DELIVERY": story.config.delivery, "SWEEP_SECONDS": "1", **settings}
    environment = {**os.environ, **{f"BANSO_{name}": value for name, value in given.items()}}
    with (story.folder / COMPLAINTS).open("a", encoding="utf-8") as complaints:
        return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=complaints)
