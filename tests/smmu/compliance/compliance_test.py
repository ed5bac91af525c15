#!/usr/bin/python3
"""The table of rules is refused when a rule is not shown."""
import contextlib
import io
import pathlib
import stat
import tempfile
import unittest

import compliance

# Stands for a test program: writes the report that it is asked for, of the cases that it was made with.
PROGRAM = """#!/usr/bin/python3
import sys
report = next(a for a in sys.argv if a.startswith("--gtest_output=xml:")).split(":", 1)[1]
open(report, "w").write('''<testsuites><testsuite name="all">{cases}</testsuite></testsuites>''')
"""
PASSED = '<testcase name="{}" status="run" result="completed" classname="{}"/>'
FAILED = '<testcase name="{}" status="run" result="completed" classname="{}"><failure message="no"/></testcase>'
SKIPPED = '<testcase name="{}" status="run" result="skipped" classname="{}"><skipped message="no"/></testcase>'


class Table(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.document = self.folder / "smmu.md"
        self.document.write_text(f"above\n{compliance.BEGIN}\nold\n{compliance.END}\nbelow\n")

    def run_with(self, rules, cases=(), options=()):
        """(exit status, what was printed) for lines of rules and the cases that a program reports."""
        (self.folder / "rules-1-registers.txt").write_text("\n".join(rules) + "\n")
        program = self.folder / "program"
        program.write_text(PROGRAM.format(cases="".join(form.format(*name) for form, name in cases)))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            status = compliance.main(
                [*options, "--rules", str(self.folder), "--document", str(self.document), str(program)])
        return status, said.getvalue()

    def refused(self, rules, cases, why, options=()):
        status, said = self.run_with(rules, cases, options)
        self.assertEqual(status, 1)
        self.assertIn(why, said)
        self.assertIn("old", self.document.read_text(), "a refused table is not written")

    def test_a_passing_test_shows_a_rule(self):
        status, said = self.run_with(["1.1.a | supported | it works | Suite.Case"], [(PASSED, ("Case", "Suite"))])
        self.assertEqual((status, said), (0, ""))
        text = self.document.read_text()
        self.assertTrue(text.startswith("above\n") and text.endswith("below\n"))
        self.assertIn("| 1.1.a | it works | supported | `Suite.Case` |", text)
        self.assertIn("1 rules: 1 supported.", text)

    def test_a_written_table_passes_the_check_and_a_changed_one_does_not(self):
        rules, cases = ["1.1.a | supported | it works | Suite.Case"], [(PASSED, ("Case", "Suite"))]
        self.run_with(rules, cases)
        self.assertEqual(self.run_with(rules, cases, ["--check"])[0], 0)
        status, said = self.run_with(["1.1.a | supported | other | Suite.Case"], cases, ["--check"])
        self.assertEqual(status, 1)
        self.assertIn("is not what the lists say", said)

    def test_a_missing_test_is_refused(self):
        self.refused(["1.1.a | supported | it works | Suite.Case"], [], "there is no test Suite.Case")

    def test_a_failing_test_is_refused(self):
        self.refused(["1.1.a | supported | it works | Suite.Case"], [(FAILED, ("Case", "Suite"))], "Suite.Case fails")

    def test_a_skipped_test_is_refused(self):
        self.refused(["1.1.a | stored | it works | Suite.Case"], [(SKIPPED, ("Case", "Suite"))], "does not run")

    def test_every_instance_of_a_parametrised_test_has_to_pass(self):
        rules = ["1.1.a | supported | it works | Suite.Case"]
        instances = [("Case/0", "All/Suite"), ("Case/1", "All/Suite")]
        self.refused(rules, [(PASSED, instances[0]), (FAILED, instances[1])], "Suite.Case fails")
        self.assertEqual(self.run_with(rules, [(PASSED, instance) for instance in instances])[0], 0)

    def test_a_rule_without_tests_or_reason_is_refused(self):
        for state, why in [("supported", "names no test"), ("absent", "without a reason"), ("stored", "names no test")]:
            self.refused([f"1.1.a | {state} | it works | "], [], why)

    def test_an_absent_rule_needs_no_test(self):
        self.assertEqual(self.run_with(["1.1.a | absent | it works | IDR0.VATOS = 0"])[0], 0)
        self.assertIn("| 1.1.a | it works | absent | IDR0.VATOS = 0 |", self.document.read_text())

    def test_the_reason_of_an_absent_rule_names_what_it_is_told_to(self):
        rules = ["1.1.a | absent | it works | GICD_TYPER.ESPI = 0"]
        self.refused(rules, [], "without a reason")
        self.assertEqual(self.run_with(rules, options=["--identification", "TYPER"])[0], 0)

    def test_chapters_have_the_titles_of_the_lists(self):
        self.run_with(["# chapter 1: Beginnings", "1.1.a | absent | it works | IDR0.VATOS = 0"])
        self.assertIn("### 1. Beginnings", self.document.read_text())

    def test_planned_rules_are_refused_unless_allowed(self):
        rules = ["1.1.a | planned | it will work | Suite.Case"]
        self.refused(rules, [], "only planned")
        self.assertEqual(self.run_with(rules, [], ["--allow-planned"])[0], 0)

    def test_wrong_lines_are_refused(self):
        good = "1.1.a | absent | it works | IDR0.VATOS = 0"
        self.refused([good, good], [], "is there already")
        self.refused(["1.1.a | half | it works | reason"], [], "unknown state 'half'")
        self.refused(["a | absent | it works | reason"], [], "is not SECTION.slug")
        self.refused(["1.1.a | absent"], [], "expected 'id | state")
        self.refused(["1.1.a | supported | it works | a sentence"], [], "is not Suite.Case")
        self.refused(["# nothing"], [], "no rules")

    def test_a_program_without_a_report_is_an_error(self):
        (self.folder / "rules-1-registers.txt").write_text("1.1.a | supported | it works | Suite.Case\n")
        with self.assertRaisesRegex(RuntimeError, "left no report"):
            compliance.main(["--rules", str(self.folder), "--document", str(self.document), "/bin/false"])


if __name__ == "__main__":
    unittest.main()
