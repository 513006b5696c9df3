"""The example workspace as a start for a new one."""

import shutil
from pathlib import Path

from engine.errors import refuse

HERE = Path(__file__).resolve().parent.parent
SHIPPED = HERE / "example"  # where a wheel carries it; in a checkout it is the top level
FOLDERS = ("rules", "templates")


def example_root() -> Path:
    """The folder that holds the example's rules/ and templates/."""
    return SHIPPED if SHIPPED.is_dir() else HERE.parent


def copy_example(directory: Path) -> int:
    """Copy the example into a new or empty folder; returns the number of files. Raises BansoError E660 if it is not empty."""
    if directory.exists() and any(directory.iterdir()):
        raise refuse("E660", str(directory))
    for folder in FOLDERS:
        shutil.copytree(example_root() / folder, directory / folder)
    return sum(path.is_file() for path in directory.rglob("*"))
