"""The picture of a run, as an SVG of its own: for each policy its figures in all scenarios, against one of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from bench.routing_sim.measure import Measures

WIDTH, ROW, LEFT, TOP, PANEL, GAP = 960, 34, 170, 70, 340, 60
LOW, HIGH = 0.05, 8.0
TITLES = {"median": "median time to first advice", "texts": "texts to mentors for each answered request"}


def picture(results: Mapping[str, Mapping[str, Measures]], against: str) -> str:
    """One row for each policy, one dot for each scenario, a bar at the geometric mean; 1 is the policy `against`."""
    policies = list(next(iter(results.values())))
    height = TOP + ROW * len(policies) + 50
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        'font-size="13"><style>text{fill:#222}.bg{fill:#fff}.grid{stroke:#ddd}.dot{fill:#2b6cb0;fill-opacity:.45}'
        ".mean{stroke:#c05621;stroke-width:4}@media(prefers-color-scheme:dark){text{fill:#eee}.bg{fill:#1a1a1a}"
        ".grid{stroke:#444}.dot{fill:#90cdf4}}</style>",
        f'<rect class="bg" width="{WIDTH}" height="{height}"/>',
        f'<text x="{LEFT}" y="24" font-size="16">As a share of {against}; left of 1 is better</text>',
    ]
    for row, name in enumerate(policies):
        weight = ' font-weight="bold"' if row == 0 else ""
        parts.append(f'<text x="{LEFT - 12}" y="{_y(row) + 5}" text-anchor="end"{weight}>{name}</text>')
    for column, figure in enumerate(TITLES):
        start = LEFT + column * (PANEL + GAP)
        parts += _panel(figure, start, results, policies, against)
    return "\n".join([*parts, "</svg>", ""])


def _panel(
    figure: str, start: int, results: Mapping[str, Mapping[str, Measures]], policies: list[str], against: str
) -> list[str]:
    def x(ratio: float) -> float:
        inside = min(max(ratio, LOW), HIGH)
        return start + PANEL * math.log(inside / LOW) / math.log(HIGH / LOW)

    bottom = _y(len(policies)) - ROW / 2
    parts = [f'<text x="{start}" y="46">{TITLES[figure]}</text>', *_grid(x, bottom)]
    for row, name in enumerate(policies):
        ratios = [
            getattr(found[name], figure) / max(getattr(found[against], figure), 1e-9) for found in results.values()
        ]
        for ratio, scenario in zip(ratios, results, strict=True):
            parts.append(
                f'<circle class="dot" cx="{x(ratio):.1f}" cy="{_y(row)}" r="5"><title>{name}, {scenario}: '
                f"{ratio:.2f}</title></circle>"
            )
        mean = math.exp(sum(math.log(max(r, 1e-6)) for r in ratios) / len(ratios))
        parts.append(
            f'<line class="mean" x1="{x(mean):.1f}" x2="{x(mean):.1f}" y1="{_y(row) - 11}" y2="{_y(row) + 11}">'
            f"<title>{name}: {mean:.2f}</title></line>"
        )
    return parts


def _grid(x: Callable[[float], float], bottom: float) -> list[str]:
    parts = []
    for mark in (0.1, 0.25, 0.5, 1.0, 2.0, 4.0):
        parts.append(f'<line class="grid" x1="{x(mark):.1f}" x2="{x(mark):.1f}" y1="{TOP - 12}" y2="{bottom}"/>')
        parts.append(f'<text x="{x(mark):.1f}" y="{bottom + 18}" text-anchor="middle">{mark:g}</text>')
    return parts


def _y(row: int) -> float:
    return TOP + ROW * row + 8
