"""Experiments that reproduce published measurements and closed forms: `./smmusim experiment --list`.

Each module describes one: TITLE (a sentence), UNIT (of its figures), OPTIONS (what `--set experiment.NAME=` changes,
with defaults and meaning) and rows(bench), which yields a Row for each case.
"""

#: Names as on the command line, and the modules that hold them.
NAMES = {
    "pcie-bench": "pcie_bench",
    "mmu600-reads": "mmu600_reads",
    "mmu600-timing": "mmu600_timing",
    "gem5-latency": "gem5_latency",
    "cmdq": "cmdq",
    "saturation": "saturation",
    "littles-law": "littles_law",
    "miss-ratio": "miss_ratio",
}
