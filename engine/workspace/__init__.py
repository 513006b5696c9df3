"""The workspace: YAML files, SQL of sources and templates → one checked, immutable `Workspace`, or every fault at once."""
