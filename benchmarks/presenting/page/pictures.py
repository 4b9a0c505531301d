"""Figures as parts of a page."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from benchmarks.presenting.figures.write import figure_path


@dataclass(frozen=True)
class Picture:
    """A figure to embed."""

    about: str  # data set, device, or the learning rates
    uri: Markup


def pictures(folder: Path, kind: str, about: tuple[str, ...]) -> list[Picture]:
    paths = {name: figure_path(folder, kind, name) for name in about}
    return [Picture(name, data_uri(path)) for name, path in paths.items() if path.exists()]


def data_uri(path: Path) -> Markup:
    """The picture itself as an address, for an attribute in single quotes."""
    if path.suffix == ".svg":
        return svg_uri(path.read_text(encoding="utf-8"))
    code = base64.b64encode(path.read_bytes()).decode("ascii")
    return Markup(f"data:image/png;base64,{code}")


def svg_uri(text: str) -> Markup:
    """An SVG as it is, but for what such an address may not hold."""
    for sign, code in (("%", "%25"), ("#", "%23"), ("'", "%27"), ("&", "&amp;")):
        text = text.replace(sign, code)
    return Markup(f"data:image/svg+xml,{text.strip()}")
