"""Meter values of both shapes as samples, and what they say about a transaction.

1.6 sends strings with a unit (S16 §7.43), 2.x numbers with a unit and a power of ten (P2 §3.2). Nothing here
raises: charge points send odd values, and a sample that can't be read is left out. The payload itself is kept
elsewhere, as it came.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ocppj import timestamps

ENERGY = "Energy.Active.Import.Register"
POWER = "Power.Active.Import"
SOC = "SoC"

_MAX_EXPONENT = 12  # a power of ten beyond is nonsense, and might overflow

# What a measurand is in when the sample doesn't say (S16E 3.9 and 3.84, P2 §3.2); the longest prefix wins.
_DEFAULT_UNITS = (
    ("Energy.Reactive", "varh"),
    ("Energy", "Wh"),
    ("Power.Reactive", "var"),
    ("Power.Factor", ""),
    ("Power", "W"),
    ("Current", "A"),
    ("Voltage", "V"),
    ("Frequency", "Hz"),
    ("Temperature", "Celsius"),
    ("SoC", "Percent"),
)
_THOUSANDS = {"kWh": "Wh", "kvarh": "varh", "kVAh": "VAh", "kW": "W", "kvar": "var", "kVA": "VA"}
_SPELLINGS = {"Celcius": "Celsius"}  # the 1.6 schema's own misspelling (J16E 2.1)
_LINES = frozenset({"L1", "L2", "L3", "L1-N", "L2-N", "L3-N"})


@dataclass(frozen=True, slots=True)
class Sample:
    """One sampled value; kilo units and powers of ten are worked in, so energies are Wh and powers W."""

    measurand: str
    value: float
    unit: str
    phase: str | None
    context: str
    location: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Readings:
    """The newest of what a transaction is interested in; `at` is when the newest of them was taken."""

    energy_wh: float | None = None
    power_w: float | None = None
    soc_percent: float | None = None
    at: datetime | None = None


def samples(meter_values: Iterable[Any]) -> list[Sample]:
    """The samples of a `meterValue` or `transactionData` list, of any version."""
    return [sample for meter_value in meter_values for sample in _of_meter_value(meter_value)]


def signed(payloads: Iterable[Any]) -> list[dict[str, Any]]:
    """The sampled values that a meter signed, as they came, each with the time of its meter value.

    `payloads` is what TransactionHistory has of a transaction. In 1.6 they are of the format SignedData (S16 §7.43),
    in 2.x they have a signedMeterValue (P2 §2.43).
    """
    return [
        {"timestamp": meter_value.get("timestamp"), **value}
        for payload in payloads
        for meter_value in payload.get("meterValue", [payload])
        for value in meter_value.get("sampledValue", ())
        if isinstance(value, dict) and (value.get("format") == "SignedData" or "signedMeterValue" in value)
    ]


def newest(taken: Iterable[Sample]) -> Readings:
    """What the newest samples say about energy, power and state of charge."""
    by_time = sorted(taken, key=lambda sample: sample.at)
    energy, power, soc = (_newest(by_time, measurand) for measurand in (ENERGY, POWER, SOC))
    times = [reading.at for reading in (energy, power, soc) if reading is not None]
    return Readings(
        energy.value if energy else None,
        power.value if power else None,
        soc.value if soc else None,
        max(times, default=None),
    )


def energy_at(taken: Iterable[Sample], context: str) -> float | None:
    """The energy register, in Wh, as sampled in this context, such as "Transaction.Begin"."""
    found = _newest(sorted((s for s in taken if s.context == context), key=lambda sample: sample.at), ENERGY)
    return found.value if found else None


def oldest_energy(taken: Iterable[Sample]) -> tuple[float, datetime] | None:
    """The oldest reading of the energy register, in Wh, and when it was taken."""
    of_energy = [sample for sample in taken if sample.measurand == ENERGY]
    oldest = min((sample.at for sample in of_energy), default=None)
    found = _newest([sample for sample in of_energy if sample.at == oldest], ENERGY)
    return (found.value, found.at) if found else None


def _newest(by_time: list[Sample], measurand: str) -> Sample | None:
    candidates = [sample for sample in by_time if sample.measurand == measurand]
    if measurand != SOC:
        # The register of the car or of the inlet is not what is sold; but it is better than nothing.
        candidates = [sample for sample in candidates if sample.location == "Outlet"] or candidates
    if not candidates:
        return None
    total = [sample for sample in candidates if sample.phase is None]
    if total:
        return total[-1]
    return _sum_of_lines(candidates)


def _sum_of_lines(candidates: list[Sample]) -> Sample | None:
    lines = [sample for sample in candidates if sample.phase in _LINES]
    if not lines:
        return None
    last = lines[-1]
    # By line: a meter value may carry the same line in two contexts, and only one of them counts.
    values = {sample.phase: sample.value for sample in lines if sample.at == last.at}
    return Sample(last.measurand, sum(values.values()), last.unit, None, last.context, last.location, last.at)


def _of_meter_value(meter_value: Any) -> Iterator[Sample]:
    if not isinstance(meter_value, dict):
        return
    try:
        at = timestamps.parse(meter_value["timestamp"])
        sampled_values = iter(meter_value.get("sampledValue") or ())
    except (KeyError, TypeError, ValueError, AttributeError):
        return
    for sampled_value in sampled_values:
        sample = _sample(sampled_value, at) if isinstance(sampled_value, dict) else None
        if sample is not None:
            yield sample


def _sample(sampled_value: dict[str, Any], at: datetime) -> Sample | None:
    unit, exponent = _unit(sampled_value)
    value = _number(sampled_value.get("value"))
    if value is None or exponent is None or sampled_value.get("format") == "SignedData":
        return None
    measurand = str(sampled_value.get("measurand") or ENERGY)
    unit = _SPELLINGS.get(unit, unit) or _default_unit(measurand)
    if unit in _THOUSANDS:
        unit, exponent = _THOUSANDS[unit], exponent + 3
    # Dividing keeps 2153 x 10^-2 at 21.53; multiplying by 0.01 would not.
    scaled = value * 10**exponent if exponent >= 0 else value / 10**-exponent
    if not math.isfinite(scaled):
        return None
    phase = sampled_value.get("phase")
    return Sample(
        measurand,
        scaled,
        unit,
        str(phase) if phase else None,
        str(sampled_value.get("context") or "Sample.Periodic"),
        str(sampled_value.get("location") or "Outlet"),
        at,
    )


def _unit(sampled_value: dict[str, Any]) -> tuple[str, int | None]:
    of_measure = sampled_value.get("unitOfMeasure")
    if not isinstance(of_measure, dict):
        unit = sampled_value.get("unit")
        return (unit if isinstance(unit, str) else ""), 0
    unit, multiplier = of_measure.get("unit", ""), of_measure.get("multiplier", 0)
    sane = isinstance(multiplier, int | float) and abs(multiplier) <= _MAX_EXPONENT
    return (unit if isinstance(unit, str) else ""), int(multiplier) if sane else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float) or "_" in str(value):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _default_unit(measurand: str) -> str:
    return next((unit for prefix, unit in _DEFAULT_UNITS if measurand.startswith(prefix)), "")
