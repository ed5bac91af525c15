"""The commands `translate` and `explain` as a user meets them: exit status, text, JSON, dumps."""
import json
import os
import pathlib
import shlex
import struct
import subprocess

import pytest

BINARY = os.environ["SMMUSIM"]
ROOT = pathlib.Path(os.environ["SMMUSIM_ROOT"])
NESTED = ROOT / "scenarios" / "kvm-msi-passthrough-nested.yaml"

STRTAB, CD, TABLES, PAGE = 0x4000_0000, 0x4000_1000, 0x4000_2000, 0x8_1234_5000
ADDRESS = 0x1234_5678

SCENARIO = """name: one-mapping
description: a function, a buffer, and accesses beyond it
platform: {base: presets/virt.yaml}
devices: [{name: nic, bdf: "00:01.0"}]
run:
  steps:
    - boot
    - guest: {name: vm}
    - attach: {guest: vm, device: nic}
    - guest_memory: {guest: vm, name: buffer, address: 0x50000000, size: 64KiB}
    - bus_master: {device: nic}
    %s
expect: []
"""
WILD = "- access: {device: nic, write: %s, iova: %#x, size: 64B, status: completer_abort}"


def smmusim(*arguments, cwd):
    return subprocess.run([BINARY, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=300)


def scenario(folder, *steps):
    (folder / "s.yaml").write_text(SCENARIO % "\n    ".join(steps))
    return "s.yaml"


@pytest.fixture
def dump(tmp_path):
    """What a driver author would have: a register file, and memory with a stream of stage 1."""
    image = bytearray(0x6000)

    def put(address, *words):
        struct.pack_into(f"<{len(words)}Q", image, address - STRTAB, *words)

    put(STRTAB + 2 * 64, 1 | 0b101 << 1 | CD)
    put(CD, 16 | 1 << 30 | 1 << 31 | 5 << 32 | 1 << 41 | 1 << 45 | 1 << 46, TABLES, 0, 0xFF)
    for level, shift in enumerate((39, 30, 21)):
        put(TABLES + 0x1000 * level + (ADDRESS >> shift & 511) * 8, TABLES + 0x1000 * (level + 1) | 3)
    put(TABLES + 0x3000 + (ADDRESS >> 12 & 511) * 8, PAGE | 0xF43)
    (tmp_path / "memory.bin").write_bytes(image)
    registers = {"CR0": "0x1", "CR1": "0xd75", "CR2": "0x2", "STRTAB_BASE": hex(STRTAB), "STRTAB_BASE_CFG": "0x4"}
    (tmp_path / "registers.txt").write_text("".join(f"{name} = {value}\n" for name, value in registers.items()))
    (tmp_path / "registers.json").write_text(json.dumps(registers))
    return tmp_path


def translate(folder, *arguments, registers="registers.txt", memory=f"memory.bin@{STRTAB:#x}"):
    place = ["--memory", memory] if memory else []
    return smmusim("translate", "--registers", registers, *place, "--stream", 2, *arguments, cwd=folder)


def test_an_access_that_proceeds_is_explained_with_status_0(dump):
    done = translate(dump, "--address", hex(ADDRESS))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"read of {ADDRESS:#x} by StreamID 0x2"
    assert f"  result      proceeds at {PAGE + 0x678:#x}: Normal iWB oWB ISH RA WA, unprivileged data" in lines
    assert any("IDR0, IDR1, IDR3, IDR5, AIDR: not in registers.txt; taken as the model's default" in line for line in lines)
    assert "\x1b" not in done.stdout
    assert translate(dump, "--address", ADDRESS, registers="registers.json").stdout.replace(".json", ".txt") == done.stdout


def test_json_holds_every_read_with_raw_value_and_fields(dump):
    document = json.loads(translate(dump, "--address", hex(ADDRESS), "--write", "--json").stdout)
    assert document["access"]["write"] and document["access"]["substream"] is None
    reads = [entry for entry in document["entries"] if "address" in entry]
    assert [entry["kind"] for entry in reads] == ["STE", "CD", "S1", "S1", "S1", "S1"]
    assert [entry["level"] for entry in reads] == [None, None, 0, 1, 2, 3]
    assert int(reads[0]["address"], 16) == STRTAB + 128 and reads[0]["size"] == 64 and len(reads[0]["words"]) == 8
    assert reads[0]["fields"]["Config"] == "0x5" and reads[0]["fields"]["S1DSS"] == "0x0"
    assert reads[-1]["words"] == [hex(PAGE | 0xF43)]
    assert document["result"]["proceeds"] and int(document["result"]["address"], 16) == PAGE + 0x678


def test_a_fault_is_status_1_and_says_which_rule_decided(dump):
    done = translate(dump, "--address", hex(ADDRESS + 0x1000))
    assert done.returncode == 1
    assert "  rule        invalid stage 1 descriptor (" in done.stdout and "  event       F_TRANSLATION\n" in done.stdout
    assert translate(dump, "--address", hex(ADDRESS), "--instruction", "--substream", "1").returncode == 1


def test_memory_that_the_dump_lacks_counts_as_aborted_and_is_named(dump):
    done = translate(dump, "--address", hex(ADDRESS), memory=None)
    assert done.returncode == 1
    assert f"the dump lacks {STRTAB + 128:#x}" in done.stdout and "F_STE_FETCH" in done.stdout


def test_ats_requests_and_translated_addresses_can_be_asked_about(dump):
    done = translate(dump, "--address", hex(ADDRESS), "--at", "request")
    assert done.returncode == 1 and "STE.EATS does not permit ATS" in done.stdout
    done = translate(dump, "--address", hex(ADDRESS), "--at", "translated")
    assert done.returncode == 0 and "CR0.ATSCHK = 0: translated addresses are not checked" in done.stdout


@pytest.mark.parametrize(
    "change, message",
    [
        (("CR0 = 0x1", "CR0 0x1"), "registers.txt:1:1: neither = nor : follows the name of a register; write lines like"),
        (("CR2 = 0x2", "CR2 = two"), "registers.txt:3:7: 'two' is no number; write it like 0x1000 or 4096"),
        (("CR2", "CRR2"), "registers.txt:3:1: there is no register 'CRR2'; did you mean 'CR2'?"),
        (("STRTAB_BASE =", "CMDQ_BASE ="), "registers.txt: STRTAB_BASE is missing; the stream table lies there; add"),
        (("CR1 = 0xd75", "IDR5 = 0x77"), "registers.txt:2:1: IDR5.OAS = 7 is not supported; the model supports 0 to 6; "),
    ],
)
def test_a_mistake_in_a_register_file_is_bad_input_with_its_place(dump, change, message):
    text = (dump / "registers.txt").read_text()
    assert change[0] in text
    (dump / "registers.txt").write_text(text.replace(*change))
    done = translate(dump, "--address", "0")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith(message), done.stderr


@pytest.mark.parametrize("arguments", [
    [], ["--address", "x"], ["--address", "0", "--at", "somewhere"], ["--address", "0", "--memory", "memory.bin"],
    ["--address", "0", "--memory", "absent@0"], ["--address", "0", "--memory", f"memory.bin@{STRTAB + 0x5000:#x}"],
    ["--address", "0", "--write", "--instruction"], ["--address", "0", "--substream", "0x100000"],
])
def test_a_wrong_command_line_is_bad_input(dump, arguments):
    done = translate(dump, *arguments)
    assert done.returncode == 2 and done.stdout == "" and done.stderr


@pytest.mark.parametrize("arguments", [["explain"], ["explain", "absent.yaml"], ["explain", "."], ["explain", "s.yaml", "--stream", "8"],
                                       ["explain", "s.yaml", "--address", "0"], ["explain", "s.yaml", "--dump", "d"],
                                       ["explain", "s.yaml", "--stream", "8", "--address", "0", "--event", "1"],
                                       ["explain", "s.yaml", "--stream", "8", "--address", "0", "--smmu", "4"],
                                       ["explain", "s.yaml", "--event", "1"], ["explain", "s.yaml", "--set", "memory.szie=1"]])
def test_a_wrong_question_is_bad_input(tmp_path, arguments):
    scenario(tmp_path)
    done = smmusim(*arguments, cwd=tmp_path)
    assert done.returncode == 2 and done.stdout == "" and done.stderr, done.stdout
    assert not (tmp_path / "out").exists()


def test_an_access_is_explained_on_the_machine_that_the_scenario_leaves(tmp_path):
    file = scenario(tmp_path)
    good = smmusim("explain", file, "--stream", "8", "--address", "0x50000040", "--write", cwd=tmp_path)
    assert good.returncode == 0, good.stderr
    assert good.stdout.startswith("write to 0x50000040 by StreamID 0x8\n") and "  result      proceeds at 0x" in good.stdout
    wild = smmusim("explain", file, "--stream", "8", "--address", "0x60000000", "--json", cwd=tmp_path)
    assert wild.returncode == 1 and json.loads(wild.stdout)["result"]["event"] == "F_TRANSLATION"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("file, address", [(NESTED, 0x2000_1040), (NESTED, 0x080F_F040), (None, 0x5000_0040)])
def test_a_dump_translates_to_the_same_result(tmp_path, file, address):
    file = file or scenario(tmp_path)
    live = smmusim("explain", file, "--stream", "8", "--address", hex(address), "--dump", "d", cwd=tmp_path)
    again = smmusim(*shlex.split(live.stderr[live.stderr.index("translate "):]), cwd=tmp_path)
    assert (again.returncode, again.stdout) == (live.returncode, live.stdout)
    assert (tmp_path / "d" / "registers.txt").read_text().count(" = ") > 20
    assert all(image.stat().st_size % 4096 == 0 for image in (tmp_path / "d").glob("*.bin"))


def test_a_dump_that_cannot_be_written_is_bad_input(tmp_path):
    (tmp_path / "d").write_text("not a folder")
    done = smmusim("explain", scenario(tmp_path), "--stream", "8", "--address", "0", "--dump", "d", cwd=tmp_path)
    assert done.returncode == 2 and "--dump: " in done.stderr and done.stdout == ""


def test_a_run_leaves_explanations_of_its_faults(tmp_path):
    file = scenario(tmp_path, WILD % ("false", 0x6000_0000), WILD % ("true", 0x7000_0000))
    assert smmusim("run", file, cwd=tmp_path).returncode == 0
    document = json.loads((tmp_path / "out/one-mapping/faults.json").read_text())
    assert [(fault["source"], fault["name"], fault["access"]["write"], fault["access"]["address"]) for fault in document["faults"]] == [
        ("smmu0", "F_TRANSLATION", False, "0x60000000"), ("smmu0", "F_TRANSLATION", True, "0x70000000")]
    assert document["more"] == 0
    folder = smmusim("explain", "out/one-mapping", cwd=tmp_path)
    assert folder.returncode == 0 and folder.stdout.startswith("fault 1 of 2: F_TRANSLATION of smmu0 at ")
    assert smmusim("explain", file, cwd=tmp_path).stdout == folder.stdout
    second = smmusim("explain", "out/one-mapping", "--event", "2", cwd=tmp_path)
    assert second.stdout.startswith("fault 2 of 2: ") and folder.stdout.endswith(second.stdout)
    assert json.loads(smmusim("explain", "out/one-mapping", "--event", "2", "--json", cwd=tmp_path).stdout) == document["faults"][1]
    assert smmusim("explain", "out/one-mapping", "--event", "3", cwd=tmp_path).returncode == 2
    # A later run without faults takes them away.
    assert smmusim("run", scenario(tmp_path), cwd=tmp_path).returncode == 0
    assert not (tmp_path / "out/one-mapping/faults.json").exists()
    quiet = smmusim("explain", "out/one-mapping", cwd=tmp_path)
    assert quiet.returncode == 0 and quiet.stdout == "out/one-mapping: no SMMU recorded a fault\n"


def test_the_first_100_faults_are_explained(tmp_path):
    # The driver empties the event queue between the accesses.
    wild = [WILD % ("false", 0x6000_0000 + 0x1000 * n) for n in range(103)]
    done = smmusim("run", scenario(tmp_path, *wild), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads((tmp_path / "out/one-mapping/faults.json").read_text())
    assert (len(document["faults"]), document["more"]) == (100, 3)
    assert smmusim("explain", "out/one-mapping", cwd=tmp_path).stdout.endswith("\n3 more faults were recorded and are not explained\n")


def test_a_spoilt_folder_is_bad_input(tmp_path):
    assert smmusim("run", scenario(tmp_path, WILD % ("false", 0x6000_0000)), cwd=tmp_path).returncode == 0
    for text in ("", "[]", '{"faults": [{"time_ps": 1}], "more": 0}'):
        (tmp_path / "out/one-mapping/faults.json").write_text(text)
        done = smmusim("explain", "out/one-mapping", cwd=tmp_path)
        assert done.returncode == 2 and "run the scenario again" in done.stderr, done.stderr
