"""The launcher: what needs no build."""
import os
import pathlib
import subprocess

ROOT = pathlib.Path(os.environ["SMMUSIM_ROOT"])


def launch(*arguments, cwd, **environment):
    return subprocess.run([ROOT / "smmusim", *arguments], cwd=cwd, capture_output=True, text=True, env={**os.environ, **environment})


def test_help_names_the_commands_and_works_from_anywhere(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(ROOT / "smmusim")
    for command in ([ROOT / "smmusim", "--help"], [link, "--help"], [ROOT / "smmusim"]):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0
        for name in ("demo", "run", "list", "params", "schema", "explain", "translate", "experiment", "bench",
                     "python", "test"):
            assert f"\n  {name} " in done.stdout


def test_an_unknown_command_is_bad_input(tmp_path):
    done = launch("dmeo", cwd=tmp_path)
    assert done.returncode == 2
    assert "dmeo" in done.stderr


def fake_tools(folder, uid, installed):
    """dpkg-query that knows some packages, id of some user, apt-get that writes down what it is asked."""
    tools = {
        "dpkg-query": f'for package in {" ".join(installed)}; do echo "installed $package"; done',
        "id": f"echo {uid}",
        "apt-get": f'echo "$@" >> {folder}/asked; exit 1',
    }
    folder.mkdir()
    for name, text in tools.items():
        (folder / name).write_text("#!/bin/sh\n" + text + "\n")
        (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def packages():
    lines = (ROOT / "packages.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_missing_packages_are_named_to_a_user(tmp_path):
    path = fake_tools(tmp_path / "bin", 1000, packages()[2:])
    done = launch("list", cwd=tmp_path, PATH=path)
    assert done.returncode == 2
    assert f"apt-get install --no-install-recommends {' '.join(packages()[:2])}\n" in done.stderr
    assert not (tmp_path / "bin" / "asked").exists()


def test_missing_packages_are_installed_by_root_with_one_command(tmp_path):
    path = fake_tools(tmp_path / "bin", 0, packages()[2:])
    done = launch("list", cwd=tmp_path, PATH=path)
    assert done.returncode == 2
    asked = (tmp_path / "bin" / "asked").read_text().splitlines()
    assert asked[0] == f"install -y -q --no-install-recommends {' '.join(packages()[:2])}"
    assert asked[1].startswith("update")


def test_packages_are_sorted_and_named_once():
    names = packages()
    assert len(names) == len(set(names))
