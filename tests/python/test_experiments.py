"""The experiments reproduce what they say, follow from the parameters of the machine, and refuse what they cannot do."""

import json

import pytest
from smmusim.experiments import NAMES, pcie_bench, runner
from smmusim.experiments.bench import Row


def rows(capsys, *arguments):
    """The rows that a command prints, by case."""
    assert runner.main([*arguments, "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert all(set(row) == {"case", "published", "measured", "error"} for row in listed)
    by_case = {row["case"]: row for row in listed}
    assert len(by_case) == len(listed), "each case has its own name"
    return by_case


def test_every_experiment_can_be_listed(capsys):
    assert runner.main(["--list"]) == 0
    text = capsys.readouterr().out
    for name in NAMES:
        assert name in text


@pytest.mark.parametrize("arguments, hint", [
    (["pcie-bnech"], "pcie-bench"),
    ([], "--list"),
    (["mmu600-reads", "--set", "smmu0.tcu.walk_slot=3"], "walk_slots"),
    (["saturation", "--set", "experiment.cuont=3"], "count"),
    (["saturation", "--set", "experiment.count=-3"], "positive"),
    (["saturation", "--set", "experiment.count"], "name=value"),
    (["saturation", "--data", "x.csv"], "no data file"),
    (["pcie-bench", "--data", "/nonexistent/x.csv"], "/nonexistent/x.csv"),
])
def test_what_cannot_be_done_says_why(capsys, arguments, hint):
    assert runner.main(arguments) == 2
    written = capsys.readouterr()
    assert hint in written.err and written.out == ""


def test_errors_are_relative_and_plain_where_nothing_was_published_or_it_was_0():
    assert Row("", 50.0, 55.0).error == pytest.approx(0.1)
    assert Row("", 0, 2).error == 2
    assert Row("", None, 2).error is None


def test_reads_per_translation_are_those_of_the_manual_in_every_cell(capsys):
    cells = rows(capsys, "mmu600-reads")
    assert len(cells) == 61
    assert {case: row["measured"] for case, row in cells.items()} == {
        case: row["published"] for case, row in cells.items()}
    assert cells["4KiB leaves, S1 L1, S2 L3"]["published"] == 2
    assert cells["4KiB leaves, S1 miss, S2 miss"]["measured"] == 24


def test_reads_per_translation_follow_the_sizes_of_the_walk_caches(capsys):
    cells = rows(capsys, "mmu600-reads", "--set", "smmu0.tcu.s1_walk_cache.l0.entries=0", "--set",
                 "smmu0.tcu.s2_walk_cache.l3.entries=0")
    assert cells["4KiB leaves, S1 L0, S2 bypass"]["measured"] == 4
    assert cells["4KiB leaves, S1 L1, S2 bypass"]["measured"] == 2
    assert cells["4KiB leaves, S1 bypass, S2 L3"]["measured"] == 1, "of level 3; level 2 knows its table"


def test_time_of_a_miss_is_that_of_the_manual(capsys):
    times = rows(capsys, "mmu600-timing")
    assert 290 <= times["4 reads"]["measured"] <= 340
    assert abs(times["24 reads, nested"]["error"]) <= 0.05


def test_time_of_a_miss_follows_the_memory(capsys):
    before = rows(capsys, "mmu600-timing")
    after = rows(capsys, "mmu600-timing", "--set", "memory.latency=74ns")  # 10 ns more, 6 cycles of the TCU
    for case, reads in (("4 reads", 4), ("24 reads, nested", 24)):
        assert after[case]["measured"] - before[case]["measured"] == pytest.approx(10 * reads, abs=3)


def test_latencies_of_gem5_are_their_sum(capsys):
    latencies = rows(capsys, "gem5-latency")
    assert len(latencies) == 6
    for row in latencies.values():
        assert row["error"] == 0, row


def test_latencies_of_gem5_follow_the_memory(capsys):
    slower = rows(capsys, "gem5-latency", "--set", "memory.latency=180ns")
    for row in slower.values():
        assert row["error"] == 0, row


def test_saturated_walk_slots_set_the_pace(capsys):
    for row in rows(capsys, "saturation", "--set", "experiment.count=4000").values():
        assert abs(row["error"]) < 0.005, row


def test_tags_are_rate_times_latency(capsys):
    for row in rows(capsys, "littles-law", "--set", "experiment.count=4000").values():
        assert abs(row["error"]) < 0.02, row


def test_miss_ratio_is_what_does_not_fit(capsys):
    for row in rows(capsys, "miss-ratio", "--set", "experiment.count=8000").values():
        assert abs(row["measured"] - row["published"]) < 0.025, row


def test_invalidations_cost_about_what_they_cost_on_a_board(capsys):
    costs = rows(capsys, "cmdq")
    assert abs(costs["one TLBI, one producer"]["error"]) < 0.15
    assert costs["unmap 1 MiB, with range invalidation, in TLBI commands"]["measured"] <= 2
    for call in ("map", "unmap"):
        assert abs(costs[f"{call} 1 MiB, one thread"]["error"]) < 0.1
        assert -0.5 < costs[f"{call} 4 KiB, one thread"]["error"] < 0, "what Linux does besides is not in it"
    assert costs["unmap 1 MiB, 4 threads"]["measured"] > 2 * costs["unmap 1 MiB, one thread"]["measured"]


COUNT = ("--set", "experiment.count=12000")


def test_windows_take_as_long_as_was_measured(capsys):
    windows = rows(capsys, "pcie-bench", *COUNT)
    errors = [abs(row["error"]) for row in windows.values()]
    assert len(errors) == 13
    assert max(errors) < 0.10
    assert sum(errors) / len(errors) < 0.04


def test_windows_follow_slots_and_entries(tmp_path, capsys):
    data = tmp_path / "two.csv"
    data.write_text("window,on_ns_per_tx\n1MB,33.7\n64MB,52.09\n")
    few = ("pcie-bench", "--data", str(data), *COUNT)
    walk = 312
    for slots in (1, 3):
        measured = rows(capsys, *few, "--set", f"smmu0.tcu.walk_slots={slots}")["64MB"]["measured"]
        assert measured == pytest.approx(walk / slots * (1 - 64 / 16384), rel=0.02)
    assert rows(capsys, *few, "--set", "smmu0.tbu0.tlb.entries=256")["1MB"]["measured"] < 20
    hits = rows(capsys, *few, "--set", "smmu0.tbu0.tlb.entries=16384")
    assert hits["1MB"]["measured"] == pytest.approx(15.79, rel=0.01)


def test_windows_are_written_too_if_asked(tmp_path, capsys):
    data = tmp_path / "one.csv"
    data.write_text("window,on_ns_per_tx\n4KB,0\n")
    asked = ("pcie-bench", "--data", str(data), *COUNT, "--set", "experiment.write=1")
    written = rows(capsys, *asked, "--set", "experiment.size=256")["4KB"]["measured"]
    wire = (256 + 24) / 7.88  # header and framing on a Gen3 x8 link
    assert wire < written < 1.15 * wire, "acknowledgements take their share"


def test_a_window_larger_than_memory_is_refused(tmp_path, capsys):
    data = tmp_path / "one.csv"
    data.write_text("window,on_ns_per_tx\n4GB,1\n")
    assert runner.main(["pcie-bench", "--data", str(data)]) == 2
    assert "memory.size" in capsys.readouterr().err


def test_data_of_another_format_is_refused(tmp_path, capsys):
    for text, hint in (("window,off\n4KB,1\n", "on_ns_per_tx"), ("window,on_ns_per_tx\n4 pages,1\n", "4 pages"),
                       ("window,on_ns_per_tx\n4KB,fast\n", "fast")):
        data = tmp_path / "data.csv"
        data.write_text(text)
        assert runner.main(["pcie-bench", "--data", str(data)]) == 2
        assert hint in capsys.readouterr().err


def test_window_sizes_are_read_with_their_unit():
    assert [pcie_bench.bytes_of(text) for text in ("4KB", "1.5MB", "2 GiB", "512B")] == [
        4096, 3 << 19, 2 << 30, 512]


def test_results_are_written_where_asked(tmp_path, capsys):
    assert runner.main(["saturation", "--set", "experiment.count=100", "--out", str(tmp_path)]) == 0
    folder = tmp_path / "saturation"
    assert len(json.loads((folder / "rows.json").read_text())) == 5
    assert (folder / "table.txt").read_text() == capsys.readouterr().out
    assert json.loads((folder / "run.json").read_text())["options"] == {"count": 100}
