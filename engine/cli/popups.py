"""For whoever builds the product's pages: `banso popup tag`."""

import typer

from engine.cli.door import AsJson, Door, out, print_json
from engine.errors import refuse
from engine.messages import Language, say


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Popups: the line by which the product's pages load them.")
    group.command()(tag)
    app.add_typer(group, name="popup")


def tag(context: typer.Context, as_json: AsJson = False) -> None:
    """Print the script tag for the product's pages. After an upgrade that changed the script it is another one; the old one works on."""
    from web.script import tag as tag_for

    door: Door = context.obj
    if door.config.public_url is None:
        raise refuse("E657", "BANSO_PUBLIC_URL")
    if as_json:
        print_json({"tag": tag_for(door.config.public_url)})
    else:
        print_tag(door.config.public_url, door.language())


def print_tag(public_url: str | None, language: Language) -> None:
    """The line, or how to get it."""
    if public_url is None:
        out.print(say(language, "popup.tag_later"))
        return
    from web.script import tag as tag_for

    out.print(say(language, "popup.tag_now"))
    out.print(tag_for(public_url), soft_wrap=True, highlight=False, markup=False)
