"""`./smmusim experiment NAME`: runs one and prints measured beside published."""

from __future__ import annotations

import argparse
import difflib
import importlib
import json
import sys
from pathlib import Path

import smmusim
from smmusim.experiments import NAMES
from smmusim.experiments.bench import BadInput, Bench, Row

#: Settings of the experiment itself, as opposed to parameters of the machine.
PREFIX = "experiment."


def nearest(name: str, names) -> str:
    found = difflib.get_close_matches(name, names, n=1, cutoff=0)
    return f"; the nearest is '{found[0]}'" if found else ""


def load(name: str):
    if name not in NAMES:
        raise BadInput(f"there is no experiment '{name}'{nearest(name, NAMES)}")
    return importlib.import_module(f"smmusim.experiments.{NAMES[name]}")


def bench_of(module, arguments) -> Bench:
    options = {name: option.default for name, option in module.OPTIONS.items()}
    settings = {}
    for text in arguments.set:
        path, equals, value = text.partition("=")
        if not equals:
            raise BadInput(f"--set {text}: write --set name=value")
        if not path.startswith(PREFIX):
            settings[path] = value
            continue
        name = path.removeprefix(PREFIX)
        if name not in options:
            raise BadInput(f"--set {path}: this experiment has no such option{nearest(name, options)}")
        if not value.isdecimal() or (int(value) == 0 and options[name] != 0):
            raise BadInput(f"--set {path}: '{value}' is no positive number")
        options[name] = int(value)
    if arguments.data is not None and not getattr(module, "TAKES_DATA", False):
        raise BadInput("--data: this experiment takes no data file")
    return Bench(options, settings, arguments.seed, arguments.data)


def number(value: float | None, error: bool = False) -> str:
    if value is None:
        return "-"
    if error:
        return f"{value:+.1%}"
    return str(value) if isinstance(value, int) else f"{value:.2f}"


def table(title: str, unit: str, rows: list[Row]) -> str:
    """Errors are relative, in percent; where 0 was published, the difference."""
    lines = [("case", f"published [{unit}]", f"measured [{unit}]", "error")]
    for row in rows:
        plain = row.published == 0
        lines.append((row.case, number(row.published), number(row.measured), number(row.error, not plain)))
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    text = [title]
    for line in lines:
        text.append("  ".join([line[0].ljust(widths[0])] + [cell.rjust(width)
                                                           for cell, width in zip(line[1:], widths[1:])]))
    errors = [abs(row.error) for row in rows if row.error is not None and row.published]
    if errors:
        text.append(f"error: at most {max(errors):.1%}, in the mean {sum(errors) / len(errors):.1%}")
    return "\n".join(text) + "\n"


def run(name: str, arguments) -> None:
    module = load(name)
    bench = bench_of(module, arguments)
    progress = sys.stderr.isatty()
    rows = []
    for row in module.rows(bench):
        rows.append(row)
        if progress:
            print(f"\r\x1b[K{len(rows)} cases, {row.case}", end="", file=sys.stderr, flush=True)
    if progress:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    text = table(module.TITLE, module.UNIT, rows)
    if arguments.out is not None:
        folder = arguments.out / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "rows.json").write_text(json.dumps([row.as_dict() for row in rows], indent=2) + "\n")
        (folder / "table.txt").write_text(text)
        run_of = {"experiment": name, "seed": bench.seed, "options": bench.options, "settings": bench.settings,
                  "data": None if bench.data is None else str(bench.data)}
        (folder / "run.json").write_text(json.dumps(run_of, indent=2) + "\n")
    print(json.dumps([row.as_dict() for row in rows], indent=2) if arguments.json else text.rstrip())


def listing() -> str:
    width = max(map(len, NAMES))
    lines = []
    for name in NAMES:
        module = load(name)
        lines.append(f"{name:<{width}}  {module.TITLE}")
        for option, (default, meaning) in module.OPTIONS.items():
            lines.append(f"{'':<{width}}    {PREFIX}{option}={default}: {meaning}")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """The exit status: 0 done, 2 bad input, 3 internal error."""
    parser = argparse.ArgumentParser(prog="smmusim experiment", allow_abbrev=False,
                                     description="reproduces published measurements and closed forms")
    parser.add_argument("name", nargs="?", metavar="NAME", help="one of those that --list names")
    parser.add_argument("--list", action="store_true", help="experiments, and their options")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE",
                        help="a parameter of the machine, or an option of the experiment (repeatable)")
    parser.add_argument("--seed", type=int, default=1, help="seed of everything random")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for results, one folder in it per experiment")
    parser.add_argument("--data", type=Path, metavar="FILE", help="other published data of the same format")
    parser.add_argument("--json", action="store_true", help="print the rows as one JSON array and nothing else")
    arguments = parser.parse_args(argv)
    if arguments.list:
        print(listing())
        return 0
    try:
        if arguments.name is None:
            raise BadInput("which experiment? --list names them")
        run(arguments.name, arguments)
    except (BadInput, smmusim.ConfigError, OSError) as error:
        print(f"smmusim: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # pylint: disable=broad-exception-caught
        print(f"internal error: {type(error).__name__}: {error}", file=sys.stderr)
        return 3
    return 0
