#!/usr/bin/python3
"""The rules of the house that a compiler does not check.

usage: lint.py RULE [ROOT]     one finding per line, exit status 1 when there is one
"""
import pathlib
import re
import sys

LAYERS = ["spec", "arch", "uarch", "tlm"]
FOLDERS = ["models", "sw", "platform", "scenarios", "python", "tests"]
SOURCE = {".hpp", ".cpp", ".h", ".c"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def files(root, suffixes=SOURCE):
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in suffixes and path.is_file():
                yield path.relative_to(root)


def includes(text):
    """(line, quoted, name) of each include."""
    return [(text.count("\n", 0, match.start(1)) + 1, match[1] == '"', match[2]) for match in INCLUDE.finditer(text)]


def systemc(path, text):
    """SystemC stays in tlm/, platform/ and the shell of the Python binding (and the tests of those)."""
    parts = path.parts
    if "tlm" in parts or parts[0] == "platform" or parts[:2] in [("python", "bindings"), ("tests", "platform")]:
        return
    for line, _, name in includes(text):
        if re.match(r"(systemc|tlm)(\.h)?$|(sysc|tlm_core|tlm_utils)/", name) or "/tlm/" in f"/{name}":
            yield line, f"includes {name}: SystemC belongs in tlm/ and platform/"


def devices(path, text):
    """Devices meet in platform/: none includes another, and models/ includes nothing above it."""
    if path.parts[0] != "models" or path.parts[1] == "tlm":
        return
    own = path.parts[1]
    for line, quoted, name in includes(text):
        top = name.split("/")[0]
        if quoted and top not in {own, "sim"} and not (top == "tlm" and "tlm" in path.parts):
            yield line, f"includes {name}: models/{own} may include sim and itself only"
        if quoted and own == "sim" and top != "sim":
            yield line, f"includes {name}: models/sim stands below every device"


def software(path, text):
    """Software knows the machine through the CPU only."""
    if path.parts[0] != "sw":
        return
    for line, quoted, name in includes(text):
        if quoted and name.split("/")[0] not in {"sw", "sim"}:
            yield line, f"includes {name}: sw/ may include sim and sw only"


def layers(path, text):
    """spec <- arch <- uarch <- tlm: a layer includes only layers to its left."""
    if path.parts[0] != "models" or len(path.parts) < 4 or path.parts[2] not in LAYERS:
        return
    own = LAYERS.index(path.parts[2])
    for line, quoted, name in includes(text):
        parts = name.split("/")
        if quoted and parts[0] == path.parts[1] and len(parts) > 2 and parts[1] in LAYERS:
            if LAYERS.index(parts[1]) > own:
                yield line, f"includes {name}: {LAYERS[own]} stands below {parts[1]}"


def length(path, text):
    """A file above 400 lines is usually two things; tables of registers, fields and vectors excepted."""
    count = text.count("\n")
    if count > 400 and "spec" not in path.parts and "vectors" not in path.parts:
        yield count, f"{count} lines, more than 400"


def headers(path, text):
    """A header starts with a sentence that says what it is for."""
    if path.suffix != ".hpp":
        return
    if not re.match(r"// \S", text):
        yield 1, "does not start with a sentence that says what the header is for"
    if "#pragma once" not in text:
        yield 1, "has no #pragma once"


def determinism(path, text):
    """Two runs are identical to the bit: models and software have no host clock and no unseeded randomness."""
    if path.parts[0] not in {"models", "sw"}:
        return
    forbidden = r"std::(\w+_distribution|random_device|mt19937\w*|chrono)\b|\b(s?rand|time|clock_gettime|gettimeofday)\("
    for match in re.finditer(forbidden, blank(text)):
        yield text.count("\n", 0, match.start()) + 1, f"uses {match[0]}"


def blank(text):
    """The text with comments, strings and characters replaced by spaces, positions kept."""
    pattern = r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\''
    return re.sub(pattern, lambda match: re.sub(r"[^\n]", " ", match[0]), text, flags=re.DOTALL)


CONTROL = re.compile(r"(?:if(?:\s+constexpr)?|while|for|switch)\s*$")
BLOCK = re.compile(r"(?:^|[;{})\]:]|\b(?:else|do|try|const|noexcept|override|mutable)|->\s*[\w:<>,*&\s]+)$")


def closing(text, opening):
    """Position of the bracket that closes the one at `opening`."""
    depth = 0
    for position in range(opening, len(text)):
        if text[position] in "([{":
            depth += 1
        elif text[position] in ")]}":
            depth -= 1
            if depth == 0:
                return position
    return len(text)


def full_expression(text, at):
    """(start, end, keyword) of the full expression around position `at`, and the control keyword it belongs to."""
    start, keyword = at, ""
    while start > 0:
        start -= 1
        char = text[start]
        if char in ")]}":
            depth, closer = 1, start
            while depth and start > 0:
                start -= 1
                depth += (text[start] in ")]}") - (text[start] in "([{")
            if text[closer] == "}" and BLOCK.search(text[:start].rstrip()[-200:]):
                start = closer + 1
                break
        elif char == "(":
            control = CONTROL.search(text[:start])
            if control:
                keyword = control[0].split()[0].strip()
                return start + 1, closing(text, start), keyword
        elif char == ";" or (char == "{" and BLOCK.search(text[:start].rstrip()[-200:])):
            start += 1
            break
    # Conditions that stand before the statement are expressions of their own.
    while True:
        head = re.match(r"\s*(?:else\b|do\b|case\b[^:?]*(?:::[^:?]*)*:(?!:)|default\s*:)", text[start:at])
        if head:
            start += head.end()
            continue
        control = re.match(r"\s*(?:if(?:\s+constexpr)?|while|for|switch)\s*\(", text[start:at])
        if not control:
            break
        start = closing(text, start + control.end() - 1) + 1
    end = at
    while end < len(text) and text[end] not in ";":
        end = closing(text, end) + 1 if text[end] in "([{" else end + 1
        if text[end - 1 : end] == "}" and text[end : end + 1] not in {";", ",", ")", "."}:
            break
    return start, end, keyword


def coroutines(path, text):
    """The traps of g++ 12: name the awaited value first."""
    code = blank(text)
    for match in re.finditer(r"\bco_await\b", code):
        line = code.count("\n", 0, match.start()) + 1
        if "operator" in code[max(0, match.start() - 10) : match.start()]:
            continue
        start, end, keyword = full_expression(code, match.start())
        expression = code[start:end]
        if keyword == "for" and ";" in expression:  # the three parts of a for are expressions of their own
            first = code.rfind(";", start, match.start()) + 1 or start
            last = code.find(";", match.start(), end)
            expression = code[first : last if last != -1 else end]
        expression = without_lambdas(re.sub(r"\bauto\s*&&", "auto", expression))
        if keyword == "switch":
            yield line, "co_await inside switch (...)"
        if re.match(r"\s*!\s*co_await\b", expression):
            yield line, "co_await under !"
        if "?" in expression:
            yield line, "co_await beside ?:"
        if "&&" in expression or "||" in expression:
            yield line, "co_await beside && or ||"
        if "{" in expression:
            yield line, "co_await beside braces"


def without_lambdas(expression):
    """Bodies of lambdas are not part of the expression."""
    position = 0
    while True:
        brace = expression.find("{", position)
        if brace == -1:
            return expression
        if BLOCK.search(expression[:brace].rstrip()) and expression[:brace].strip():
            expression = expression[:brace] + expression[closing(expression, brace) + 1 :]
        else:
            position = brace + 1


RULES = {
    rule.__name__: rule
    for rule in [systemc, devices, software, layers, length, headers, determinism, coroutines]
}


def findings(rule, root):
    for path in files(root):
        text = (root / path).read_text(encoding="utf-8")
        for line, message in RULES[rule](path, text):
            yield f"{path}:{line}: {message}"


def main(arguments):
    if not 1 <= len(arguments) <= 2 or arguments[0] not in RULES:
        print(__doc__, "\nrules:", ", ".join(RULES), file=sys.stderr)
        return 2
    root = pathlib.Path(arguments[1]) if len(arguments) == 2 else pathlib.Path(__file__).resolve().parents[2]
    if not any(files(root)):
        print(f"no source below {root}", file=sys.stderr)
        return 2
    found = list(findings(arguments[0], root))
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
