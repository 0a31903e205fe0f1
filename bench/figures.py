"""Figures, and the table they end in.

A ratio is ours divided by what is done instead, of the same round: rounds alternate, so what
disturbs the machine disturbs both. The median of the rounds counts.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

Unit = Literal["/s", "ms", "MB"]


class Aim(Struct, frozen=True):
    """A bound for the ratio, or for our own figure."""

    sign: Literal[">=", "<="]
    bound: float
    of: Literal["ratio", "figure"] = "ratio"

    def reached(self, value: float) -> bool:
        """Whether a value keeps the bound."""
        return value >= self.bound if self.sign == ">=" else value <= self.bound


class Row(Struct, frozen=True):
    """A line of the table: our rounds, those of what is done instead (none: for information)."""

    what: str
    unit: Unit
    ours: Sequence[float]
    instead: Sequence[float] = ()
    aim: Aim | None = None

    @property
    def figure(self) -> float:
        """Ours, the median of the rounds."""
        return statistics.median(self.ours)

    @property
    def ratio(self) -> float | None:
        """Ours to theirs, the median of the rounds; None when there is no theirs."""
        if not self.instead:
            return None
        return statistics.median(a / b for a, b in zip(self.ours, self.instead, strict=True))

    @property
    def reached(self) -> bool | None:
        """Whether the aim is; None without one."""
        if self.aim is None:
            return None
        value = self.ratio if self.aim.of == "ratio" else self.figure
        return value is not None and self.aim.reached(value)


def table(rows: Sequence[Row]) -> str:
    """A Markdown table, its columns padded for a terminal."""
    lines = [("what", "ours", "instead", "ratio", "aim"), *map(_cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    padded = [_line(line, widths) for line in lines]
    ruler = "|" + "|".join(
        "-" * (width + 1) + (":" if i else "-") for i, width in enumerate(widths)
    )
    return "\n".join([padded[0], ruler + "|", *padded[1:]])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = zip(cells, widths, strict=True)
    return "| " + " | ".join([first[0].ljust(first[1]), *(c.rjust(w) for c, w in rest)]) + " |"


def _cells(row: Row) -> tuple[str, str, str, str, str]:
    instead = shown(statistics.median(row.instead), row.unit) if row.instead else ""
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    return row.what, shown(row.figure, row.unit), instead, ratio, _aim(row)


def _aim(row: Row) -> str:
    if row.aim is None:
        return ""
    bound = f"{row.aim.bound:g}" if row.aim.of == "ratio" else shown(row.aim.bound, row.unit)
    return f"{row.aim.sign} {bound} {'yes' if row.reached else 'NO '}"


def shown(value: float, unit: Unit) -> str:
    """A figure for people: whole numbers, or as many digits as tell something."""
    if unit == "ms":
        return f"{value:.2f} ms" if value < 10 else f"{value:.0f} ms"
    return f"{value:,.0f}{unit}" if unit == "/s" else f"{value:,.0f} {unit}"
