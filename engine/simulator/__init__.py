"""A seeded town of companies that live through the route, stall, and answer mails or not.

Stands outside the engine: it writes the export files the engine reads and knows the true effect of each mail.
It imports nothing else of the project and reads neither clock nor environment.
"""

from engine.simulator.effects import Effect
from engine.simulator.world import Delivered, World

__all__ = ["Delivered", "Effect", "World"]
