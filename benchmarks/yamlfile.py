"""YAML, and what is wrong with a file of it in one line.

``1e-3`` and ``1.5e3`` are numbers, as in YAML 1.2, and a key that is given twice is an error.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from benchmarks.errors import InputError


class _Loader(yaml.SafeLoader):
    """Values alone: no tag of a file runs anything."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    own: set[Any] = set()
    for key_node, _ in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":
            continue
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, Hashable):
            raise yaml.constructor.ConstructorError(
                None, None, "a list or a mapping cannot be a key", key_node.start_mark
            )
        if key in own:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} is given twice", key_node.start_mark
            )
        own.add(key)
    loader.flatten_mapping(node)  # what is merged in by ``<<`` comes first, and may be overridden
    return {
        loader.construct_object(key, deep=True): loader.construct_object(value, deep=True)
        for key, value in node.value
    }


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)


def parse_yaml(text: str) -> Any:
    """What ``text`` says. Raises yaml.YAMLError."""
    try:
        return yaml.load(text, Loader=_Loader)
    except (TypeError, ValueError, RecursionError) as error:  # a day 99, a number of 5,000 digits
        raise yaml.YAMLError(str(error)) from error


def read_yaml(path: Path, if_missing: str) -> Any:
    """What ``path`` holds.

    Raises InputError for a file that is not there, with what to do, that is not UTF-8 or not YAML.
    """
    try:
        return parse_yaml(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"{path}: no such file; {if_missing}") from error
    except (OSError, ValueError) as error:
        if isinstance(error, UnicodeDecodeError):
            said = f"not UTF-8 (byte {error.start}); save it as UTF-8"
        else:
            said = f"cannot be read ({getattr(error, 'strerror', error)})"
        raise InputError(f"{str(path)[:200]!r}: {said}") from error
    except yaml.YAMLError as error:
        reason = re.sub(r"\s+", " ", str(error))
        raise InputError(f"{path}: not YAML: {reason}") from error
