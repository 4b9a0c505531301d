"""Where a profile keeps its things: a folder with params.yaml, results/ and reports/."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


def kernels_folder() -> Path:
    """Where compiled kernels are kept: in the working directory, or in the user's cache where its
    path has a space, at which PyTorch would split the command of its compiler."""
    here = Path(".cache", "inductor").absolute()
    split = any(letter.isspace() for letter in str(here))
    return Path.home() / ".cache" / "aia" / "inductor" if split else here


INDEX = "index.json"  # of a baseline, see benchmarks/records/recorded.py


@dataclass(frozen=True)
class Profile:
    """Paths of one profile; ``folder`` is the project's root for profile quick."""

    folder: Path

    @property
    def name(self) -> str:
        """Under which it is recorded: ``ncars/wide`` as ncars_wide, the project's root as quick."""
        folder = self.folder
        if folder.is_absolute():
            here = Path.cwd()
            folder = folder.relative_to(here) if folder.is_relative_to(here) else Path(folder.name)
        return "_".join(part for part in folder.parts if part != "recorded") or "quick"

    @property
    def params(self) -> Path:
        return self.folder / "params.yaml"

    @property
    def runs(self) -> Path:
        return self.folder / "results" / "runs"

    @property
    def tuning(self) -> Path:
        """One folder a learning rate, each with runs and hosts of its own."""
        return self.folder / "results" / "tuning"

    @property
    def tuned(self) -> Path:
        """One file a (data set, neuron): which learning rate was chosen, from what."""
        return self.folder / "results" / "tuned"

    @property
    def compared(self) -> Path:
        """One folder a neuron that was compared with the recorded ones."""
        return self.folder / "results" / "compared"

    @property
    def data(self) -> Path:
        return self.folder / "results" / "data"

    @property
    def specs(self) -> Path:
        return self.folder / "results" / "specs"

    @property
    def throughput(self) -> Path:
        return self.folder / "results" / "throughput"

    @property
    def tables(self) -> Path:
        return self.folder / "results" / "tables"

    @property
    def tex(self) -> Path:
        """The tables for LaTeX; beside those that DVC watches."""
        return self.folder / "results" / "tex"

    @property
    def checkpoints(self) -> Path:
        return self.folder / "results" / "checkpoints"

    @property
    def slurm(self) -> Path:
        """One folder a list of cells that was made for a job array."""
        return self.folder / "results" / "slurm"

    @property
    def figures(self) -> Path:
        return self.folder / "reports" / "figures"

    @property
    def page(self) -> Path:
        return self.folder / "reports" / "index.html"

    @property
    def events(self) -> Path:
        """Cache of generated frames, shared by all profiles of one working directory."""
        return Path(".cache") / "events"
