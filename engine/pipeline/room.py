"""Room on the disk of the state folder: below the low-water mark nothing new is begun, so that what is under way can still be written down."""

import shutil
from dataclasses import dataclass

from engine.config import Config
from engine.errors import refuse
from engine.pipeline.system import System

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Room:
    """What is free on the disk of the state folder, and what must be, in megabytes."""

    free_mb: int
    least_mb: int

    @property
    def is_low(self) -> bool:
        return self.free_mb < self.least_mb


def room_of(config: Config) -> Room:
    """The room there is now; of a state folder that is not there yet, that of the folder it will be made in."""
    folder = config.state_folder.resolve()
    while not folder.exists():
        folder = folder.parent
    return Room(shutil.disk_usage(folder).free // MEGABYTE, config.disk_min_mb)


def must_have_room(system: System) -> None:
    """Before work that writes much. Raises BansoError E624 below the low-water mark."""
    room = room_of(system.config)
    if room.is_low:
        raise refuse("E624", str(system.config.state_folder), free=room.free_mb, limit=room.least_mb)
