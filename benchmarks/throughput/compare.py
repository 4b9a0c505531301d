"""Two sets of times, paired: two devices, two commits, or a run and what was recorded."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich import box
from rich.table import Table

from benchmarks.errors import InputError
from benchmarks.timings import NETWORK, Timing, all_timings, parsed, timings_of

TOLERANCE = 0.10  # a smaller change is not called one
MAJORITY = 3  # of the processes must find what is to be called slower; of twice as many less one
_WORTH_SAYING = 0.02  # of the machine's own change
Verdict = Literal["slower", "faster", "same"]


@dataclass(frozen=True)
class Paired:
    """The same work timed twice, each time at its fastest.

    Whatever else runs on a machine makes rounds longer, never shorter, so the fastest of many
    scatters least between processes.
    """

    before: Timing
    after: Timing

    @property
    def ratio(self) -> float:
        """The second time over the first."""
        return self.after.fastest / self.before.fastest

    @property
    def machine(self) -> float:
        """How much slower the same device was by itself: what the worst of the yardsticks lost.

        A busy neighbour costs one kind of work more than another. 1 for two devices, whose
        difference is what one wants to know, and without yardsticks.
        """
        return max(self._lost, default=1.0)

    @property
    def _lost(self) -> list[float]:
        """The second time over the first of each yardstick that one device was held to twice."""
        before, after = self.before.yardsticks, self.after.yardsticks
        same = self.before.device == self.after.device
        return [after[name] / before[name] for name in before if same and name in after]

    @property
    def own(self) -> float:
        """The ratio that the machine does not explain."""
        return self.ratio / self.machine

    @property
    def overlap(self) -> bool:
        """Whether the quantiles between which the rounds of either lie have times in common."""
        return self._overlap(1.0, 1.0)

    @property
    def overlap_at_its_pace(self) -> bool:
        """:attr:`overlap`, of the first run as a device of another pace would have timed it.

        Slower or faster by anything between nothing and what a yardstick lost or gained.
        """
        return self._overlap(min([1.0, *self._lost]), max([1.0, *self._lost]))

    def _overlap(self, least: float, most: float) -> bool:
        """``least``, ``most``: how many times as long what was timed first may have taken then."""
        if self.before.what in NETWORK:  # low and high are samples/s
            least, most = 1 / most, 1 / least
        low, high = least * self.before.low, most * self.before.high
        return low <= self.after.high and self.after.low <= high

    @property
    def verdict(self) -> Verdict:
        """A change counts if it is larger than the tolerance."""
        if self.own > 1 + TOLERANCE:
            return "slower"
        return "faster" if self.own < 1 / (1 + TOLERANCE) else "same"


def pair(before: Iterable[Timing], after: Iterable[Timing]) -> list[Paired]:
    """Timings of the same work, asked of the same backend, at the same size and precision.

    What was not asked of one is what each neuron does by itself, whatever that has become.
    """
    known = {_key(timing): timing for timing in before}
    return [Paired(known[_key(t)], t) for t in after if _key(t) in known]


def _key(timing: Timing) -> tuple[str, ...]:
    about = (timing.what, timing.neuron, timing.asked, timing.shape, timing.dtype)
    return (*about, timing.series)


def slower(before: list[Timing], after: list[Timing]) -> list[Paired]:
    """What became slower on the device that both were timed on."""
    same = pair(_of_its_device(before, after), after)
    return [each for each in same if each.verdict == "slower"]


def _of_its_device(before: list[Timing], after: list[Timing]) -> list[Timing]:
    devices = {timing.device for timing in after}
    return [timing for timing in before if timing.device in devices]


def confirmed(
    before: list[Timing], after: list[Timing], again: Callable[[list[Timing]], list[Timing]]
) -> list[Paired]:
    """What is slower in ``after`` and, measured ``again``, in the majority of processes.

    A busy neighbour can cost one process a fifth; a change of the code costs it each time.
    """
    before = _of_its_device(before, after)  # to all that is measured again
    undecided = {_key(each.after): [each] for each in slower(before, after)}
    said = []
    for _ in range(2 * MAJORITY - 2):
        if not undecided:
            break
        for each in pair(before, again([first.after for first, *_ in undecided.values()])):
            undecided[_key(each.after)].append(each)
        for key, found in list(undecided.items()):
            slow = [each for each in found if each.verdict == "slower"]
            if len(slow) == MAJORITY:
                said.append(sorted(slow, key=lambda each: each.own)[MAJORITY // 2])
            if MAJORITY in (len(slow), len(found) - len(slow)):
                del undecided[key]
    return said


def in_words(paired: Paired) -> str:
    """One slowdown, in a line."""
    by, was = paired.after.backend, paired.before.backend
    by = by if by == was else f"{by}, before {was}"
    machine = ""
    if abs(paired.machine - 1) >= _WORTH_SAYING:
        machine = f", the machine itself {paired.machine - 1:+.0%}"
    return (
        f"slower than the record: {paired.after.neuron} by {by}, {paired.after.work}, at "
        f"{paired.after.size}, "
        f"{_time(paired.before.fastest)} -> {_time(paired.after.fastest)} "
        f"({paired.ratio - 1:+.0%}{machine})"
    )


def named(name: str, folder: Path) -> list[Timing]:
    """The times that ``name`` stands for.

    A file or folder of times, a device's folder below ``folder``, a git commit, or
    ``COMMIT:DEVICE``, the times that were recorded there. Raises InputError.
    """
    path = Path(name)
    if path.is_file():
        return timings_of(path)
    for place in (path, folder / name):
        if place.is_dir() and (found := _below(place)):
            return found
    return _of_commit(name, folder)


def _below(place: Path) -> list[Timing]:
    return all_timings(place) or [t for p in sorted(place.glob("*.json")) for t in timings_of(p)]


def _of_commit(name: str, folder: Path) -> list[Timing]:
    commit, _, device = name.partition(":")
    inside = folder / device if device else folder
    listed = _git("ls-tree", "-r", "--name-only", commit, "--", f"{inside}/")
    paths = [path for path in (listed or "").splitlines() if path.endswith(".json")]
    if not paths:
        devices = ", ".join(sorted(p.name for p in folder.glob("*") if p.is_dir())) or "none"
        raise InputError(
            f"throughput compare: {name!r} is no file or folder of times, no device below "
            f"{folder} ({devices}) and no commit that recorded any"
        )
    found = []
    for path in paths:
        text = _git("show", f"{commit}:./{path}")
        assert text is not None
        found += parsed(text, f"{commit}:{path}")
    return found


def _git(*words: str) -> str | None:
    done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None


def table(pairs: list[Paired]) -> Table:
    """For the terminal, largest change first."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("what", "of, run by"):
        shown.add_column(heading, overflow="fold")
    for heading in ("A", "B", "B / A", "machine", "rounds", ""):
        shown.add_column(heading, justify="right", no_wrap=True)
    for each in sorted(pairs, key=lambda p: -abs(math.log(p.own))):
        shown.add_row(
            f"{each.after.work}\n{each.after.size} {each.after.dtype}",
            f"{each.after.neuron}\n{each.after.backend}",
            _time(each.before.fastest),
            _time(each.after.fastest),
            f"{each.ratio:.2f}",
            f"{each.machine:.2f}",
            _rounds(each),
            each.verdict,
        )
    return shown


def _rounds(paired: Paired) -> str:
    if paired.overlap:
        return "overlap"
    return "at its pace" if paired.overlap_at_its_pace else "apart"


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} us"
