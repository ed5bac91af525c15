"""The digest of the main job does not depend on the compiler or the optimisation: clang at -O0 gives the same."""
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(os.environ["SMMUSIM_ROOT"])
BUILD = pathlib.Path(os.environ["SMMUSIM_BUILD"])


def digests(binary, out):
    files = sorted((ROOT / "scenarios").glob("kvm-msi-passthrough*.yaml"))
    done = subprocess.run([binary, "run", *files, "--json", "--out", out], capture_output=True, text=True, check=True)
    return {outcome["scenario"]: outcome["digest"] for outcome in json.loads(done.stdout)}


def main():
    build = BUILD / "clang"
    configure = ["cmake", "-S", ROOT, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS=-O0",
                 "-DCMAKE_C_COMPILER=clang-19", "-DCMAKE_CXX_COMPILER=clang++-19", "-DSMMUSIM_TESTS=OFF", "-DSMMUSIM_PYTHON=OFF"]
    for command in (configure, ["ninja", "-C", build, "smmusim_cli"]):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            print(done.stdout[-8000:], done.stderr[-8000:])
            return 1
    ours = digests(os.environ["SMMUSIM"], BUILD / "digests" / "ours")
    clang = digests(build / "bin" / "smmusim", BUILD / "digests" / "clang")
    print(json.dumps({"ours": ours, "clang": clang}, indent=2))
    return 0 if len(ours) == 3 and ours == clang else 1


if __name__ == "__main__":
    sys.exit(main())
