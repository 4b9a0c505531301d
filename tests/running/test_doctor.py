from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.running.doctor import checkout, disk, findings, memory, packages

ROOT = Path(__file__).parents[2]


def test_a_clone_with_all_it_needs_has_ten_findings_and_no_remedy() -> None:
    found = list(findings(ROOT))
    assert len(found) == 10
    assert [finding.remedy for finding in found] == [""] * 10
    assert all(finding.says and "\n" not in finding.says for finding in found)


def test_a_control_groups_limit_is_the_memory(tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    limit.write_text("1000000000\n")
    assert memory((limit,)).says.startswith("1.0 GB, a limit on ")
    assert memory((limit,)).remedy == "give it 2 GB of memory"
    limit.write_text("max\n")
    assert memory((limit,)) == memory((tmp_path / "absent",)) == memory(())


def test_a_folder_that_is_no_clone_is_said_with_what_to_do(tmp_path: Path) -> None:
    assert checkout(tmp_path).remedy == "change into a clone of this repository"
    assert not disk(tmp_path).remedy


def test_a_package_of_another_version_than_the_locks_is_named(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("# pins\npytest==0.1\nno-such-package==1.0\n")
    found = packages(lock)
    assert f"pytest {pytest.__version__} (0.1)" in found.says
    assert "no-such-package" not in found.says
    assert not found.remedy


def test_the_command_says_each_finding_in_a_line_and_ends_with_1_where_something_is_to_do(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"]
    command[-1] += "from benchmarks.cli.main import app; app(['doctor'])"
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    *lines, last = done.stdout.splitlines()
    assert [line.split()[0] for line in lines][:4] == ["cores", "memory", "disk", "git"]
    assert last == "to do: change into a clone of this repository"
