"""A table for the LaTeX packages array, booktabs, longtable and graphicx."""

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
_BREAK = 60  # characters of a cell above which its lines are broken
_PAGE = 40  # rows that one page holds
_LINE = 140  # characters of a line of it, at the size of long tables


def document(names: Iterable[str]) -> str:
    """A document that prints the tables of these names, each in a file beside it."""
    return "\n".join(
        [
            r"\documentclass{article}",
            r"\usepackage[a4paper,margin=1.5cm]{geometry}",
            r"\usepackage{array,booktabs,graphicx,longtable}",
            r"\begin{document}",
            *(rf"\input{{{name}}}\clearpage" for name in names),
            r"\end{document}",
            "",
        ]
    )


def latex(table: Table) -> str:
    """A ``table`` no wider than the page, or a ``longtable`` that breaks rows and pages, where
    there are more rows than a page has, or texts of several lines."""
    rows, titles = table.texts(), [str(title) for title in table.shown.columns]
    columns = [list(texts) for texts in zip(titles, *rows, strict=True)]
    longest = max(len(text) for texts in columns for text in texts)
    head = [r"\toprule", _line(titles), r"\midrule"]
    body, previous = [], rows[0][0]
    for row in rows:
        if row[0] != previous:
            body.append(r"\addlinespace")
        previous = row[0]
        body.append(_line(row))
    title = rf"\caption{{{escape(table.caption)}}}\label{{tab:{table.name}}}"
    body.append(r"\bottomrule")
    if len(rows) > _PAGE or longest > _BREAK:
        lines = _long(title, _widths(columns), head, body)
    else:
        lines = _short(title, "l" * len(titles), head, body)
    return "\n".join(lines) + "\n"


def _short(title: str, columns: str, head: list[str], body: list[str]) -> list[str]:
    fitted = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
    opened = [r"\begin{table}", r"\centering", title, fitted, rf"\begin{{tabular}}{{{columns}}}"]
    return [*opened, *head, *body, r"\end{tabular}}", r"\end{table}"]


def _widths(columns: list[list[str]]) -> list[float]:
    """Of a line, as fractions: room for each column's longest word, the rest as texts need it."""
    words = [max(len(word) for text in texts for word in text.split()) for texts in columns]
    texts = [min(max(map(len, texts)), _BREAK) for texts in columns]
    more = [max(text - word, 0) for text, word in zip(texts, words, strict=True)]
    each = max(_LINE - sum(words), 0) / max(sum(more), 1)
    wanted = [word + each * rest for word, rest in zip(words, more, strict=True)]
    return [width / sum(wanted) for width in wanted]


def _long(title: str, widths: list[float], head: list[str], body: list[str]) -> list[str]:
    """The head again on every page."""
    sizes = (rf"\dimexpr{width:.4f}\linewidth-2\tabcolsep" for width in widths)
    columns = "".join(rf">{{\raggedright\arraybackslash}}p{{{size}}}" for size in sizes)
    settings = r"{\tiny\setlength{\tabcolsep}{2pt}\setlength{\LTcapwidth}{\linewidth}"
    opened = [settings, rf"\begin{{longtable}}{{{columns}}}"]
    top = [rf"{title}\\", *head, r"\endfirsthead", *head, r"\endhead"]
    return [*opened, *top, *body, r"\end{longtable}}"]


def _line(texts: Iterable[str]) -> str:
    return " & ".join(map(escape, texts)) + r" \\"


def escape(text: str) -> str:
    """Text as LaTeX takes it."""
    return "".join(_LATEX.get(sign, sign) for sign in text)
