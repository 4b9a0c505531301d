"""`compare` from the command line: a file of one's own, an import path, an alias; interrupted."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

from tests.called import call_command
from tests.small import LIF, ROOT

LEAKY = {"class": "snntorch:Leaky", "match": True}
# what a newcomer writes, knowing PyTorch and the contract
MINE = '''\
import torch


class Mine(torch.nn.Module):
    """A fifth of the units never fires."""

    def __init__(self, channels, decay=0.5, dead=5):
        super().__init__()
        self.decay, self.alive = decay, (torch.arange(channels) % dead > 0).float()

    def forward(self, drive):
        alive = self.alive.view(-1, *[1] * (drive.dim() - 3))
        v, spikes = torch.zeros_like(drive[0]), []
        for current in drive:
            v = self.decay * v + current
            soft = torch.sigmoid(4 * (v - 1))
            s = ((v >= 1).float() - soft).detach() + soft
            v = v * (1 - s.detach())
            spikes.append(s.detach() * alive + (soft - soft.detach()) * alive)
        return torch.stack(spikes)
'''


class Folder:
    """A working directory with a small recorded profile and nothing of the repository in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        written = {
            "datasets": ["dvs_digits"],
            "seeds": [0, 1],
            "neuron": {"lif": LIF, "leaky": LEAKY},
            "training": {"epochs": 1, "channels": [4, 8], "hidden": 16, "batch": 128},
        }
        (path / "params.yaml").write_text(yaml.safe_dump(written))
        (path / "mine.py").write_text(MINE)
        (ROOT / ".cache" / "events").mkdir(parents=True, exist_ok=True)
        (path / ".cache").symlink_to(ROOT / ".cache")
        author = ("-c", "user.name=A", "-c", "user.email=a@b")
        commit = (*author, "commit", "--quiet", "--message", "all")
        for words in (("init", "--quiet"), ("add", "params.yaml", "mine.py"), commit):
            subprocess.run(["git", *words], cwd=path, check=True)

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "benchmarks", *words],
            cwd=self.path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # a shell's background job, as these tests may be one, is started with SIGINT ignored
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*words)
        out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        return call_command(*words, at=self.path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    made = Folder(tmp_path_factory.mktemp("newcomer"))
    for neuron in ("lif", "leaky"):
        done = made.call("cells", "dvs_digits", neuron)
        assert done.returncode == 0, done.stderr
    done = made.call("record")
    assert done.returncode == 0, done.stderr
    return made


def test_a_neuron_in_a_file_is_trained_alone_and_compared(folder: Folder) -> None:
    recorded = {p: p.read_bytes() for p in folder.path.glob("recorded/**/*.json*")}
    done = folder.call("compare", "mine.py:Mine", "--args", "dead=2", "--jobs", "1")
    assert done.returncode == 0, done.stderr
    made = folder.path / "results" / "compared" / "Mine"
    found = json.loads((made / "comparison.json").read_text())
    assert found["neuron_args"] == {"dead": 2}
    accuracies = [c for c in found["compared"] if c["metric"] == "accuracy"]
    assert {(c["dataset"], c["baseline"]) for c in accuracies} == {
        ("dvs_digits", "lif"),
        ("dvs_digits", "leaky"),
    }
    assert all(c["seeds"] == [0, 1] for c in accuracies)
    assert found["trained_on"] == found["recorded_on"] == ["portable"]
    assert {c["what"] for c in found["costs"]} == {
        "training_step",
        "neuron_forward_backward",
        "kept_bytes",
    }
    for name in ("comparison.csv", "comparison.md", "section.html", "figure.svg"):
        assert (made / name).stat().st_size > 0
    for words in found["words"]:
        assert words.split()[0] in done.stdout
    assert Path(done.stdout.splitlines()[-1]) == (made / "index.html").absolute()
    assert {p: p.read_bytes() for p in folder.path.glob("recorded/**/*.json*")} == recorded


@pytest.mark.slow
def test_a_neuron_is_tuned_as_the_recorded_ones_were(tmp_path: Path) -> None:
    made = Folder(tmp_path)
    params = yaml.safe_load((tmp_path / "params.yaml").read_text())
    params["neuron"].pop("leaky")
    params["training"] |= {"epochs": 1, "batch": 512}
    params["tuning"] = {"learning_rates": [0.0025, 0.01], "seeds": [100], "neurons": ["lif"]}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    author = ("-c", "user.name=A", "-c", "user.email=a@b")
    subprocess.run(["git", *author, "commit", "-aqm", "tuned"], cwd=tmp_path, check=True)
    for words in (("cells", "dvs_digits", "lif"), ("tune", "dvs_digits", "lif"), ("record",)):
        done = made.call(*words)
        assert done.returncode == 0, done.stderr
    done = made.call("compare", "aia.neuron:LIF", "--tune")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "results/compared/LIF/comparison.json").read_text())
    assert found["rates"]["dvs_digits/LIF"] == found["rates"]["dvs_digits/lif"]
    assert "own best learning rate" in " ".join(found["words"])
    for compared in found["compared"]:
        assert compared["new"] == compared["recorded"]


@pytest.mark.slow
def test_lif_under_another_name_is_not_told_apart(folder: Folder) -> None:
    done = folder.run("compare", "aia.neuron:LIF", "--against", "lif")
    assert done.returncode == 0, done.stderr
    found = json.loads(
        (folder.path / "results" / "compared" / "LIF" / "comparison.json").read_text()
    )
    for compared in found["compared"]:
        assert compared["verdict"] in ("not distinguishable", "the same")
        assert compared["p"] == 1
        assert compared["new"] == compared["recorded"]


@pytest.mark.slow
def test_an_interrupted_comparison_goes_on_where_it_was(folder: Folder) -> None:
    words = ("compare", "mine.py:Mine", "--args", "dead=3", "--against", "lif", "--jobs", "1")
    other = folder.path / "results" / "compared" / "Mine"
    before = {p: p.stat().st_mtime_ns for p in other.glob("results/runs/*/*/*.json")}
    process = folder.start(*words)
    deadline = time.monotonic() + 120
    while True:  # until the first of the two cells is written
        times = {p: p.stat().st_mtime_ns for p in other.glob("results/runs/*/*/*.json")}
        changed = [p for p, t in times.items() if before.get(p) != t]
        if changed:
            break
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    for _ in range(20):  # Python drops an interrupt that falls into a destructor; one presses again
        os.killpg(process.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=3)
            break
    assert process.returncode != 0
    kept = {p: p.stat().st_mtime_ns for p in changed}
    done = folder.run(*words)
    assert done.returncode == 0, done.stderr
    assert {p: p.stat().st_mtime_ns for p in changed} == kept
    assert json.loads((other / "comparison.json").read_text())["neuron_args"] == {"dead": 3}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("mine.py:Mime",), "Mime.*Mine"),
        (("other.py:Mine",), "other.py.*no such file"),
        (("leeky",), "leeky.*leaky"),
        (("mine.py:Mine", "--against", "lif,leeky"), "leeky.*leaky"),
        (("mine.py:Mine", "--args", "dead"), "key=value"),
        (("mine.py:Mine", "--args", "alive=2"), "refuses its arguments.*alive"),
        (("mine.py:Mine", "--profile", "zoo"), "zoo.*quick"),
        (("mine.py:Mine", "--tune"), "quick: no neuron has .* a best rate of its own.*core"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    folder: Folder, words: tuple[str, ...], says: str
) -> None:
    done = folder.call("compare", *words)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert re.search(says, line), line


def test_what_is_compared_with_is_the_profiles_own_baseline(folder: Folder) -> None:
    zoo = folder.path / "zoo"
    zoo.mkdir()
    shutil.copy(folder.path / "params.yaml", zoo)
    done = folder.call("--profile", "zoo", "compare", "mine.py:Mine")
    assert done.returncode == 2
    assert "zoo: not recorded; name what to compare with after `compare`" in done.stderr
    done = folder.call("--profile", "zoo", "compare", "mime", "--profile", "quick")
    assert "mime" in done.stderr  # what is not known is the neuron


def test_of_two_comparisons_of_one_neuron_the_second_is_refused(folder: Folder) -> None:
    compared = folder.path / "results" / "compared" / "Mine"
    compared.mkdir(parents=True, exist_ok=True)
    with FileLock(compared / ".lock"):
        done = folder.call("compare", "mine.py:Mine", "--args", "dead=9")
    assert done.returncode == 2
    assert "another comparison of Mine is at work" in done.stderr


def test_an_edited_record_is_refused_by_name(folder: Folder) -> None:
    path = folder.path / "recorded/quick/cells.jsonl"
    text = path.read_text()
    path.write_text(text.replace('"best_epoch":', '"best_epoch": ', 1))
    done = folder.call("compare", "mine.py:Mine")
    path.write_text(text)
    assert done.returncode == 2
    assert "quick/cells.jsonl: not what was recorded" in done.stderr


def test_another_protocol_is_refused_before_anything_trains(folder: Folder) -> None:
    index = folder.path / "recorded" / "quick" / "index.json"
    text = index.read_text()
    found = json.loads(text)
    index.write_text(text.replace(found["protocol"], "0" * 16))
    done = folder.call("compare", "mine.py:Mine", "--args", "dead=7")
    index.write_text(text)
    assert done.returncode == 2
    assert "under protocol 1 (0000000000000000)" in done.stderr
    assert found["protocol"] in done.stderr
