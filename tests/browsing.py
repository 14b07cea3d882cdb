"""Pages in a real browser. Importable from every test."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

_MEASURE = (
    "<script>onload = () => { document.title = ['shown', document.documentElement.scrollWidth - innerWidth,"
    " document.title.startsWith('run'), [...document.querySelectorAll('svg')].filter(one =>"
    " one.getBoundingClientRect().height < 20).length].join() }</script>"
)


@dataclass(frozen=True)
class Shown:
    """How a browser showed a page."""

    overflow: int
    """Pixels by which it is wider than the window."""
    ran: bool
    """Did something set the title of the page to `run`?"""
    flat_charts: int


def shown_in_browser(page: bytes, folder: Path, *, width: int, dark: bool) -> Shown:
    """Open `page` in Chromium. Its policy is taken out: it would forbid the script of this test, and those of data."""
    text = re.sub('<meta http-equiv="Content-Security-Policy"[^>]*>', _MEASURE, page.decode())
    (folder / "page.html").write_text(text)
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    options += [f"--blink-settings=preferredColorScheme={int(not dark)}", f"--window-size={width},900"]
    done = subprocess.run(
        ["chromium", *options, "--virtual-time-budget=5000", "--dump-dom", (folder / "page.html").as_uri()],
        capture_output=True,
        timeout=120,
    )
    title = re.search(r"<title>shown,(-?\d+),(\w+),(\d+)</title>", done.stdout.decode())
    assert title is not None, done.stderr.decode()
    return Shown(int(title[1]), title[2] == "true", int(title[3]))
