"""What DER controls leave of the power, and how much of it is reactive (2.1 part 2, block R). Pure.

The grid of the simulator is as it should be: 50 Hz, and the nominal voltage. So of the curves over the frequency and
the voltage it is one point that counts, and what is about trips and droops does nothing.
"""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from ocppj.frames import Payload

FREQUENCY_HZ, VOLTAGE_PERCENT = 50.0, 100.0

# controlType: the member of SetDERControl that has the setting; all others have a curve.
_FIELDS = {
    "EnterService": "enterService",
    "FixedPFAbsorb": "fixedPFAbsorb",
    "FixedPFInject": "fixedPFInject",
    "FixedVar": "fixedVar",
    "FreqDroop": "freqDroop",
    "Gradients": "gradient",
    "LimitMaxDischarge": "limitMaxDischarge",
}


@dataclass(frozen=True, slots=True)
class Supply:
    """What may be drawn: active power of at most `limit_w`, with this power factor, or with this reactive power."""

    limit_w: float | None = None
    power_factor: float = 1.0
    reactive_var: float = 0.0


def field(control: Payload) -> str:
    """The member of a SetDERControl that has its setting."""
    return _FIELDS.get(control["controlType"], "curve")


def supply(controls: Mapping[str, Payload], running: Collection[str], most_w: float) -> Supply:
    """What the controls in force leave of `most_w`, which is also the most apparent power."""
    found = Supply()
    for kind, act in _ACTS.items():
        setting = _in_force(controls, running, kind)
        if setting is not None:
            found = act(found, setting, most_w)
    return found


def _in_force(controls: Mapping[str, Payload], running: Collection[str], kind: str) -> Payload | None:
    """The most important of a type that runs; or else of its defaults."""
    alike = [each for each in controls.values() if each["controlType"] == kind]
    best = [each for each in alike if each["controlId"] in running] or [each for each in alike if each["isDefault"]]
    settings: list[Payload] = [each[field(each)] for each in best]
    return min(settings, key=lambda setting: int(setting["priority"]), default=None)


def _limited(to: Supply, watts: float) -> Supply:
    return Supply(watts if to.limit_w is None else min(to.limit_w, watts), to.power_factor, to.reactive_var)


def _watts_at(x: float) -> Callable[[Supply, Payload, float], Supply]:
    def act(so_far: Supply, curve: Payload, most_w: float) -> Supply:
        if curve["yUnit"] not in ("PctMaxW", "PctWAvail"):
            return so_far
        return _limited(so_far, most_w * abs(_at(curve, x)) / 100)

    return act


def _vars(so_far: Supply, percent: float, most_w: float) -> Supply:
    reactive = min(most_w, most_w * abs(percent) / 100)
    return _limited(Supply(so_far.limit_w, so_far.power_factor, reactive), math.sqrt(most_w**2 - reactive**2))


def _volt_var(so_far: Supply, curve: Payload, most_w: float) -> Supply:
    return _vars(so_far, _at(curve, VOLTAGE_PERCENT), most_w)


def _fixed_var(so_far: Supply, setting: Payload, most_w: float) -> Supply:
    # Negative is about charging, which is all that is done here.
    return _vars(so_far, setting["setpoint"], most_w) if setting["setpoint"] < 0 else so_far


def _fixed_factor(so_far: Supply, setting: Payload, most_w: float) -> Supply:
    factor = min(1.0, max(0.01, abs(setting["displacement"])))
    return _limited(Supply(so_far.limit_w, factor, so_far.reactive_var), most_w * factor)


_ACTS: dict[str, Callable[[Supply, Payload, float], Supply]] = {
    "FixedPFAbsorb": _fixed_factor,
    "FixedVar": _fixed_var,
    "FreqWatt": _watts_at(FREQUENCY_HZ),
    "VoltVar": _volt_var,
    "VoltWatt": _watts_at(VOLTAGE_PERCENT),
}


def _at(curve: Payload, x: float) -> float:
    """The value of a curve, straight between its points and level beyond them."""
    points = sorted((float(point["x"]), float(point["y"])) for point in curve["curveData"])
    before = [point for point in points if point[0] <= x]
    after = [point for point in points if point[0] >= x]
    if not before or not after:
        return (before or after)[-1 if before else 0][1]
    (x0, y0), (x1, y1) = before[-1], after[0]
    return y0 if x1 == x0 else y0 + (y1 - y0) * (x - x0) / (x1 - x0)
