"""Charts over time as SVG in HTML: they have no scripts, and scale to any width."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_HEIGHT: Final = 100.0
_WIDTH: Final = 1000.0
_MARGIN: Final = 6.0
_STYLE: Final = "display:block;width:100%;height:9rem;overflow:visible"
_FIXED: Final = 'vector-effect="non-scaling-stroke"'
"""Lines keep their width, however wide the chart is."""
_LABELS: Final = "display:flex;justify-content:space-between;font-size:.85rem;opacity:.8"


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """A value at a time; None if there is none."""

    label: str
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    alarm: bool = False
    better: bool = False
    """Is it an alarm because the value is better than expected?"""


def chart_html(title: str, note: str, points: Sequence[ChartPoint], *, scale_with: Sequence[float] = ()) -> str:
    """A chart of `points`, in the order of their times: a line, the expected range, and alarms as dots.

    Its scale includes the numbers of `scale_with`.
    """
    scale = _Scale.of(points, scale_with)
    drawn = "".join((_bands(points, scale), _line(points, scale), _dots(points, scale)))
    ends = [points[at].label for at in sorted({0, len(points) - 1})] if points else []
    return (
        f"<figure><figcaption><b>{html.escape(title)}</b> {html.escape(note)}</figcaption>\n"
        f'<div style="{_LABELS}"><span>{scale.high:.4g}</span></div>\n'
        f'<svg role="img" aria-label="{html.escape(title)}" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" '
        f'preserveAspectRatio="none" style="{_STYLE}">{drawn}</svg>\n'
        f'<div style="{_LABELS}"><span>{scale.low:.4g}</span></div>\n'
        f'<div style="{_LABELS}">{"".join(f"<span>{html.escape(one)}</span>" for one in ends)}</div></figure>\n'
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where values and points are in the drawing."""

    low: float
    high: float
    count: int

    @classmethod
    def of(cls, points: Sequence[ChartPoint], also: Sequence[float]) -> _Scale:
        values = [one for point in points for one in (point.value, point.lower, point.upper) if one is not None]
        values += also
        low, high = (min(values), max(values)) if values else (0.0, 1.0)
        if low == high:
            room = abs(low) / 10 or 0.5
            low, high = low - room, high + room
        return cls(low, high, len(points))

    def x(self, at: float) -> float:
        return _WIDTH * (at + 0.5) / max(self.count, 1)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return _HEIGHT - _MARGIN - share * (_HEIGHT - 2 * _MARGIN)


def _bands(points: Sequence[ChartPoint], scale: _Scale) -> str:
    """The expected range of each point."""
    found = []
    for at, one in enumerate(points):
        if one.lower is not None or one.upper is not None:
            top = 0.0 if one.upper is None else scale.y(one.upper)
            bottom = _HEIGHT if one.lower is None else scale.y(one.lower)
            left, right = scale.x(at - 0.5), scale.x(at + 0.5)
            found.append(
                f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}" '
                'style="fill:currentColor;opacity:.12"/>'
            )
    return "".join(found)


def _line(points: Sequence[ChartPoint], scale: _Scale) -> str:
    steps, is_pen_up = [], True
    for at, one in enumerate(points):
        if one.value is not None:
            steps.append(f"{'M' if is_pen_up else 'L'}{scale.x(at):.1f} {scale.y(one.value):.1f}")
        is_pen_up = one.value is None
    return f'<path d="{"".join(steps)}" {_FIXED} style="fill:none;stroke:currentColor;stroke-width:1.5"/>'


def _dots(points: Sequence[ChartPoint], scale: _Scale) -> str:
    """Dots are lines without a length: their round ends stay round at any width."""
    found = []
    for at, one in enumerate(points):
        if one.value is not None:
            alarm = f"var(--{'better' if one.better else 'worse'});stroke-width:9"
            colour = alarm if one.alarm else "currentColor;stroke-width:5"
            title = html.escape(f"{one.label}: {one.value:.4g}")
            found.append(
                f'<path d="M{scale.x(at):.1f} {scale.y(one.value):.1f}h.01" {_FIXED} '
                f'style="stroke-linecap:round;stroke:{colour}"><title>{title}</title></path>'
            )
    return "".join(found)
