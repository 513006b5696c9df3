"""Which declarations the lake's derived columns (`number`, `key`) were made under."""

import json
from hashlib import sha256

from engine.workspace.model import Workspace


def derived_hash(workspace: Workspace) -> str:
    """Changes when a field's declared type or an item's key changes; `compact` then derives again. The zone is no part: days are derived."""
    declared = {"kinds": workspace.field_kinds(), "keys": dict(workspace.item_keys)}
    return sha256(json.dumps(declared, sort_keys=True).encode()).hexdigest()
