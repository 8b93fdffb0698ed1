"""A series in one line: as many bars as there is room for."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

_BARS: Final = "▁▂▃▄▅▆▇█"


def sparkline(
    values: Sequence[float],
    width: int,
    *,
    bounds: tuple[float, float] | None = None,
    pick: Callable[[Sequence[float]], float] = max,
) -> str:
    """Bars between two bounds, by default from none up to the largest value.

    Where there is no room for all, each bar stands for some neighbours, by the one that is picked.
    """
    if not values:
        return ""
    low, high = bounds if bounds else (0, max(values))
    last = len(_BARS) - 1
    scale = last / (high - low) if high > low else 0
    shown = _squeezed(values, width, pick)
    return "".join(_BARS[min(last, max(0, round((value - low) * scale)))] for value in shown)


def _squeezed(
    values: Sequence[float], width: int, pick: Callable[[Sequence[float]], float]
) -> list[float]:
    count = min(len(values), width)
    ends = [len(values) * at // count for at in range(count + 1)]
    return [pick(values[start:end]) for start, end in pairwise(ends)]
