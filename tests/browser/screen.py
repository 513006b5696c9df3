"""What whoever sits before the page sees and does.

A closed shadow root hides its inside from scripts, tests included: it is read as screen readers read it, and used with mouse and keyboard.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from playwright.sync_api import Browser, ConsoleMessage, Page

PATIENCE_SECONDS = 10.0
# What the page itself can tell of trouble: breaches of its policy. It is told as a line of the console and so leaves nothing on the page.
WATCH = "document.addEventListener('securitypolicyviolation', (e) => console.warn('policy', e.violatedDirective, e.blockedURI))"
# And when a popup comes and goes, by the machine's clock.
CLOCK = """new MutationObserver((all) => { for (const each of all) {
  for (const node of each.addedNodes) if (node.localName === 'banso-popup') console.debug('came', Date.now());
  for (const node of each.removedNodes) if (node.localName === 'banso-popup') console.debug('went', Date.now());
} }).observe(document, { childList: true, subtree: true })"""
# Lines that the browser writes about a request that failed or was refused. No script can prevent them, and none of them is an error of the page.
OF_THE_NETWORK = ("Failed to load resource", "Access to fetch at", "Fetch API cannot load")
USED = {"button", "link", "textbox", "checkbox"}
SPOKEN = {"heading", "StaticText", *USED}
Found = TypeVar("Found")


@dataclass(frozen=True)
class Part:
    """A part of what is on the screen, as assistive technology is told."""

    role: str
    name: str
    node: int
    properties: Mapping[str, Any]


@dataclass
class Screen:
    """`faults`: what must never be there; `lines`: what the browser says of the network; `moments`: (came or went, milliseconds)."""

    page: Page
    faults: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    moments: list[tuple[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))  # and rejections that nobody handled
        self.page.on("console", self._note)
        self.page.add_init_script(WATCH)
        self.page.add_init_script(CLOCK)
        self._cdp = self.page.context.new_cdp_session(self.page)
        self._cdp.send("DOM.enable")
        self._cdp.send("CSS.enable")
        self._cdp.send("Accessibility.enable")

    def _note(self, line: ConsoleMessage) -> None:
        if line.type == "debug" and line.text.startswith(("came ", "went ")):
            word, _, moment = line.text.partition(" ")
            self.moments.append((word, int(moment)))
        elif line.text.startswith(OF_THE_NETWORK):
            self.lines.append(line.text)
        else:
            self.faults.append(f"{line.type}: {line.text}")

    # --- what is there ------------------------------------------------------------------------------------------------

    def parts(self) -> list[Part]:
        """Of the popup, in order; none without one."""
        nodes = {node["nodeId"]: node for node in self._cdp.send("Accessibility.getFullAXTree")["nodes"]}
        dialog = next((node for node in nodes.values() if node.get("role", {}).get("value") == "dialog"), None)
        return [_part(node) for node in _below(nodes, dialog)] if dialog else []

    def said(self, *roles: str) -> list[str]:
        return [part.name for part in self.parts() if part.role in (roles or SPOKEN)]

    @property
    def title(self) -> str | None:
        return next(iter(self.said("heading")), None)

    def part(self, name: str) -> Part:
        return next(part for part in self.parts() if part.name == name and part.role in USED)

    def focused(self) -> Part | None:
        """The part of the popup that has the keyboard."""
        return next((part for part in self.parts() if part.properties.get("focused")), None)

    def box(self, part: Part) -> tuple[float, float, float, float]:
        """(left, top, right, bottom) on the screen, in its pixels."""
        quad = self._cdp.send("DOM.getBoxModel", {"backendNodeId": part.node})["model"]["border"]
        return min(quad[::2]), min(quad[1::2]), max(quad[::2]), max(quad[1::2])

    def looks(self, part: Part, *names: str) -> tuple[str, ...]:
        """Computed values of CSS properties."""
        self._cdp.send("DOM.getDocument", {"depth": 0})
        (node,) = self._cdp.send("DOM.pushNodesByBackendIdsToFrontend", {"backendNodeIds": [part.node]})["nodeIds"]
        style = {each["name"]: each["value"] for each in self._cdp.send("CSS.getComputedStyleForNode", {"nodeId": node})["computedStyle"]}
        return tuple(style[name] for name in names)

    def heard(self) -> str:
        """What a screen reader is told of its own accord."""
        nodes = {node["nodeId"]: node for node in self._cdp.send("Accessibility.getFullAXTree")["nodes"]}
        live = [node for node in nodes.values() if node.get("role", {}).get("value") == "status"]
        return "".join(part.name for node in live for part in map(_part, _below(nodes, node)) if part.role == "StaticText")

    # --- what is done -------------------------------------------------------------------------------------------------

    def click(self, name: str, **more: Any) -> None:
        part = self.part(name)
        self._cdp.send("DOM.scrollIntoViewIfNeeded", {"backendNodeId": part.node})
        left, top, right, bottom = self.box(part)
        self.page.mouse.click((left + right) / 2, (top + bottom) / 2, **more)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    # --- waiting ------------------------------------------------------------------------------------------------------

    def until(self, look: Callable[[], Found], what: str = "") -> Found:
        """What `look` finds, as soon as it finds something."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not (found := look()):
            assert time.monotonic() < end, f"not so after {PATIENCE_SECONDS:.0f} seconds: {what}; there is {self.said()}; {self.faults}; {self.lines}"
            self.page.wait_for_timeout(20)
        return found

    def until_title(self, title: str | None) -> None:
        self.until(lambda: self.title == title, f"the popup is {title!r}")


def _part(node: Mapping[str, Any]) -> Part:
    properties = {each["name"]: each["value"].get("value") for each in node.get("properties", ())}
    return Part(node["role"]["value"], node.get("name", {}).get("value", ""), node.get("backendDOMNodeId", 0), properties)


def _below(nodes: Mapping[str, Any], top: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if not top.get("ignored"):
        yield top
    for child in top.get("childIds", ()):
        if child in nodes:
            yield from _below(nodes, nodes[child])


@contextmanager
def screen(chromium: Browser, **more: Any) -> Iterator[Screen]:
    """A fresh browser window of somebody in Tokyo; at its end nothing may have gone wrong on its page."""
    context = chromium.new_context(**{"locale": "ja-JP", "timezone_id": "Asia/Tokyo", **more})
    found = Screen(context.new_page())
    yield found
    context.close()
    assert found.faults == []
