"""The pictures of docs/popups.md: `python -m tests.browser --pictures docs/pictures -k picture`."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import Deployment
from tests.browser.screen import screen
from tests.builders import a_record

LOOKS = """<meta name="color-scheme" content="light dark"><style>
body { margin: 0; padding: 4.5rem 2rem 2rem; font: 15px/1.8 sans-serif; background: light-dark(#f5f7f9, #101418); color: light-dark(#222, #ddd); }
h1 { position: absolute; inset: 0 0 auto; margin: 0; padding: .6rem 2rem; background: light-dark(#2d4a3e, #22382f); color: #fff; font-size: 1rem; }
</style>"""
POLICY = "default-src 'none'; script-src {api}; connect-src {api} 'self'; style-src 'unsafe-inline'"
Happening = Callable[[Deployment], None]


def logged_in(deployment: Deployment) -> None:
    deployment.happens("product.login")


def at_home(deployment: Deployment) -> None:
    deployment.happens("product.page_viewed", page="home")


def two_errors(deployment: Deployment) -> None:
    deployment.story.given(a_record("product.login", at="2026-04-06 10:00"))
    for number in range(2):
        deployment.happens("product.setting_error", error=number)


@pytest.mark.parametrize(
    ("name", "happened", "scheme", "size"),
    [
        ("popup-next-action", logged_in, "light", (720, 420)),
        ("popup-question", at_home, "dark", (720, 420)),
        ("popup-video-narrow", two_errors, "light", (320, 420)),
    ],
)
def test_a_picture_for_the_documents(
    chromium: Browser, pictures: Path, deployment: Deployment, name: str, happened: Happening, scheme: str, size: tuple[int, int]
) -> None:
    pictures.mkdir(exist_ok=True)
    width, height = size
    with screen(chromium, color_scheme=scheme, reduced_motion="reduce", viewport={"width": width, "height": height}) as it:
        happened(deployment)
        it.page.goto(deployment.product.shows(deployment.url, head=LOOKS + deployment.tag, policy=POLICY))
        it.until(it.parts)
        it.page.screenshot(path=pictures / f"{name}.png")
