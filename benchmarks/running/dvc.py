"""The handshake with DVC."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.errors import InputError
from benchmarks.params import Params
from benchmarks.params import read as read_params
from benchmarks.profile import Profile
from benchmarks.running.jobs import Stage, concluded

_log = logging.getLogger(__name__)


def hand_to_dvc(whole: set[Stage], partial: set[Stage], params: Params, profile: Profile) -> None:
    """Let DVC record the results of whole stages as its own.

    ``partial``: stages that stay stale. Where a kind has none, all of its stages are committed by
    the kind's name: stage by stage DVC reads its files again each time, half a second each. Nothing
    where params.yaml was edited meanwhile, as DVC would note what it says now.
    """
    if read_params(profile.params) != params:
        _log.warning("%s: edited during the run; the next one hands it to DVC", profile.params)
        return
    done = [stage for stage in whole if concluded(stage, params, profile)]
    behind = partial | (whole - set(done))
    names: set[str] = set()
    for stage in done:
        alone = any(stage.kind == other.kind for other in behind)
        names.add(stage.name(params) if alone else stage.kind_name(params))
    if names:
        ask_dvc("commit", "--force", *sorted(names))


def hand_times_to_dvc(params: Params, specs: Path) -> None:
    """Let DVC record times as its own, where it already knows such a stage's results.

    Within ``dvc repro`` the stage is DVC's own to record; before the first ``dvc repro`` of a
    clone what the stage depends on is not there.
    """
    lock = Path(params.at, "dvc.lock")
    inside = "DVC_STAGE" in os.environ or "DVC_ROOT" in os.environ
    known = (
        _is_of(params, specs.parents[1])
        and lock.exists()
        and "  throughput:" in lock.read_text(encoding="utf-8")
    )
    if not inside and known and (specs / "checkout.json").exists():
        ask_dvc("commit", "--force", f"{params.at}dvc.yaml:throughput")


def refuse_elsewhere(params: Params, profile: Profile) -> None:
    """Raise InputError where DVC would be asked about another profile."""
    if not _is_of(params, profile.folder):
        at = f"{os.path.relpath(profile.folder)}/"
        raise InputError(
            f"{profile.params}: `at: {params.at}` names another profile; write `at: {at}` and the "
            "way back as `root:`, and copy dvc.yaml beside it"
        )
    if not Path(params.at, "dvc.yaml").exists():
        raise InputError(f"{profile.folder}: no dvc.yaml there; cp dvc.yaml {profile.folder}")


def _is_of(params: Params, folder: Path) -> bool:
    """Whether the stages that ``at`` names for DVC are those of the profile in ``folder``."""
    return Path(params.at).resolve() == folder.resolve()


def ask_dvc(*words: str) -> str:
    """What DVC prints. Raises InputError with DVC's own reason."""
    command = [sys.executable, "-m", "dvc", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=_environment())
    if done.returncode != 0:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        errors = [line[len("error: ") :] for line in lines if line.lower().startswith("error: ")]
        reason = "; ".join(errors or lines[-1:]) or f"exit status {done.returncode}"
        raise InputError(f"dvc {words[0]}: {reason}")
    return done.stdout


def _environment() -> dict[str, str]:
    """This environment first on PATH, so that the commands of dvc.yaml find this Python."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
