"""The command `banso`: parses, calls the pipeline, prints. One file per group of commands."""
