"""How long to wait before the next attempt, and what a refusal says."""

import contextlib
import json
import random

from websockets.http11 import Response


class Backoff:
    """Waits that double, with jitter, so that a fleet doesn't come back all at once. Seconds of the charge point."""

    def __init__(self, rng: random.Random, first_s: float, most_s: float) -> None:
        self._rng = rng
        self._first_s = first_s
        self._most_s = most_s
        self._next_s = first_s

    def next_s(self) -> float:
        """How long to wait now."""
        wait_s = self._next_s * self._rng.uniform(0.5, 1.0)
        self._next_s = min(self._most_s, self._next_s * 2)
        return wait_s

    def reset(self) -> None:
        """It worked: begin with the shortest wait again."""
        self._next_s = self._first_s


def sentence(response: Response) -> str:
    """What a refusal says for itself: the detail of a problem document, or its text on one line."""
    text = (response.body or b"").decode(errors="replace")
    with contextlib.suppress(ValueError):
        problem = json.loads(text)
        if isinstance(problem, dict):
            text = str(problem.get("detail") or problem.get("title") or text)
    return " ".join(text.split())[:300] or response.reason_phrase


def retry_after_s(response: Response) -> float:
    """How long the other side asks to wait."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else 0.0
