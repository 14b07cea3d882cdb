"""Pages in a real browser. Importable from every test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, sync_playwright

CHROMIUM = shutil.which("chromium")
_PATIENCE = 120_000.0
"""Milliseconds that the browser may take on a busy machine."""

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@dataclass(frozen=True)
class Shown:
    """How a browser showed a page."""

    overflow: int
    """Pixels by which it is wider than the window."""
    title: str
    flat_charts: int
    broken_images: int
    messages: tuple[str, ...]
    """Errors, lines on the console, and requests."""


_MEASURE = """() => ({
    overflow: document.documentElement.scrollWidth - innerWidth,
    title: document.title,
    flat_charts: [...document.querySelectorAll("svg")].filter(one => one.getBoundingClientRect().height < 20).length,
    broken_images: [...document.images].filter(one => !one.naturalWidth).length,
})"""


@contextmanager
def opened_in_browser(
    page: bytes, *, width: int = 1200, dark: bool = False, without_policy: bool = False
) -> Iterator[tuple[Page, list[str]]]:
    """`page` in Chromium, when all of it is loaded, and a list of errors, lines on the console, and requests.

    `without_policy` ignores its Content-Security-Policy, which would stop scripts of the data that are not escaped.
    """
    messages: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"], timeout=_PATIENCE
        )
        shown = browser.new_page(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            bypass_csp=without_policy,
        )
        shown.set_default_timeout(_PATIENCE)
        shown.on("console", lambda message: messages.append(message.text))
        shown.on("pageerror", lambda error: messages.append(str(error)))
        shown.on("request", lambda request: messages.append(request.url[:100]))
        shown.set_content(page.decode())
        yield shown, messages
        browser.close()


def shown_in_browser(page: bytes, *, width: int, dark: bool) -> Shown:
    """How Chromium shows `page` where no policy protects it from scripts of the data."""
    with opened_in_browser(page, width=width, dark=dark, without_policy=True) as (shown, messages):
        return Shown(**shown.evaluate(_MEASURE), messages=tuple(messages))
