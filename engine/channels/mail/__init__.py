"""Mail: templates to bytes, bytes to a relay."""
