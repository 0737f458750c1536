"""Line charts as inline SVG: no script, no font, no network."""

import math
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 640, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 12, 10, 26
_POINTS = 300  # more than the eye sees
_COLOURS = 6

Points = list[tuple[float, float | None]]


@dataclass(frozen=True, slots=True)
class Series:
    """One line: a value, or nothing, at each second."""

    name: str
    points: Points


@dataclass(frozen=True, slots=True)
class Chart:
    """Several lines over the same seconds."""

    title: str
    series: list[Series]
    is_logarithmic: bool = False

    def legend(self) -> str:
        """Which colour is which."""
        names = "".join(f'<i style="background:var(--c{at % _COLOURS})"></i>{escape(each.name)}'
                        for at, each in enumerate(self.series))  # fmt: skip
        return f'<div class="legend">{names or "nothing"}</div>'

    def svg(self) -> str:
        """The picture."""
        lines = [_thin(each.points) for each in self.series]
        seconds = [at for points in lines for at, _ in points]
        values = [value for points in lines for _, value in points if value is not None]
        last_s, scale = max(seconds, default=1) or 1, _Scale.of(values, is_logarithmic=self.is_logarithmic)
        parts = [_rule(scale, mark) for mark in scale.marks]
        parts += [_second(at, last_s) for at in _round_marks(last_s)]
        parts += [_path(points, last_s, scale, at % _COLOURS) for at, points in enumerate(lines)]
        label = escape(self.title, quote=True)
        return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


@dataclass(frozen=True, slots=True)
class _Scale:
    least: float
    most: float
    marks: list[float]
    is_logarithmic: bool

    @classmethod
    def of(cls, values: list[float], *, is_logarithmic: bool) -> "_Scale":
        positive = [value for value in values if value > 0]
        if is_logarithmic and positive:
            low, high = math.floor(math.log10(min(positive))), math.ceil(math.log10(max(positive)))
            high = max(high, low + 1)
            return cls(low, high, [10.0**power for power in range(low, high + 1)], True)
        marks = _round_marks(max(positive, default=1))
        most = marks[-1] if marks[-1] >= max(positive, default=1) else marks[-1] + marks[1]
        return cls(0, most, [*marks, most] if most > marks[-1] else marks, False)

    def y(self, value: float) -> float:
        at = math.log10(max(value, 10.0**self.least)) if self.is_logarithmic else value
        part = (at - self.least) / (self.most - self.least)
        return _TOP + (1 - part) * (_HEIGHT - _TOP - _BOTTOM)


def _thin(points: Points) -> Points:
    # Of each stretch the highest: a peak must not vanish.
    step = -(-len(points) // _POINTS)
    if step <= 1:
        return points
    stretches = [points[first : first + step] for first in range(0, len(points), step)]
    return [(stretch[0][0], max((v for _, v in stretch if v is not None), default=None)) for stretch in stretches]


def _round_marks(most: float) -> list[float]:
    """0 and a few round numbers up to that one."""
    step = 10.0 ** math.floor(math.log10(most))
    for finer in (0.2, 0.5, 1):
        if most / (step * finer) <= 5:
            step *= finer
            break
    return [number * step for number in range(int(most / step + 1e-9) + 1)]


def _path(points: Points, last_s: float, scale: _Scale, colour: int) -> str:
    words, is_down = [], False
    for at, value in points:
        if value is not None:
            words.append(f"{'L' if is_down else 'M'}{_x(at, last_s):.1f} {scale.y(value):.1f}")
        is_down = value is not None
    return (
        f'<path d="{" ".join(words)}" fill="none" stroke="var(--c{colour})" stroke-width="1.6" stroke-linecap="round"/>'
    )


def _rule(scale: _Scale, mark: float) -> str:
    y = scale.y(mark)
    return (
        f'<line class="rule" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_number(mark)}</text>'
    )


def _second(at: float, last_s: float) -> str:
    return f'<text x="{_x(at, last_s):.1f}" y="{_HEIGHT - 6}" text-anchor="middle">{_number(at)} s</text>'


def _x(at: float, last_s: float) -> float:
    return _LEFT + at / last_s * (_WIDTH - _LEFT - _RIGHT)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:g}"
