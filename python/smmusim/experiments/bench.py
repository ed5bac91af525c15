"""What every experiment works with: its platforms with the user's settings, its options, its rows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import smmusim


class BadInput(Exception):
    """What a user did wrong, and what to do."""


class Row(NamedTuple):
    """One case: what was published or follows from a closed form (None: nothing), and what was measured."""

    case: str
    published: float | None
    measured: float | None

    @property
    def error(self) -> float | None:
        """Relative to what was published; the plain difference where that is 0."""
        if self.published is None or self.measured is None:
            return None
        difference = self.measured - self.published
        return difference / self.published if self.published else difference

    def as_dict(self) -> dict:
        return {"case": self.case, "published": self.published, "measured": self.measured, "error": self.error}


class Option(NamedTuple):
    """Something about the experiment itself, not about the machine."""

    default: int
    meaning: str


@dataclass
class Bench:
    """settings: the user's, by dotted path; they win over those of the experiment."""

    options: dict[str, int]
    settings: dict[str, str]
    seed: int = 1
    data: Path | None = None

    @contextlib.contextmanager
    def platform(self, preset: str, **experiment) -> Iterator[smmusim.Platform]:
        with smmusim.Platform(f"presets/{preset}.yaml", **{**experiment, **self.settings}) as sim:
            yield sim
