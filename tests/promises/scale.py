"""How far promises are tried: short in `make test`, and as far as a release asks by one setting.

BANSO_PROMISES_SCALE=N takes N times as much of everything, though never more than a release is to reach; BANSO_PROMISES_SCALE=release takes
that. Each file says both numbers where it uses them.
"""

import os

SCALE = os.environ.get("BANSO_PROMISES_SCALE", "1")


def scaled(short: int, release: int) -> int:
    """So many of something: `short` usually, `release` before a release."""
    return release if SCALE == "release" else min(short * int(SCALE), max(short, release))
