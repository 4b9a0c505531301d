"""A table for the LaTeX packages booktabs, longtable and graphicx."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.presenting.tables.table import Table

_LATEX = {
    "\\": r"\textbackslash{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "−": "$-$",
    "–": "--",
    "“": "``",
    "”": "''",
}
_BREAK = 60  # characters of a cell above which LaTeX may break its lines
_PAGE = 40  # rows that one page holds


def document(names: Iterable[str]) -> str:
    """A document that prints the tables of these names, each in a file beside it."""
    return "\n".join(
        [
            r"\documentclass{article}",
            r"\usepackage[a4paper,margin=1.5cm]{geometry}",
            r"\usepackage{booktabs,graphicx,longtable}",
            r"\begin{document}",
            *(rf"\input{{{name}}}\clearpage" for name in names),
            r"\end{document}",
            "",
        ]
    )


def latex(table: Table) -> str:
    """A ``table`` no wider than the page, or a ``longtable`` where it has more rows than a page."""
    rows = table.texts()
    columns = "".join(map(_alignment, zip(*rows, strict=True)))
    head = [r"\toprule", _line(map(str, table.shown.columns)), r"\midrule"]
    body, previous = [], rows[0][0]
    for row in rows:
        if row[0] != previous:
            body.append(r"\addlinespace")
        previous = row[0]
        body.append(_line(row))
    title = rf"\caption{{{escape(table.caption)}}}\label{{tab:{table.name}}}"
    whole = _long if len(rows) > _PAGE else _short
    return "\n".join(whole(title, columns, head, [*body, r"\bottomrule"])) + "\n"


def _short(title: str, columns: str, head: list[str], body: list[str]) -> list[str]:
    fitted = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
    opened = [r"\begin{table}", r"\centering", title, fitted, rf"\begin{{tabular}}{{{columns}}}"]
    return [*opened, *head, *body, r"\end{tabular}}", r"\end{table}"]


def _long(title: str, columns: str, head: list[str], body: list[str]) -> list[str]:
    """The head again on every page."""
    opened = [r"{\tiny\setlength{\tabcolsep}{2pt}", rf"\begin{{longtable}}{{{columns}}}"]
    top = [rf"{title}\\", *head, r"\endfirsthead", *head, r"\endhead"]
    return [*opened, *top, *body, r"\end{longtable}}"]


def _line(texts: Iterable[str]) -> str:
    return " & ".join(map(escape, texts)) + r" \\"


def _alignment(texts: Iterable[str]) -> str:
    """A column as wide as its texts, or one that breaks the lines of long ones."""
    return "l" if max(map(len, texts)) <= _BREAK else r"p{0.3\linewidth}"


def escape(text: str) -> str:
    """Text as LaTeX takes it."""
    return "".join(_LATEX.get(sign, sign) for sign in text)
