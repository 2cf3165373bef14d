"""The figures of `bench/throughput.py` as a table and as a picture: ratios with their least and greatest first."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

SERVICE = "this service"
BARE = "bare Tornado, keeps nothing"
GROUP = "bare Tornado, synced in groups"
EACH = "bare Tornado, syncs each"
FLASK = "Flask, only checks the signature"
NAIVE = "naive Flask and TinyDB"
SLOW, SLOW_ALONE = "with 5 ms a sync", "with 5 ms, one by one"
CROWD, SLOW_CROWD = "128 texts at once", "128 at once, with 5 ms a sync"
RATIOS = (
    ("the floor that keeps nothing", SERVICE, BARE, 0.55),
    ("the floor that syncs in groups", SERVICE, GROUP, 0.55),
    ("the floor that syncs each text", SERVICE, EACH, None),
    ("Flask that keeps nothing", SERVICE, FLASK, 1.3),
    ("naive Flask and TinyDB, 10,000 documents", SERVICE, NAIVE, 600.0),
    ("itself without the slow disk, 5 ms a sync", SLOW, SERVICE, 0.8),
    ("itself without the slow disk, 128 texts at once", SLOW_CROWD, CROWD, 0.8),
    ("one commit for each text, 5 ms a sync", SLOW, SLOW_ALONE, None),
)
"""What is held against what, and the least that was aimed at."""


@dataclass
class Findings:
    """All that was measured: of each side its rates and costs by round, and single figures by name."""

    rates: dict[str, list[float]] = field(default_factory=dict)
    costs: dict[str, list[float]] = field(default_factory=dict)
    """CPU microseconds for a text."""
    started_ms: dict[str, list[float]] = field(default_factory=dict)
    resident_mb: dict[str, tuple[float, float]] = field(default_factory=dict)
    """After the start, and after all rounds."""
    latencies: dict[str, dict[str, float]] = field(default_factory=dict)
    scale: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def cost_ratios(self, side: str, other: str) -> list[float]:
        """How many texts one side handles for the CPU time that another spends on one, round by round."""
        return [b / a for a, b in zip(self.costs.get(side, []), self.costs.get(other, []), strict=False) if a]

    def growth(self, figure: str) -> dict[int, list[float]]:
        """A figure by the size of the store, as a ratio to the smallest, round by round."""
        least = next(iter(self.scale.values()))
        return {
            size: [one[figure] / first[figure] for one, first in zip(runs, least, strict=False)]
            for size, runs in self.scale.items()
        }

    def ratios(self, side: str, other: str) -> list[float]:
        """The rate of one side to another's, round by round."""
        return [a / b for a, b in zip(self.rates.get(side, []), self.rates.get(other, []), strict=False) if b]


def spread(values: Sequence[float]) -> str:
    """`0.61 (0.58..0.66)`: the median, the least and the greatest."""
    if not values:
        return "-"
    return f"{_short(statistics.median(values))} ({_short(min(values))}..{_short(max(values))})"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(found: Findings, machine: Mapping[str, float]) -> list[str]:
    """All that was measured, as Markdown."""
    return [
        f"Machine: load {machine['load']:.1f} at the start, {machine['sync_ms']:.2f} ms for a small synced append.",
        "",
        *_ratios(found),
        *_rates(found),
        *_latencies(found),
        *_scale(found),
        *found.notes,
    ]


def _ratios(found: Findings) -> Iterator[str]:
    rows = [(to, found.ratios(a, b), found.cost_ratios(a, b), aim) for to, a, b, aim in RATIOS]
    if not any(rates for _, rates, _, _ in rows):
        return
    yield "| this service to | texts a second | texts for each second of CPU | aimed at |"
    yield "| --- | --- | --- | --- |"
    for to, rates, costs, aim in rows:
        if rates:
            yield f"| {to} | {spread(rates)} | {spread(costs)} | {'' if aim is None else f'{aim:g}'} |"
    yield ""


def _rates(found: Findings) -> Iterator[str]:
    if not found.rates:
        return
    yield "| server | texts a second | CPU µs a text | start ms | memory MB, at the start and after |"
    yield "| --- | --- | --- | --- | --- |"
    for name, rates in found.rates.items():
        start = found.started_ms.get(name, [0.0])
        before, after = found.resident_mb.get(name, (0.0, 0.0))
        memory = f"{before:.0f}, {after:.0f}" if after else "-"
        yield f"| {name} | {spread(rates)} | {spread(found.costs[name])} | {statistics.median(start):.0f} | {memory} |"
    yield ""


def _latencies(found: Findings) -> Iterator[str]:
    if not found.latencies:
        return
    names = list(next(iter(found.latencies.values())))
    yield "| milliseconds to the answer | " + " | ".join(n.replace("rate", "texts a second") for n in names) + " |"
    yield "| --- |" + " --- |" * len(names)
    for name, figures in found.latencies.items():
        yield f"| {name} | " + " | ".join(_short(figures[n]) for n in names) + " |"
    yield ""


SCALE = {
    "p50_us": "CPU µs of a text alone, median",
    "p99_us": "CPU µs of a text alone, 99th percentile",
    "together_us": "CPU µs of a text among 32",
    "a_statements": "statements a text",
    "a_rows_written": "rows written a text",
    "kilobytes": "kilobytes to the disk a text",
    "open_ms": "ms to open the store",
    "rss_mb": "MB more after 3,000 texts",
}


def _scale(found: Findings) -> Iterator[str]:
    if not found.scale:
        return
    yield "| documents stored | " + " | ".join(f"{size:,}" for size in found.scale) + " |"
    yield "| --- |" + " --- |" * len(found.scale)
    for ratio in ("p50_us", "p99_us", "together_us"):
        shown = [spread(ratios) for ratios in found.growth(ratio).values()]
        yield f"| {SCALE[ratio]}, as a ratio | " + " | ".join(shown) + " |"
    for name, title in SCALE.items():
        medians = [statistics.median(one[name] for one in runs) for runs in found.scale.values()]
        yield f"| {title} | " + " | ".join(_short(value) for value in medians) + " |"
    yield ""


FIRST, LAST = "<!-- written by bench.throughput: -->", "<!-- to here -->"


def write(folder: Path, found: Findings, lines: Sequence[str], day: str) -> None:
    """Renew the figures in `performance.md`, between two marks, and their picture. What people wrote there stays."""
    page = folder / "performance.md"
    before, first, rest = page.read_text(encoding="utf-8").partition(FIRST)
    _, last, after = rest.partition(LAST)
    if not (first and last):
        raise SystemExit(f"{page} lacks the lines between which figures go: {FIRST} {LAST}")
    figures = "\n".join(lines).strip()
    page.write_text(f"{before}{FIRST}\n\nMeasured on {day}. {figures}\n\n{LAST}{after}", encoding="utf-8")
    (folder / "performance.svg").write_text(picture(found), encoding="utf-8")


def picture(found: Findings) -> str:
    """A bar for each server: texts for each second of CPU, as a share of the floor that keeps nothing."""
    shares = {name: found.cost_ratios(name, BARE) for name in found.rates}
    shown = {name: values for name, values in shares.items() if values}
    width, left, row, top, room = 900, 290, 34, 56, 520
    height = top + row * len(shown) + 24
    most = max((max(values) for values in shown.values()), default=1.0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        'font-size="13"><style>text{fill:#222}.bg{fill:#fff}.bar{fill:#90a4c8}.own{fill:#2b6cb0}.span{stroke:#222}'
        "@media(prefers-color-scheme:dark){text{fill:#eee}.bg{fill:#1a1a1a}.span{stroke:#eee}.bar{fill:#56698f}}</style>",
        f'<rect class="bg" width="{width}" height="{height}"/>',
        f'<text x="16" y="28" font-size="16">Texts for each second of CPU, as a share of {escape(BARE)}</text>',
    ]
    for number, (name, values) in enumerate(shown.items()):
        y, middle = top + row * number, statistics.median(values)
        kind = "bar" if name in (BARE, GROUP, EACH, FLASK, NAIVE) else "own"
        ends = [left + room * value / most for value in (min(values), max(values))]
        parts += [
            f'<text x="{left - 10}" y="{y + 16}" text-anchor="end">{escape(name)}</text>',
            f'<rect class="{kind}" x="{left}" y="{y}" width="{room * middle / most:.1f}" height="22"/>',
            f'<line class="span" x1="{ends[0]:.1f}" x2="{ends[1]:.1f}" y1="{y + 11}" y2="{y + 11}"/>',
            f'<text x="{ends[1] + 8:.1f}" y="{y + 16}">{middle:.4f}</text>'
            if middle < 0.01
            else f'<text x="{ends[1] + 8:.1f}" y="{y + 16}">{middle:.2f}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])
