"""A rate per minute, kept without bursts: the generic cell rate algorithm (ITU-T I.371, annex A)."""

from __future__ import annotations

BURST_S = 0.9
"""What may be sent ahead, in seconds of the rate: any minute stays within 2 % of its limit."""


class Pace:
    """Permission by rate: each unit taken moves the earliest time of the next one. No clock of its own.

    Args:
        per_minute: units a minute; None or 0 means no limit.
    """

    __slots__ = ("_due", "_slack_s", "_unit_s", "rate")

    def __init__(self, per_minute: int | None) -> None:
        self.rate = 0
        self._unit_s = 0.0
        self._slack_s = 0.0
        self._due = float("-inf")
        self.set_rate(per_minute)

    def set_rate(self, per_minute: int | None) -> None:
        """Changes the rate; what was taken before counts as it was."""
        self.rate = per_minute or 0
        self._unit_s = 60.0 / per_minute if per_minute else 0.0
        # The first unit of a burst goes at once: only what lies beyond it is slack.
        self._slack_s = max(0.0, BURST_S - self._unit_s)

    def ready_at(self) -> float:
        """Returns the earliest time at which the next unit may be taken; minus infinity without a limit."""
        return self._due - self._slack_s if self.rate else float("-inf")

    def take(self, units: int, now: float) -> None:
        """Takes units at the time `now`; more than a minute's worth count as a minute."""
        if self.rate:
            self._due = max(now, self._due) + min(units, self.rate) * self._unit_s

    def give_back(self, units: int) -> None:
        """Returns units that were taken but not used; negative units were used without being taken."""
        if self.rate:
            self._due -= max(-self.rate, min(units, self.rate)) * self._unit_s
