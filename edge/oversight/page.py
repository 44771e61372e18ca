"""Page: a report as one HTML file: no script, nothing loaded, printable, readable aloud. Pure."""

from __future__ import annotations

from html import escape

from edge.oversight.table import NOT_PROVIDED, Cell, Figure, Report, Table, ranges

_STYLE = """
:root { color-scheme: light dark; --line: #b8b8b8; --bar: #1d5c96; --soft: #f1f4f7;
  --warn: #8a3b00; }
@media (prefers-color-scheme: dark) {
  :root { --line: #555; --bar: #7db4e6; --soft: #1f2429; --warn: #ffb27a; }
}
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 75rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.7rem; line-height: 1.2; } h2 { font-size: 1.25rem; margin-top: 2.2rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .6rem; text-align: left;
  vertical-align: top; overflow-wrap: anywhere; min-width: 5rem; }
th { overflow-wrap: normal; }
thead th { background: var(--soft); }
td.number { font-variant-numeric: tabular-nums; }
.missing { color: var(--warn); font-weight: 600; }
.note { max-width: 50rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }
dt { font-weight: 600; } dd { margin: 0; overflow-wrap: anywhere; }
svg { max-width: 40rem; width: 100%; height: auto; margin: .8rem 0; display: block; }
svg rect { fill: var(--bar); } svg text { fill: currentColor; font: 13px system-ui, sans-serif; }
#records { font-size: .85rem; } #records li { overflow-wrap: anywhere; }
:target { outline: 2px solid var(--bar); }
nav ul { columns: 2; }
@media print { nav { display: none; } a { color: inherit; text-decoration: none; }
  h2 { break-after: avoid; } tr { break-inside: avoid; }
  body { max-width: none; font-size: 10pt; }
  .scroll { overflow: visible; } th, td { min-width: 0; padding: .2rem .3rem; } }
@page { size: A4 landscape; margin: 12mm; }
"""


class _Notes:
    """The records behind figures, each set listed once at the end of the page."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[int, ...], int] = {}

    def link(self, figure: Figure) -> str:
        """A figure, and where its records stand."""
        text = _escaped(figure.text)
        if not figure.records:
            return text
        key = tuple(sorted(set(figure.records)))
        number = self._numbers.setdefault(key, len(self._numbers) + 1)
        label = f"{figure.text}, the records behind it"
        return f'<a href="#r{number}" aria-label="{escape(label)}">{text}</a>'

    def html(self) -> str:
        """All of them, as a list."""
        items = []
        for records, number in self._numbers.items():
            spans = ", ".join(
                str(first) if first == last else f"{first}–{last}"  # noqa: RUF001 - a range
                for first, last in ranges(records)
            )
            items.append(f'<li id="r{number}" value="{number}">records {spans}</li>')
        return "\n".join(items)


def page(report: Report) -> str:
    """The whole file.

    Args:
        report: What to show.
    """
    notes = _Notes()
    sections = "\n".join(_section(table, notes) for table in report.tables)
    contents = "\n".join(
        f'<li><a href="#{table.key}">{escape(table.title)}</a></li>' for table in report.tables
    )
    facts = "\n".join(
        f"<dt>{escape(key.replace('_', ' ').capitalize())}</dt><dd>{_cell(cell, notes)}</dd>"
        for key, cell in report.facts.items()
    )
    title = escape(report.title)
    return f"""<!DOCTYPE html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p class="note">Made by the box itself from its audit log and nothing else. Every linked figure
leads to the numbers of the records behind it; <code>edge audit show</code> prints a record, and
<code>edge audit verify</code> shows that none was changed.</p>
<dl>
{facts}
</dl>
</header>
<nav aria-label="Contents"><ul>
{contents}
</ul></nav>
<main>
{sections}
<section id="records-behind" aria-labelledby="records-title">
<h2 id="records-title">Records behind the figures</h2>
<ol id="records">
{notes.html()}
</ol>
</section>
</main>
</body>
</html>
"""


def _section(table: Table, notes: _Notes) -> str:
    title = f'<h2 id="{table.key}-title">{escape(table.title)}</h2>'
    note = f'<p class="note">{escape(table.note)}</p>\n' if table.note else ""
    begin = f'<section id="{table.key}" aria-labelledby="{table.key}-title">\n{title}\n{note}'
    if not table.rows:
        return f"{begin}<p>None in this month.</p>\n</section>"
    heads = "".join(f'<th scope="col">{escape(words)}</th>' for words in table.columns.values())
    rows = "\n".join(
        "<tr>" + "".join(_td(row.get(key, ""), notes) for key in table.columns) + "</tr>"
        for row in table.rows
    )
    return (
        f"{begin}{_chart(table)}"
        f'<div class="scroll" role="region" tabindex="0" aria-labelledby="{table.key}-title">'
        f"<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>\n"
        "</section>"
    )


def _td(cell: Cell, notes: _Notes) -> str:
    is_number = isinstance(cell, Figure) and isinstance(cell.value, int | float)
    return f"<td{' class=number' if is_number else ''}>{_cell(cell, notes)}</td>"


def _cell(cell: Cell, notes: _Notes) -> str:
    return notes.link(cell) if isinstance(cell, Figure) else _escaped(cell)


def _escaped(text: str) -> str:
    safe = escape(text)
    return safe.replace(NOT_PROVIDED, f'<span class="missing">{NOT_PROVIDED}</span>')


_BAR, _LEFT, _WIDTH = 24, 220, 640


def _chart(table: Table) -> str:
    """Bars of one column; what they show stands in the table too."""
    bars: list[tuple[str, float, str]] = []
    for row in table.rows if table.chart else ():
        figure = row.get(table.chart)
        if isinstance(figure, Figure) and isinstance(figure.value, int | float):
            first, second = ([*row.values(), ""])[:2]
            label = " ".join(one for one in (first, second) if isinstance(one, str))
            bars.append((label, float(figure.value), figure.text))
    most = max((value for _, value, _ in bars), default=0.0)
    if most <= 0:
        return ""
    height = _BAR * len(bars) + 4
    column = escape(table.columns[table.chart])
    summary = escape(f"{table.title}, {table.columns[table.chart]}: ") + escape(
        "; ".join(f"{label} {text}" for label, _, text in bars)
    )
    room = _WIDTH - _LEFT - 70
    drawn = []
    for i, (label, value, text) in enumerate(bars):
        y, width = i * _BAR + 2, round(room * value / most, 1)
        middle = y + _BAR - 9
        short = label if len(label) <= 30 else label[:29] + "…"
        drawn.append(
            f'<text x="{_LEFT - 8}" y="{middle}" text-anchor="end">{escape(short)}</text>'
            f'<rect x="{_LEFT}" y="{y + 2}" width="{width}" height="{_BAR - 6}"></rect>'
            f'<text x="{_LEFT + width + 6:.1f}" y="{middle}">{escape(text)}</text>'
        )
    return (
        f'<figure><figcaption>{column}</figcaption><svg viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{summary}">{"".join(drawn)}</svg></figure>\n'
    )
