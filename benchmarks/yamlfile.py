"""YAML files, and what is wrong with them in one line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from benchmarks.errors import InputError


def read_yaml(path: Path, if_missing: str) -> Any:
    """What ``path`` holds.

    Raises InputError for a file that is not there, with what to do, or that is not YAML.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; {if_missing}") from error
    except yaml.YAMLError as error:
        reason = re.sub(r"\s+", " ", str(error))
        raise InputError(f"{path}: not YAML: {reason}") from error
