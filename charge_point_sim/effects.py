"""What a charge point wants its shell to do."""

from dataclasses import dataclass
from typing import Literal

from ocppj import frames
from ocppj.frames import Frame

# Say goodbye, break the connection, or leave it open and never look at it again.
Manner = Literal["close", "cut", "abandon"]


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the connection, and connect again after so many seconds."""

    offline_s: float
    manner: Manner = "close"


@dataclass(frozen=True, slots=True)
class Raw:
    """Write this text, whatever it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Ping:
    """Ask whether the other side is still there; who did not answer the last one is not, and is hung up on."""


Effect = Frame | Raw | HangUp | Ping


def text_of(effect: Frame | Raw) -> str:
    """What is written for it."""
    return effect.text if isinstance(effect, Raw) else frames.encode(effect)
