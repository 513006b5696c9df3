"""Touches: planned or made contacts, with state, key, deadline and validity window."""
