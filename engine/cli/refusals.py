"""What is said when a command cannot do its work, or was not understood."""

from pathlib import Path

from typer import TyperException

from engine.cli.door import BAD_USAGE, FAULTS, Door, err, print_faults
from engine.cli.language import guessed_language
from engine.errors import BansoError, Fault, Place
from engine.messages import LANGUAGES, Language, say


def told(error: BansoError | TyperException, door: Door | None) -> int:
    """Print what is wrong and return the exit code; `door` is None where the arguments did not even lead to it."""
    if isinstance(error, BansoError):
        print_faults(error.faults, _language(door), door.config.workspace if door else Path())
        return FAULTS
    _print_usage(error, door)
    return BAD_USAGE


def told_aborted(door: Door | None, code: int) -> int:
    """Say that a command was broken off, and return its exit code."""
    err.print(say(_language(door), "aborted"))
    return code


def _print_usage(error: TyperException, door: Door | None) -> None:
    """What was not understood, where, and the command that lists what would have been; a group without a command shows that at once."""
    context, said = getattr(error, "ctx", None), getattr(error, "format_message", None)
    if said is None or type(error).__name__ == "NoArgsIsHelpError":
        if hasattr(error, "show"):
            error.show()
        return
    path = context.command_path if context is not None else "banso"
    options = context.find_root().params if context is not None else {}
    if door is None:  # the command itself is unknown, so nobody opened the door
        lang = options.get("lang")
        door = Door(options.get("workspace"), None, lang if lang in LANGUAGES else None)
    language = _language(door)
    print_faults((Fault("E670", Place(path), {"problem": _misused(error, said(), language), "command": f"{path} --help"}),), language, Path())


def _misused(error: TyperException, said: str, language: Language) -> str:
    """What the parser says, in the reader's language where the kind of mistake is known."""
    kind, parameter = type(error).__name__, getattr(error, "param", None)
    name = getattr(error, "option_name", None) or getattr(error, "param_hint", None) or getattr(parameter, "name", None)
    if kind == "NoSuchOption" and name:
        return say(language, "usage.no_such_option", name=name)
    if kind == "MissingParameter" and name:
        return say(language, "usage.missing", name=name)
    if kind == "UsageError" and said.startswith("No such command"):
        return say(language, "usage.no_such_command", name=said.split("'")[1])
    if kind == "BadParameter" and name:
        return say(language, "usage.bad_value", name=name, said=error.message if hasattr(error, "message") else said)
    return said


def _language(door: Door | None) -> Language:
    return door.language() if door is not None else guessed_language(Path())
