"""guide: the introduction guide for everybody, or for one account as it stands now."""

from engine.errors import refuse
from engine.help.guide import Guide, guide_of
from engine.help.paper import pdf_of
from engine.messages import say
from engine.pipeline.evaluate import judge_one
from engine.pipeline.explain import must_exist
from engine.pipeline.system import System
from engine.workspace.model import Workspace


def guide_for(system: System, account: str | None, instant: int) -> Guide:
    """Raises BansoError E640 if nothing is known of the account, E691 where the workspace has no articles."""
    workspace = system.workspace
    if workspace.articles is None:
        raise refuse("E691", "templates/help")
    if account is None:
        return guide_of(workspace)
    judged = judge_one(system, account, instant)[0]
    must_exist(judged, account)
    name = judged.fold.name[3] if judged.fold.name and judged.fold.name[3] else account
    return guide_of(workspace, name, judged.answer.columns)


def title_of(workspace: Workspace) -> str:
    return say(workspace.settings.workspace.language, "guide.title", product=workspace.settings.imprint.legal_name)


def paper_of(workspace: Workspace, guide: Guide) -> bytes:
    """The guide as a PDF."""
    return pdf_of(guide, title_of(workspace), workspace.settings.imprint.legal_name, workspace.settings.workspace.language)
