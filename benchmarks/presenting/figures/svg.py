"""A figure as SVG of few bytes, the same ones for the same figure."""

from __future__ import annotations

import io
import re

from matplotlib.figure import Figure

# Verdana has the widths of DejaVu Sans, which matplotlib lays out with and few readers have
FONTS = ("DejaVu Sans", "Verdana", "sans-serif")
_UNSAID: dict[str, None] = dict.fromkeys(("Date", "Creator", "Format", "Type"))


def svg(figure: Figure) -> str:
    """The figure in hundredths of a point, its text as text, without what only editors read."""
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata=_UNSAID)
    text = file.getvalue().decode("utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r"<[^>]+>", lambda tag: re.sub(r"\d+\.\d{3,}", _rounded, tag[0]), text)
    text = re.sub(r"font-family: [^\"]*?sans-serif(; )?", "", text)
    text = text.replace("<defs>", f"<style>text{{font-family:{','.join(FONTS)}}}</style><defs>", 1)
    text = re.sub(r' transform="rotate\(-0 [^"]*"', "", text)
    text = re.sub(r'<g id="[^"]*"', "<g", text)
    text = re.sub(r'(?<= d=")[^"]*', lambda path: re.sub(r"\s*([A-Za-z])\s*", r"\1", path[0]), text)
    return re.sub(r">\s+<", "><", re.sub(r"\s+", " ", text)) + "\n"


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")
