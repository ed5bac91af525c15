"""The program as a user meets it: exit status, messages, files. SMMUSIM names the binary, SMMUSIM_ROOT the repository."""
import json
import os
import pathlib
import subprocess
import xml.etree.ElementTree as ElementTree

import jsonschema
import pytest
import yaml

BINARY = os.environ["SMMUSIM"]
ROOT = pathlib.Path(os.environ["SMMUSIM_ROOT"])
MAIN_JOB = [f"kvm-msi-passthrough{which}" for which in ("", "-high-window", "-nested")]

SMALL = """name: small
description: boots and does nothing
platform: {base: presets/virt.yaml}
run: {steps: [boot]}
expect: [no_faults]
"""


def smmusim(*arguments, cwd):
    return subprocess.run([BINARY, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=300)


def write(folder, text, name="s.yaml"):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return name


@pytest.mark.parametrize("option, place", [("--out", "file/out"), ("--junit", "file/junit.xml")])
def test_results_that_cannot_be_written_stop_before_time_0(tmp_path, option, place):
    (tmp_path / "file").write_text("not a folder")
    done = smmusim("run", write(tmp_path, SMALL), option, place, cwd=tmp_path)
    assert done.returncode == 2 and done.stdout == "" and "; name another" in done.stderr, done.stderr


@pytest.mark.parametrize(
    "change, message",
    [
        (("base: presets/virt.yaml", "base: presets/virt.yaml, memroy: {size: 1GiB}"),
         "s.yaml:3:37: there is no parameter 'memroy'; did you mean 'memory'?"),
        (("base: presets/virt.yaml", "base: presets/virt.yaml, memory: {latency: 80}"),
         "s.yaml:3:55: memory.latency: '80' lacks its unit; write it like 200us"),
        (("base: presets/virt.yaml", "base: presets/vrit.yaml"), "s.yaml:3:18: there is no file 'presets/vrit.yaml'"),
        (("[boot]", "[boto]"), "s.yaml:4:15: there is no step 'boto'; did you mean 'boot'?"),
        (("[boot]", "[]"), "s.yaml:4:14: steps is"),
        (("no_faults", "no_fault"), "s.yaml:5:10: there is no expectation 'no_fault'; did you mean 'no_faults'?"),
        (("name: small", "nmae: small"), "s.yaml:1:1: there is no section 'nmae'; did you mean 'name'?"),
        (("name: small", "name: a/b"), "s.yaml:1:7: 'a/b' cannot name a result folder"),
        (("run:", "software: {msi_polcy: x}\nrun:"), "s.yaml:4:12: there is no parameter 'software.msi_polcy'; did you mean 'msi_policy'?"),
        (("run:", "devices: [{name: a}, {name: b, bdf: '00:01.0'}]\nrun:"), "s.yaml:4:"),
        (("run: {steps: [boot]}", "run: {steps: [boot, attach: {device: nic, domain: d}]}"), "s.yaml:4:"),
    ],
)
def test_a_mistake_in_a_scenario_stops_before_time_0_with_place_cause_and_fix(tmp_path, change, message):
    file = write(tmp_path, SMALL.replace(*change))
    done = smmusim("run", file, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(message), done.stderr
    assert "; " in done.stderr
    assert not (tmp_path / "out").exists()


def test_two_functions_on_one_stream_are_an_error_unless_both_are_aliases(tmp_path):
    rules = "root_complex0: {iommu_map0: {rid_base: 8, out_base: 8, length: 1}, iommu_map1: {rid_base: 16, out_base: 8, length: 1}}"
    two = SMALL.replace("presets/virt.yaml}", "presets/virt.yaml, " + rules + "}").replace(
        "run:", "devices:\n- {name: a, bdf: '00:01.0'%s}\n- {name: b, bdf: '00:02.0'%s}\nrun:")
    done = smmusim("run", write(tmp_path, two % ("", "")), cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("s.yaml:6:3: endpoint1: endpoint0 has StreamID 0x8 too; "), done.stderr
    assert smmusim("run", write(tmp_path, two % (", alias: true", ", alias: true")), cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "s.yaml:1:1: the file is empty; "),
        (b"\x7fELF\x00\x01\x02", "s.yaml:1:1: this is not a text file; "),
        (b"name: [\n", "s.yaml:2:1: this is not YAML: "),
        (b"- a\n", "s.yaml:1:1: the file is a list, not a mapping; "),
    ],
)
def test_a_file_that_is_no_scenario_is_bad_input(tmp_path, content, message):
    (tmp_path / "s.yaml").write_bytes(content)
    done = smmusim("run", "s.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(message), done.stderr


def test_missing_unreadable_and_empty_places_are_bad_input(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "secret.yaml").write_text(SMALL)
    (tmp_path / "secret.yaml").chmod(0)
    paths = {"absent.yaml": "there is no such file", "empty": "the folder has no scenarios", "loop.yaml": "loop.yaml: "}
    if os.geteuid() != 0:
        paths["secret.yaml"] = "cannot be read"
    for path, cause in paths.items():
        done = smmusim("run", path, cwd=tmp_path)
        assert done.returncode == 2, path
        assert cause in done.stderr and "; " in done.stderr


@pytest.mark.parametrize("arguments", [["run"], ["nonsense"], ["run", "s.yaml", "--nonsense"], ["run", "s.yaml", "--jobs", "0"],
                                       ["run", "s.yaml", "--set", "memory.size"], ["run", "s.yaml", "--set", "memory.szie=1"],
                                       ["run", "s.yaml", "--trace", "everything"], ["run", "s.yaml", "--seed", "-1"],
                                       ["run", "s.yaml", "t.yaml", "--set", "name=one"], ["params", "nothing_like_this"], ["list", "absent"]])
def test_a_wrong_command_line_is_bad_input(tmp_path, arguments):
    write(tmp_path, SMALL)
    write(tmp_path, SMALL.replace("name: small", "name: other"), "t.yaml")
    done = smmusim(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr


@pytest.mark.parametrize("devices, cause", [(["disk"], "disk is not attached to vm"),
                                            (["nic", "nic"], "vm has its stage 1 already")])
def test_a_guest_has_one_stage_1_for_functions_that_are_its_own(tmp_path, devices, cause):
    stage1 = "".join(f", guest_stage1: {{guest: vm, device: {device}, tables: tables}}" for device in devices)
    steps = ("boot, guest: {name: vm, stage: nesting}, attach: {guest: vm, device: nic}, "
             "guest_memory: {guest: vm, name: tables, address: 0x60000000, size: 1MiB}" + stage1)
    text = SMALL.replace("{base: presets/virt.yaml}", "{base: presets/virt.yaml, endpoint_count: 2}")
    text = text.replace("[boot]", f"[{steps}]") + "devices: [{name: nic}, {name: disk}]\n"
    done = smmusim("run", write(tmp_path, text), cwd=tmp_path)
    assert done.returncode == 1 and cause in done.stdout, done.stdout + done.stderr


def test_a_run_that_breaks_off_rewrites_no_golden_file(tmp_path):
    write(tmp_path, '{"kept": 1}', "golden.json")
    broken = SMALL.replace("steps: [boot]", "steps: [boot, boot]").replace("[no_faults]", "[{golden: golden.json}]")
    done = smmusim("run", write(tmp_path, broken), "--update-golden", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert json.loads((tmp_path / "golden.json").read_text()) == {"kept": 1}


def test_a_failed_expectation_is_status_1_and_says_what_was_found(tmp_path):
    file = write(tmp_path, SMALL.replace("[no_faults]", "[{stat: smmu0.transaction, eq: 3}]"))
    done = smmusim("run", file, cwd=tmp_path)
    assert done.returncode == 1
    assert "s.yaml:5:10: expected smmu0.transaction = 3; found 0" in done.stdout


def test_the_wall_clock_limit_is_status_124(tmp_path):
    endless = """[boot, guest: {name: vm}, attach: {guest: vm, device: endpoint0},
      guest_memory: {guest: vm, name: buffer, address: 0x50000000, size: 64KiB},
      dma: {device: endpoint0, buffer: buffer, direction: read, size: 64B, count: 1000000000000}], wall_limit: 1s"""
    done = smmusim("run", write(tmp_path, SMALL.replace("[boot]", endless)), "--json", cwd=tmp_path)
    assert done.returncode == 124, done.stdout
    (outcome,) = json.loads(done.stdout)
    assert outcome["status"] == 124
    assert "wall-clock limit passed" in outcome["error"] and "waits for" in outcome["error"]
    assert outcome["wall_ms"] < 8000
    assert (tmp_path / "out" / "small" / "stats.json").exists()


def test_the_result_folder_has_every_file_and_they_agree(tmp_path):
    done = smmusim("run", write(tmp_path, SMALL), "--set", "memory.latency=70ns", "--seed", "9", "--json", "--junit", "j.xml",
                   "--trace", "cmd,mmio", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (outcome,) = json.loads(done.stdout)
    folder = tmp_path / "out" / "small"
    statistics = json.loads((folder / "stats.json").read_text())
    assert all(set(entry) == {"value", "unit", "description"} and entry["description"] for entry in statistics.values())
    assert len((folder / "stats.txt").read_text().splitlines()) == len(statistics)
    run = json.loads((folder / "run.json").read_text())
    assert run["digest"] == outcome["digest"] and run["seed"] == 9 and run["passed"]
    resolved = json.loads((folder / "config.resolved.json").read_text())
    assert resolved["memory.latency"]["plain"] == 70000
    assert resolved["memory.latency"]["origin"] == "--set memory.latency=70ns"
    assert resolved["seed"]["origin"] == "--seed"
    assert resolved["smmu0.tbu0.tlb.entries"]["origin"].startswith("default (")
    assert (folder / "events.csv").read_text().startswith("time_ps,source,name")
    trace = (folder / "trace.txt").read_text()
    assert "CMD_SYNC" in trace and ": mmio: " in trace
    assert ElementTree.parse(tmp_path / "j.xml").getroot().find("testsuite").get("failures") == "0"


def test_every_parameter_of_params_can_be_set(tmp_path):
    lines = smmusim("params", "smmu0.tbu0.tlb", cwd=tmp_path).stdout.splitlines()
    assert lines[0].startswith("smmu0.tbu0.tlb.entries = ")
    everything = smmusim("params", cwd=tmp_path).stdout
    for name in ["smmu0.tcu.walk_slots", "smmu0.tcu.walk_cache.entries", "smmu0.tcu.ipa_cache.entries", "smmu0.tcu.config_cache.entries",
                 "smmu0.tbu0.utlb.ways", "memory.size", "memory.latency", "memory.backing", "endpoint0.tags", "endpoint0.mps",
                 "endpoint0.mrrs", "link0.generation", "link0.width", "its0.device_cache.entries", "its0.event_cache.entries",
                 "its0.collection_cache.entries", "gic.id_bits", "smmu0.update_latency", "software.msi_policy"]:
        assert f"\n{name} = " in "\n" + everything, name
    file = write(tmp_path, SMALL)
    settings = []
    for line in everything.splitlines():
        if " = " in line and not line.startswith(" ") and line.split(" = ")[1] != "''":
            settings += ["--set", line.replace(" = ", "=")]
    done = smmusim("run", file, *settings, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_schema_accepts_the_scenarios_of_the_project_and_rejects_mistakes(tmp_path):
    schema = json.loads(smmusim("schema", cwd=tmp_path).stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for file in sorted((ROOT / "scenarios").glob("*.yaml")):
        assert not list(validator.iter_errors(yaml.safe_load(file.read_text()))), file
    assert validator.is_valid(yaml.safe_load(SMALL))
    for change in [("[boot]", "[boto]"), ("virt.yaml", "virt.yaml, memory: {latency: 80}"), ("name:", "nmae:"), ("virt.yaml", "virt.yaml, mmory: {}")]:
        assert not validator.is_valid(yaml.safe_load(SMALL.replace(*change))), change


def test_list_shows_the_scenarios(tmp_path):
    done = smmusim("list", ROOT / "scenarios", cwd=tmp_path)
    assert done.returncode == 0
    listed = [line.split()[0] for line in done.stdout.splitlines()]
    assert listed == sorted(file.stem for file in (ROOT / "scenarios").glob("*.yaml"))
    assert set(MAIN_JOB) <= set(listed)


def test_the_main_job_passes_with_one_digest_however_it_is_run(tmp_path):
    """Alone, again, in parallel, traced: the same digest."""
    files = [ROOT / "scenarios" / f"{name}.yaml" for name in MAIN_JOB]
    digests = []
    for index, options in enumerate([["--jobs", "1"], ["--jobs", "3"], ["--trace", "mmio,cmd,event,walk,tlp,irq"]]):
        done = smmusim("run", *files, "--json", "--out", tmp_path / str(index), *options, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        digests.append([outcome["digest"] for outcome in json.loads(done.stdout)])
    assert digests[0] == digests[1] == digests[2]
    assert len(set(digests[0])) == len(MAIN_JOB)


def test_colour_only_on_a_terminal(tmp_path):
    done = smmusim("run", write(tmp_path, SMALL), cwd=tmp_path)
    assert "\x1b" not in done.stdout + done.stderr
