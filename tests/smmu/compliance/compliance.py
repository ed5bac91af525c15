#!/usr/bin/python3
"""Shows which rules of the architecture a model keeps: a table made from the lists of rules and the tests.

usage: compliance.py [--check] [--allow-planned] [--rules FOLDER] [--identification REGEX] --document FILE
                     TEST_PROGRAM...

Each line of FOLDER/rules-*.txt is one rule:

    id | state | the rule in our own words | tests or reason

The id begins with the section that states the rule. The states and what the last field must hold:

    supported   the model does it: names of gtest cases, separated by commas, all of which must pass
    stored      software can write and read it back, and nothing follows from it: names of gtest cases
    absent      the model does not have it: the reason, which names the ID field that says so (--identification)
    planned     to come: the names of the cases that will show it; an error unless --allow-planned is given

A line `# chapter N: TITLE` names a chapter of the table.

The tests are run once; the table is written between the markers of the document. With --check the document is only
compared. The exit status is 1 when a rule is not shown, when a line is wrong, or when the document differs.
"""
import argparse
import collections
import dataclasses
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

BEGIN = "<!-- compliance table: begin -->"
END = "<!-- compliance table: end -->"
STATES = ["supported", "stored", "absent", "planned"]
IDENTIFIER = re.compile(r"^(\d+)\.(?:(\d+)\.)?[A-Za-z_][A-Za-z0-9_-]*$")
CASE = re.compile(r"^\w+\.\w+$")
CHAPTER = re.compile(r"^# chapter (\d+): (.+)$", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Rule:
    where: str  # file:line
    identifier: str
    state: str
    text: str
    shown: str  # tests or reason

    @property
    def order(self):
        chapter, section = IDENTIFIER.match(self.identifier).groups()
        return int(chapter), int(section or 0)

    @property
    def tests(self):
        if self.state == "absent":
            return []
        return [name.strip() for name in self.shown.split(",") if name.strip()]


def read_chapters(folder):
    """Titles by number."""
    return {int(number): title for path in sorted(folder.glob("rules-*.txt"))
            for number, title in CHAPTER.findall(path.read_text(encoding="utf-8"))}


def read_rules(folder, identification):
    """(rules by section, complaints) of every list in the folder."""
    rules, complaints, first = [], [], {}
    for path in sorted(folder.glob("rules-*.txt")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            where = f"{path.name}:{number}"
            parts = [part.strip() for part in line.split(" | ")]
            if len(parts) != 4 or not all(parts[:3]):
                complaints.append(f"{where}: expected 'id | state | rule | tests or reason'")
                continue
            rule = Rule(where, *parts)
            if not IDENTIFIER.match(rule.identifier):
                complaints.append(f"{where}: '{rule.identifier}' is not SECTION.slug")
                continue
            if rule.state not in STATES:
                complaints.append(f"{where}: unknown state '{rule.state}'")
                continue
            if rule.identifier in first:
                complaints.append(f"{where}: {rule.identifier} is there already, {first[rule.identifier]}")
                continue
            first[rule.identifier] = where
            complaints += check_shown(rule, identification)
            rules.append(rule)
    if not rules:
        complaints.append(f"no rules in {folder}")
    return sorted(rules, key=lambda rule: rule.order), complaints


def check_shown(rule, identification):
    if rule.state == "absent":
        if not re.search(identification, rule.shown):
            yield f"{rule.where}: {rule.identifier} is absent without a reason that names its ID field"
        return
    if not rule.tests:
        yield f"{rule.where}: {rule.identifier} names no test"
    for name in rule.tests:
        if not CASE.match(name):
            yield f"{rule.where}: '{name}' is not Suite.Case"


def plain_name(suite, case):
    """Suite.Case of an instance of a parametrised test, which is Prefix/Suite.Case/0."""
    return f"{suite.split('/')[-1]}.{case.split('/')[0]}"


def run_tests(programs, names):
    """Results of the named cases: a list of 'passed', 'failed', 'skipped' per case, one per instance."""
    results = collections.defaultdict(list)
    for program in programs:
        with tempfile.TemporaryDirectory() as folder:
            report = pathlib.Path(folder) / "report.xml"
            flags = pathlib.Path(folder) / "flags"
            # Also the instances of parametrised cases: Prefix/Suite.Case/0.
            patterns = [pattern for name in names for pattern in (name, f"{name}/*", f"*/{name}/*")]
            flags.write_text("--gtest_filter=" + ":".join(patterns) + "\n")
            done = subprocess.run([program, f"--gtest_flagfile={flags}", f"--gtest_output=xml:{report}"],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            if not report.exists():
                raise RuntimeError(f"{program} ended with {done.returncode} and left no report:\n"
                                   + done.stdout.decode(errors="replace")[-2000:])
            for suite, case, result in read_report(report):
                results[plain_name(suite, case)].append(result)
    return results


def read_report(path):
    for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
        if case.find("failure") is not None:
            result = "failed"
        elif case.get("status") != "run" or case.get("result") == "skipped" or case.find("skipped") is not None:
            result = "skipped"
        else:
            result = "passed"
        yield case.get("classname"), case.get("name"), result


def check_results(rules, results, allow_planned):
    for rule in rules:
        if rule.state == "planned":
            if not allow_planned:
                yield f"{rule.where}: {rule.identifier} is only planned"
            continue
        for name in rule.tests:
            found = results.get(name, [])
            if not found:
                yield f"{rule.where}: {rule.identifier}: there is no test {name}"
            for bad in ("failed", "skipped"):
                if bad in found:
                    yield f"{rule.where}: {rule.identifier}: {name} {'fails' if bad == 'failed' else 'does not run'}"


def table(rules, chapters):
    """The document's part between the markers."""
    counts = collections.Counter(rule.state for rule in rules)
    lines = [f"{len(rules)} rules: " + ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state]) + "."]
    for chapter in sorted({rule.order[0] for rule in rules}):
        lines += ["", f"### {chapter}. {chapters.get(chapter, '')}".rstrip(), "",
                  "| rule | what | state | shown by, or reason |", "|---|---|---|---|"]
        for rule in rules:
            if rule.order[0] != chapter:
                continue
            shown = rule.shown if rule.state == "absent" else ", ".join(f"`{name}`" for name in rule.tests)
            cells = [rule.identifier, rule.text, rule.state, shown]
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def replaced(document, text):
    """`document` with `text` between the markers."""
    begin, end = document.find(BEGIN), document.find(END)
    if begin < 0 or end < begin:
        raise ValueError(f"the document has no '{BEGIN}' ... '{END}'")
    return document[: begin + len(BEGIN)] + "\n" + text + document[end:]


def main(arguments):
    parser = argparse.ArgumentParser(description="Makes or checks the table of rules.")
    parser.add_argument("--check", action="store_true", help="compare only")
    parser.add_argument("--allow-planned", action="store_true", help="rules may still be planned")
    parser.add_argument("--rules", type=pathlib.Path, default=pathlib.Path(__file__).parent)
    parser.add_argument("--identification", default=r"IDR\d", help="what the reason of an absent rule names")
    parser.add_argument("--document", type=pathlib.Path, required=True)
    parser.add_argument("programs", nargs="+")
    options = parser.parse_args(arguments)

    rules, complaints = read_rules(options.rules, options.identification)
    names = sorted({name for rule in rules if rule.state != "planned" for name in rule.tests})
    results = run_tests(options.programs, names) if names else {}
    complaints += check_results(rules, results, options.allow_planned)
    before = options.document.read_text(encoding="utf-8")
    after = replaced(before, table(rules, read_chapters(options.rules)))
    if before != after:
        if options.check:
            complaints.append(f"{options.document} is not what the lists say: run compliance.py without --check")
        elif not complaints:
            options.document.write_text(after, encoding="utf-8")
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
