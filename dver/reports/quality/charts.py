"""Small charts as SVG, without scripts and without text from data outside of attributes."""

from __future__ import annotations

import html
from typing import Final

from dver.reports.quality.distributions import Distribution

WIDTH: Final = 168
HEIGHT: Final = 34
_GAP: Final = 1
_WIDEST: Final = 24


def histogram_svg(found: Distribution) -> str:
    """The bars of a distribution. The label is read to people who do not see them."""
    pitch = min(_WIDEST, WIDTH / len(found.bars))
    bars = [_bar(at * pitch, pitch - _GAP, height) for at, height in enumerate(found.bars)]
    last = f'<path class="rest" d="{bars.pop()}"/>' if found.rest else ""
    label = html.escape(found.label)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" aria-label="{label}">'
        f'<title>{label}</title><path d="{"".join(bars)}"/>{last}</svg>'
    )


def share_bar(share: float) -> str:
    """A bar for a share of 0 to 1."""
    return f'<i class="share" style="width:{100 * min(1.0, max(0.0, share)):.3g}%"></i>'


def _bar(left: float, width: float, height: float) -> str:
    """A bar as part of a path. A value that occurs at all has a visible bar."""
    tall = max(1.0, height * (HEIGHT - 1)) if height > 0 else 0.0
    return f"M{left:.4g} {HEIGHT}v{-tall:.3g}h{width:.3g}v{tall:.3g}z" if tall else ""
