"""What a meter reads while a vehicle charges: a power curve over the state of charge."""

import math
from dataclasses import dataclass
from datetime import datetime
from random import Random

VOLTAGE_V = 400.0
_TAPER_FROM = 0.8  # above this state of charge a battery takes less and less
_LAST_POWER = 0.05  # of the full power, just before it is full


@dataclass(slots=True)
class Vehicle:
    """A car with a battery; `state_of_charge` is between 0 and 1."""

    capacity_wh: float
    max_power_w: float
    state_of_charge: float

    @property
    def is_full(self) -> bool:
        return self.state_of_charge >= 1

    def power_w(self) -> float:
        """What it draws now: full power up to 80 %, then falling to a twentieth of it."""
        if self.is_full:
            return 0.0
        beyond = max(0.0, self.state_of_charge - _TAPER_FROM) / (1 - _TAPER_FROM)
        return self.max_power_w * (1 - beyond * (1 - _LAST_POWER))


def some_vehicle(rng: Random, max_power_w: float) -> Vehicle:
    """A car as they come: the random numbers decide size, power and how empty it is."""
    capacity_wh = rng.choice((40_000.0, 58_000.0, 77_000.0))
    return Vehicle(capacity_wh, min(max_power_w, rng.choice((11_000.0, 22_000.0, 50_000.0))), rng.uniform(0.1, 0.6))


@dataclass(slots=True)
class Meter:
    """The energy register of one connector: it only ever rises, over all transactions."""

    energy_wh: float = 0.0
    power_w: float = 0.0
    limit_w: float | None = None
    power_factor: float = 1.0
    reactive_var: float = 0.0  # whatever the active power is
    _read_at: datetime | None = None

    @property
    def is_on(self) -> bool:
        """Whether energy may flow."""
        return self._read_at is not None

    @property
    def reactive_power_var(self) -> float:
        """What flows beside the active power: as the power factor has it, or as it is set."""
        if not self.is_on:
            return 0.0
        return self.reactive_var or self.power_w * math.tan(math.acos(self.power_factor))

    def switch_on(self, now: datetime) -> None:
        """Energy flows from now on."""
        self._read_at = now

    def switch_off(self) -> None:
        """No energy flows any more."""
        self._read_at = None
        self.power_w = 0.0

    def advance(self, vehicle: Vehicle, now: datetime) -> None:
        """Count what the vehicle took since the last reading."""
        if self._read_at is None:
            return
        hours = max(0.0, (now - self._read_at).total_seconds()) / 3600
        room_wh = vehicle.capacity_wh * (1 - vehicle.state_of_charge)
        taken_wh = min(room_wh, self._allowed_w(vehicle) * hours)
        self.energy_wh += taken_wh
        vehicle.state_of_charge = (
            1.0 if taken_wh == room_wh else vehicle.state_of_charge + taken_wh / vehicle.capacity_wh
        )
        self.power_w = self._allowed_w(vehicle)
        self._read_at = max(now, self._read_at)

    def _allowed_w(self, vehicle: Vehicle) -> float:
        return vehicle.power_w() if self.limit_w is None else max(0.0, min(vehicle.power_w(), self.limit_w))


def _factor(meter: Meter) -> float:
    apparent = math.hypot(meter.power_w, meter.reactive_power_var)
    return round(meter.power_w / apparent, 3) if apparent else 1.0


def readings(meter: Meter, vehicle: Vehicle | None) -> dict[str, tuple[float, str]]:
    """Every measurand we can measure: its value and unit. The register counts whole watt-hours."""
    return {
        "Energy.Active.Import.Register": (int(meter.energy_wh), "Wh"),
        "Power.Active.Import": (round(meter.power_w, 1), "W"),
        "Current.Import": (round(meter.power_w / VOLTAGE_V, 2), "A"),
        "Voltage": (VOLTAGE_V, "V"),
        "Power.Reactive.Import": (round(meter.reactive_power_var, 1), "var"),
        "Power.Factor": (_factor(meter), ""),
        **({"SoC": (round(vehicle.state_of_charge * 100, 1), "Percent")} if vehicle else {}),
    }
