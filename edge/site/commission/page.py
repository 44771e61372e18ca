"""Page: the sign-off report as one HTML file to print on A4: no script, nothing loaded. Pure.

Light colours whatever the reader's screen is set to: it is for paper. Nothing is told by colour
alone.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from edge.detail import classes, density
from edge.site._check import Check, Level
from edge.site.commission.report import Report, Shape, Sheet, Walked

_STYLE = """
:root { color-scheme: light; --line: #b4bac0; --soft: #eef1f4; --ink: #14181c; --dim: #4a535c;
  --green: #1b6b3a; --amber: #7a4a00; --red: #a3111f; }
@page { size: A4; margin: 16mm 15mm 16mm; }
* { box-sizing: border-box; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
body { font: 10pt/1.4 system-ui, "DejaVu Sans", sans-serif; color: var(--ink); background: #fff;
  max-width: 180mm; margin: 0 auto; padding: 6mm 0; }
@media print { body { padding: 0; max-width: none; } }
h1 { font-size: 18pt; line-height: 1.2; margin: 0; }
h2 { font-size: 12.5pt; margin: 8mm 0 2mm; border-bottom: .6mm solid var(--ink);
  break-after: avoid; }
h3 { font-size: 11pt; margin: 0 0 1mm; break-after: avoid; }
p { margin: 1mm 0 2mm; }
.verdict { border: .6mm solid; padding: 3mm 4mm; margin: 4mm 0; font-size: 11pt; }
.verdict strong { font-size: 14pt; }
table { border-collapse: collapse; width: 100%; margin: 1mm 0 3mm; }
th, td { border-bottom: .2mm solid var(--line); padding: 1mm 2mm 1mm 0; text-align: left;
  vertical-align: top; overflow-wrap: break-word; }
td:last-child { overflow-wrap: anywhere; }
thead { display: table-header-group; }
thead th { border-bottom-color: var(--ink); }
tr { break-inside: avoid; }
tbody th { font-weight: 600; width: 42mm; }
.level { white-space: nowrap; font-weight: 700; width: 17mm; }
.green { color: var(--green); } .amber { color: var(--amber); } .red { color: var(--red); }
.dim { color: var(--dim); }
.camera { break-inside: avoid; margin: 0 0 6mm; }
.camera img { width: 100%; max-height: 105mm; object-fit: contain; object-position: left;
  display: block; background: var(--soft); }
.none { border: .3mm dashed var(--red); padding: 6mm; color: var(--red); font-weight: 600; }
.hash { font: 7.5pt/1.35 ui-monospace, "DejaVu Sans Mono", monospace; }
.silent { border: .6mm solid var(--red); padding: 2mm 4mm; margin: 2mm 0; break-inside: avoid; }
.silent li { font-size: 12pt; font-weight: 700; color: var(--red); }
.packages { columns: 3; font-size: 8pt; padding: 0; list-style: none; }
.sign { break-inside: avoid; display: grid; grid-template-columns: 1fr 1fr; gap: 12mm 10mm;
  margin-top: 14mm; }
.sign div { border-top: .3mm solid var(--ink); padding-top: 1mm; }
"""

MOST_ROWS = 60
"""Events of a walk on paper: a page and a half."""

_WORDS: dict[Level, str] = {"green": "✓ good", "amber": "! note", "red": "✗ FAILED"}
_ORDER: dict[Level, int] = {"red": 0, "amber": 1, "green": 2}


def page(report: Report) -> str:
    """The whole file.

    Args:
        report: What to show.
    """
    title = escape(f"Sign-off: {report.box.get('site', '')}, {report.box.get('node', '')}")
    packages = "".join(
        f"<li>{escape(name)} {escape(version)}</li>"
        for name, version in report.versions.items()
        if name not in _MAIN
    )
    body = "\n".join(
        [
            _verdict(report),
            _section("Box", _facts(report.box)),
            _section("What was tried", _checks(report.checks)),
            _section("Walk test", _walk(report.walk)),
            _section("Cameras", "".join(map(_camera, report.cameras)) or "<p>None.</p>"),
            _section("Link, clock, heat", _facts(_measured(report))),
            _section("Capacity left", _facts(report.capacity)),
            _section("Not tested", _list(report.untested)),
            _section("Installed", _installed(report)),
            f'<ul class="packages">{packages}</ul>',
            _SIGN,
        ]
    )
    return f"""<!DOCTYPE html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{title}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


_MAIN = ("edge", "release in service", "python")

_SIGN = """<section class="sign" aria-label="Signatures">
<div>Engineer: name, signature</div><div>Date</div>
<div>For the operator: name, signature</div><div>Date</div>
</section>"""


def _section(title: str, content: str) -> str:
    return f"<section>\n<h2>{escape(title)}</h2>\n{content}\n</section>"


def _verdict(report: Report) -> str:
    failed = report.failed
    n_notes = sum(check.level == "amber" for check in report.checks)
    who = f" by {escape(report.engineer)}" if report.engineer else ""
    made = f"Made on {escape(report.made_at.replace('T', ' '))}{who}, by the box itself."
    words = "<strong>All that was tried works.</strong>"
    if failed:
        names = ", ".join(escape(check.name) for check in failed)
        words = f"<strong>NOT READY: {len(failed)} failed.</strong> {names}."
    level = "red" if failed else "green"
    notes = f" {n_notes} {'note' if n_notes == 1 else 'notes'}." if n_notes else ""
    return (
        f'<div class="verdict {level}">{words}{notes}</div>\n<p class="dim">{made} '
        f"{len(report.untested)} things were not tested; they are listed below.</p>"
    )


def _facts(facts: Mapping[str, str]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
        for name, value in facts.items()
    )
    return f"<table><tbody>{rows}</tbody></table>"


def _table(columns: Sequence[str], rows: Iterable[str]) -> str:
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _row(*cells: str) -> str:
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def _list(items: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>"


def _checks(checks: Sequence[Check]) -> str:
    """What failed first."""
    rows = []
    for check in sorted(checks, key=lambda one: _ORDER[one.level]):
        remedy = f'<br><span class="dim">→ {escape(check.remedy)}</span>' if check.remedy else ""
        rows.append(
            f'<tr><td class="level {check.level}">{_WORDS[check.level]}</td>'
            f"<td>{escape(check.name)}</td><td>{escape(check.found)}{remedy}</td></tr>"
        )
    return _table(("", "what", "found"), rows)


def _walk(walked: Walked | None) -> str:
    if walked is None:
        return '<p class="amber"><b>Nobody walked: no rule was tested.</b></p>'
    parts = []
    if walked.silent:
        parts.append(
            f'<div class="silent"><p class="red"><b>These rules did not fire in '
            f"{walked.seconds:g} s:</b></p>{_list(walked.silent)}</div>"
        )
    parts.append(f"<p>Fired: {escape(', '.join(walked.fired) or 'none')}.</p>")
    rows = [
        _row(
            seen.at.replace("T", " ").partition(".")[0],
            f"{seen.camera}/{seen.rule}",
            f"{seen.kind} {seen.where}".strip(),
            seen.classes,
            "yes" if seen.is_heard else "NO: in the outbox only",
        )
        for seen in walked.events
    ]
    if rows:
        columns = ("time, UTC", "camera/rule", "what", "who", "heard at the broker")
        parts.append(_table(columns, rows[:MOST_ROWS]))
    if len(rows) > MOST_ROWS:
        parts.append(f"<p>{len(rows) - MOST_ROWS} more are in commission.json.</p>")
    if walked.left_out:
        parts.append(_list(f"{rule}: {why}" for rule, why in walked.left_out.items()))
    return "".join(parts)


def _camera(sheet: Sheet) -> str:
    title = f"{sheet.camera}: {sheet.name}" if sheet.name else sheet.camera
    picture = f'<p class="none">{escape(sheet.found)}</p>'
    if sheet.picture:
        coded = b64encode(sheet.picture).decode()
        alt = escape(f"{title} with its zones, lines and masks")
        picture = (
            f'<img src="data:image/jpeg;base64,{coded}" alt="{alt}">'
            f'<p class="dim">{escape(sheet.found)}; {escape(sheet.hidden)}. '
            f"Masks, black: {escape(', '.join(sheet.masks) or 'none')}.</p>"
        )
    columns = ("", "name", "pixels a metre", "EN 62676-4:2015", "IEC 62676-4:2025")
    shapes = _table(columns, map(_shape, sheet.shapes)) if sheet.shapes else ""
    return f'<div class="camera"><h3>{escape(title)}</h3>{picture}{shapes}</div>'


def _shape(shape: Shape) -> str:
    if not shape.is_calibrated:
        return _row(shape.kind, shape.name, "not calibrated", "not known", "not known")
    dori, newer = classes(shape.least)
    figures = density(shape.least, shape.most)
    if shape.least == 0:
        figures += ", partly above the horizon"
    return _row(shape.kind, shape.name, figures, dori or "below all", newer or "below all")


def _measured(report: Report) -> dict[str, str]:
    trips = sorted(report.round_trip_ms)
    sensors = report.sensors
    said = "nothing came back"
    if trips:
        said = f"{trips[len(trips) // 2]:.1f} ms, at most {trips[-1]:.1f} ms of {len(trips)}"
    heat = {
        f"temperature {zone}": f"{celsius:.0f} °C"
        + (f", throttled from {limit:.0f} °C" if (limit := sensors.limit_celsius.get(zone)) else "")
        for zone, celsius in sensors.celsius.items()
    }
    return {
        "MQTT round trip": said,
        **{f"clock, {name}": value for name, value in report.clock.items()},
        **(heat or {"temperature": "no sensor of this machine can be read"}),
        **({"power mode": sensors.power_mode} if sensors.power_mode else {}),
        **{f"throttled, {cause}": f"{n} times" for cause, n in sensors.throttled.items()},
    }


def _installed(report: Report) -> str:
    main = {name: report.versions[name] for name in _MAIN if name in report.versions}
    rows = [
        f"<tr><td>{escape(one.what)}</td><td>{escape(one.name)}</td>"
        f'<td class="hash">{escape(one.sha256)}</td></tr>'
        for one in report.installed
    ]
    return _facts(main) + _table(("", "name", "SHA-256"), rows)
