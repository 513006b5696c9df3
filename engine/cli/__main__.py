"""`python -m engine.cli` is the command `banso`."""

from engine.cli.app import run

if __name__ == "__main__":
    run()
