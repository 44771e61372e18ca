"""Cover: the first page of an export, to be read on a screen and on paper. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from edge.evidence.sidecar import Sidecar

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1a1a1a; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem }
h1 { font-size: 1.7rem; margin-bottom: 0.2rem } h2 { font-size: 1.15rem; margin-top: 2rem }
dl { display: grid; grid-template-columns: 11rem 1fr; gap: 0.15rem 1rem; margin: 0.6rem 0 }
dt { color: #555 } dd { margin: 0; overflow-wrap: anywhere }
code { font: 0.85em/1.4 ui-monospace, monospace; overflow-wrap: anywhere }
article { border-top: 1px solid #bbb; padding: 1rem 0; break-inside: avoid }
article h3 { margin: 0 0 0.5rem; font-size: 1rem }
img, video { max-width: 100%; max-height: 22rem; border: 1px solid #bbb; display: block }
.wrong { border: 2px solid #b00020; padding: 0.5rem 1rem }
pre { background: #f2f2f2; padding: 0.6rem 1rem; white-space: pre-wrap }
@media print { body { margin: 0; max-width: none; font-size: 11pt } video { display: none } }
"""
_WHAT = {"clip": "Clip", "snapshot": "Picture, as shown", "clean": "Picture, without drawing"}
_ORDER = {"snapshot": 0, "clip": 1, "clean": 2}
_MASKING = {
    "none": "the camera has no privacy mask",
    "black": "privacy masks were black before the picture was made",
    "reencoded": "the clip was encoded again with black privacy masks",
}
_REDACTION = {"none": "nothing", "heads": "people's heads", "figures": "people's whole figures"}


def page(items: Sequence[tuple[str, Sidecar]], manifest: Mapping[str, Any]) -> str:
    """The page as HTML that needs nothing from elsewhere.

    Args:
        items: Place in the export and sidecar of each.
        manifest: The export's.
    """
    first = items[0][1]
    begin, end = min(s.begin for _, s in items), max(s.end for _, s in items)
    events = manifest["events"]
    facts = {
        "Site and box": f"{first.site} / {first.node}",
        "Cameras": ", ".join(sorted({s.camera for _, s in items})),
        "From": _time(begin),
        "To": _time(end),
        "Pieces of evidence": str(len(items)),
        "Asked for by": manifest["who"],
        "Reason": manifest["why"],
        "Exported": manifest["made_at"],
        "Software": f"edge {manifest['software']}",
        "Events": f"events.jsonl: {events['kept']} as they were sent, "
        f"{events['made_from_sidecars']} made from what is kept with the media",
        "Audit log": manifest["audit"],
    }
    left_out = "".join(f"<li>{escape(why)}</li>" for why in manifest["left_out"])
    warning = (
        f'<section class="wrong"><h2>Left out because damaged</h2><ul>{left_out}</ul></section>'
        if left_out
        else ""
    )
    told = sorted(items, key=lambda item: (item[1].incident, item[1].event, _ORDER[item[1].media]))
    body = "".join(_article(place, sidecar) for place, sidecar in told)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Evidence {escape(first.site)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{_STYLE}</style></head><body>
<h1>Evidence export</h1>
{_list(facts)}
{warning}
<h2>How to check that nothing was changed</h2>
<p>Each file's SHA-256 stands in <code>SHA256SUMS</code>. In this folder, run either of</p>
<pre>python3 verify.py
sha256sum -c SHA256SUMS</pre>
<p><code>verify.py</code> needs Python and nothing else. It names every file that was changed, is
missing or was added, and prints the digest of the list: compare that with the one noted when the
export was made, for whoever changes a file and the list with it cannot change that note.</p>
<p>Where <code>audit.jsonl</code> is here, each of its records has the proof that it is in the box's
audit log, whose signed state is <code>audit-checkpoint.txt</code>; <code>verify.py</code>
checks these, and compares media and events with them. It cannot check the signature:
<code>edge evidence verify</code> does that.</p>
<p>Times are UTC; each is right to within the figure beside it.</p>
<h2>What is in it</h2>
{body}
</body></html>
"""


def _article(place: str, sidecar: Sidecar) -> str:
    address = escape(place, quote=True)
    if sidecar.media == "clip":
        shown = f'<video src="{address}" controls preload="metadata"></video>'
    else:
        shown = f'<img src="{address}" alt="{escape(_WHAT[sidecar.media], quote=True)}">'
    until = "" if sidecar.end == sidecar.begin else f" to {_time(sidecar.end)}"
    model = sidecar.model
    facts = {
        "When": f"{_time(sidecar.begin)}{until}, within {sidecar.clock_ms} ms",
        "What was decided": sidecar.kind + (f", rule {sidecar.rule}" if sidecar.rule else ""),
        "Purpose": sidecar.purpose or "not stated",
        "Privacy masks": _MASKING[sidecar.masking],
        "Pixelated": _REDACTION[sidecar.redaction],
        "Event": sidecar.event,
        "Incident": sidecar.incident,
        "File": f"{sidecar.bytes} bytes, {sidecar.codec}",
        "SHA-256": sidecar.sha256,
        "Model": f"{model.name}, SHA-256 {model.sha256}" if model else "none",
        "Configuration": f"SHA-256 {sidecar.config}",
        "Made": f"{_time(sidecar.made_at)} by edge {sidecar.software}",
    }
    title = f"{_WHAT[sidecar.media]}: {sidecar.camera}"
    link = f'<p><a href="{address}"><code>{escape(place)}</code></a></p>'
    return f"<article><h3>{escape(title)}</h3>{shown}{link}{_list(facts)}</article>\n"


def _list(facts: Mapping[str, str]) -> str:
    rows = (f"<dt>{escape(key)}</dt><dd>{escape(str(said))}</dd>" for key, said in facts.items())
    return f"<dl>{''.join(rows)}</dl>"


def _time(at: Any) -> str:
    return str(at.strftime("%Y-%m-%d %H:%M:%S.")) + f"{at.microsecond // 1000:03d} UTC"
