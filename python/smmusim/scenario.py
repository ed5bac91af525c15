"""Running scenario files from Python."""

from __future__ import annotations

import json
import os
from pathlib import Path

from smmusim import _core
from smmusim.errors import Error
from smmusim.platform import settings_of

#: Exit status of the command line for an internal error.
_INTERNAL = 3


class Result:
    """How a scenario ended.

    Attributes: passed, digest, stats (every statistic by name), verdicts (list of dicts, one for each expectation),
    folder (Path of the result files), error (text, empty if the run ended by itself).
    """

    def __init__(self, outcome: dict):
        self.outcome = outcome
        self.passed: bool = outcome["passed"]
        self.digest: str = outcome["digest"]
        self.error: str = outcome["error"] or ""
        self.verdicts: list[dict] = outcome["expectations"]
        self.folder = Path(outcome["out"]) if outcome["out"] else None
        self.stats: dict = {}
        if self.folder is not None:
            statistics = json.loads((self.folder / "stats.json").read_text())
            self.stats = {name: entry["value"] for name, entry in statistics.items()}

    def __repr__(self) -> str:
        return f"Result({'passed' if self.passed else 'failed'}, digest {self.digest})"


def run(path: str | os.PathLike, out: str | os.PathLike = "out", **overrides) -> Result:
    """Runs a scenario file; overrides are dotted parameters, as after --set.

    Raises ConfigError for a file or an override that cannot be used, Error if the simulator itself failed.
    """
    outcome = _core.run_scenario(os.fspath(path), settings_of(overrides), os.fspath(out))
    if outcome["status"] == _INTERNAL:
        raise Error(outcome["error"])
    return Result(outcome)
