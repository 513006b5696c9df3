"""Measurements of banso against the same work written by hand. Each module runs alone; nothing of the product imports them."""

from pathlib import Path

WORKSPACE = Path(__file__).parent / "workspace"
DATA = Path(__file__).parent / "data"
RESULTS = Path(__file__).parent / "results"
BY_HAND = Path(__file__).parent / "by_hand"
