"""The page of a report, for Jinja with autoescape; see :mod:`.report`."""

STYLE = """
:root {
  --ink: #1c2733; --muted: #5b6875; --line: #dfe5ea; --ground: #f5f7f9;
  --accent: #3573b1;
}
* { box-sizing: border-box; }
body {
  margin: 0; background: #fff; color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto,
    "Helvetica Neue", Arial, sans-serif;
}
main { max-width: 1080px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 4px;
  overflow-wrap: anywhere; }
h2 { font-size: 21px; margin: 56px 0 4px; padding-top: 20px;
  border-top: 2px solid var(--ink); overflow-wrap: anywhere; }
h3 { font-size: 16px; margin: 32px 0 8px; }
p { margin: 4px 0 12px; max-width: 72ch; }
.muted { color: var(--muted); }
.note { background: var(--ground); border-left: 3px solid var(--accent);
  padding: 10px 14px; margin: 16px 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 20px;
  margin: 20px 0 0; }
dt { color: var(--muted); }
dd { margin: 0; overflow-wrap: anywhere; }
.cards { display: grid; gap: 16px; margin: 28px 0 8px;
  grid-template-columns: repeat(auto-fill, minmax(250px, 1fr)); }
.card { border: 1px solid var(--line); border-radius: 6px;
  padding: 14px 18px 12px; }
.card .name { color: var(--muted); overflow-wrap: anywhere; }
.card .number { font-size: 34px; line-height: 1.25; font-weight: 650;
  font-variant-numeric: tabular-nums; }
.card .number small { font-size: 18px; font-weight: 400;
  color: var(--muted); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%;
  font-variant-numeric: tabular-nums; }
th, td { padding: 6px 14px 6px 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); }
thead th { vertical-align: bottom; }
thead th { color: var(--muted); font-weight: 500; }
th:last-child, td:last-child { padding-right: 0; }
.num { text-align: right; white-space: nowrap; }
table.plain { width: auto; min-width: 60%; }
tbody th { font-weight: 400; }
.scores tbody th { min-width: 150px; }
code, pre { font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas,
  monospace; }
td code, th code { color: var(--muted); display: block; font-size: 12px; }
table.bars { min-width: 680px; table-layout: fixed; }
table.bars th:first-child { width: 22%; }
table.bars .num { width: 11%; }
.swatch { display: inline-block; width: 11px; height: 11px;
  border-radius: 2px; margin-right: 8px; }
.track { position: relative; display: block; height: 7px; margin: 3px 0 2px;
  background: #edf0f3; border-radius: 2px; }
.track i { position: absolute; left: 0; top: 0; bottom: 0;
  border-radius: 2px; }
.track b { position: absolute; top: 3px; height: 1px;
  background: var(--ink); }
.track b::before, .track b::after { content: ""; position: absolute;
  top: -3px; height: 7px; width: 1px; background: var(--ink); }
.track b::before { left: 0; }
.track b::after { right: 0; }
.range { color: var(--muted); white-space: nowrap; }
span.range { font-size: 13px; }
figure { margin: 12px 0 20px; overflow-x: auto; }
figure img { display: block; width: 100%; height: auto; }
figure.wide img { min-width: 760px; }
figure.panels img { max-width: 860px; min-width: 560px; }
figure.square img { max-width: 660px; min-width: 360px; }
figcaption { color: var(--muted); margin-bottom: 4px; }
details { margin: 12px 0; border: 1px solid var(--line); border-radius: 6px;
  padding: 0 16px; }
summary { cursor: pointer; padding: 10px 0; font-weight: 600; }
details pre { overflow: auto; max-height: 70vh; margin: 0 0 16px; }
td.text { white-space: pre-wrap; overflow-wrap: anywhere; }
@media (max-width: 560px) {
  main { padding: 24px 16px 40px; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: 8px; }
  h1 { font-size: 24px; }
}
@media print { details { break-inside: avoid; } main { max-width: none; } }
"""

PAGE = """\
{%- macro number(value, digits) -%}
{%- if value is none or value != value -%}–
{%- else -%}
<data value="{{ value }}">{{ value | fixed(digits) }}</data>
{%- endif -%}
{%- endmacro -%}
{%- macro range(pair, digits) -%}
{%- if pair -%}
{{ pair[0] | fixed(digits) }} to {{ pair[1] | fixed(digits) }}
{%- else -%}–{%- endif -%}
{%- endmacro -%}
{%- macro picture(shown, kind) %}
<figure class="{{ kind }}">
{%- if shown.caption %}<figcaption>{{ shown.caption }}</figcaption>{% endif %}
<img src="{{ shown.uri }}" alt="{{ shown.alt }}"></figure>
{%- endmacro -%}
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Test of {{ title }}</title>
<style>{{ style }}</style>
</head>
<body>
<main>
<h1>Test of {{ title }}</h1>
<dl>
{%- for name, value in facts %}
<dt>{{ name }}</dt><dd>{{ value }}</dd>
{%- endfor %}
</dl>

{%- if cards %}
<div class="cards">
{%- for card in cards %}
<div class="card"><div class="name">{{ card.name }}</div>
<div class="number">{{ card.value | fixed(card.digits) }}
<small>{{ card.unit }}</small></div>
<div class="muted">{% if card.interval -%}
95 % interval {{ range(card.interval, card.digits) }}
{%- else %}no interval{% endif %}</div></div>
{%- endfor %}
</div>
<p class="muted">{{ method }}</p>
{%- endif %}

{%- if differences %}
<h3>Differences</h3>
<p>All are scored on the same resamples. Where the interval does not hold 0,
another choice of {{ differences[0].units }} would hardly turn the difference
around.</p>
<div class="scroll"><table class="plain">
<thead><tr><th>Score</th><th class="num">Difference</th>
<th class="num">95 % interval</th></tr></thead>
<tbody>
{%- for row in differences %}
<tr><th>{{ row.name }}</th>
<td class="num">{% if row.value >= 0 %}+{% endif -%}
{{ row.value | fixed(row.digits) }}</td>
<td class="num range">{{ range(row.interval, row.digits) }}</td></tr>
{%- endfor %}
</tbody></table></div>
{%- endif %}

{%- for section in sections %}
<h2>{{ section.title }}</h2>
<p class="muted">{{ section.extent }}</p>
{%- if not section.rows %}
<p class="note">The set has no labels, so there is no truth: nothing is
scored. What follows are the predictions alone.</p>
{%- else %}
<h3>Scores</h3>
<div class="scroll"><table class="plain scores">
<thead><tr><th>Name</th>
{%- for column in section.columns %}
<th class="num">{{ column }}</th><th class="num">95 % interval</th>
{%- endfor %}</tr></thead>
<tbody>
{%- for row in section.rows %}
<tr><th>{{ row.name }}<code>{{ row.key }}</code></th>
{%- for cell in row.cells %}
<td class="num"{% if cell.key %} data-key="{{ cell.key }}"{% endif %}>
{{- number(cell.value, section.digits) }}</td>
<td class="num range">{{ range(cell.interval, section.digits) }}</td>
{%- endfor %}</tr>
{%- endfor %}
</tbody></table></div>
{%- if section.unit_note %}<p class="muted">{{ section.unit_note }}</p>
{%- endif %}
{%- endif %}

{%- if section.picture %}
<h3>{{ section.picture_title }}</h3>
{{- picture(section.picture, section.picture_kind) }}
{%- endif %}

{%- if section.table %}
<h3>{{ section.table_title }}</h3>
{%- if section.table.bars %}
<div class="scroll"><table class="bars">
<thead><tr><th>{{ section.title_of_row }}</th>
{%- for name in section.table.bars %}<th>{{ name }} (%)</th>{% endfor %}
<th class="num">Support</th></tr></thead>
<tbody>
{%- for row in section.table.rows %}
<tr><th>{% if section.has_swatches -%}
<span class="swatch" style="background:{{ row.colour }}"></span>
{%- endif %}{{ row.name }}</th>
{%- for bar in row.bars %}
<td{% if bar.key %} data-key="{{ bar.key }}"{% endif %}>
{{- number(bar.value, 2) }}
{%- if bar.interval %}
<span class="range">&ensp;{{ range(bar.interval, 1) }}</span>{% endif %}
<span class="track">
{%- if bar.value is not none -%}
<i style="width:{{ '%.2f' % bar.value }}%;background:{{ row.colour }}"></i>
{%- endif -%}
{%- if bar.interval -%}
<b style="left:{{ '%.2f' % bar.interval[0] }}%;width:
{{- '%.2f' % (bar.interval[1] - bar.interval[0]) }}%"></b>
{%- endif -%}
</span></td>
{%- endfor %}
<td class="num">{{ '{:,}'.format(row.support) }}</td></tr>
{%- endfor %}
</tbody></table></div>
{%- else %}
<div class="scroll"><table>
<thead><tr><th></th>
{%- for name in section.table.columns %}<th class="num">{{ name }}</th>
{%- endfor %}</tr></thead>
<tbody>
{%- for row in section.table.rows %}
<tr><th>{{ row.name }}</th>
{%- for cell in row.cells %}<td class="num">{{ number(cell, 3) }}</td>
{%- endfor %}</tr>
{%- endfor %}
</tbody></table></div>
{%- endif %}
{%- endif %}

{%- if section.timelines %}
<h3>{{ section.timelines_title }}</h3>
{%- for shown in section.timelines %}{{ picture(shown, 'wide') }}
{%- endfor %}
{%- endif %}

{%- if section.videos %}
<details><summary>All {{ section.videos | length }} videos,
best first</summary>
<div class="scroll"><table>
<thead><tr><th>Video</th><th class="num">{{ section.video_score }}</th>
<th class="num">Labeled frames</th><th class="num">Frames with a face</th>
<th class="num">Frames</th></tr></thead>
<tbody>
{%- for video in section.videos %}
<tr><th>{{ video.name }}</th>
<td class="num">{{ number(video.score, section.digits) }}</td>
<td class="num">{{ '{:,}'.format(video.labeled) }}</td>
<td class="num">{{ '{:,}'.format(video.faces) }}</td>
<td class="num">{{ '{:,}'.format(video.frames) }}</td></tr>
{%- endfor %}
</tbody></table></div></details>
{%- endif %}
{%- endfor %}

{%- if others %}
<h2>Other scores</h2>
<p class="muted">Of metrics that give no intervals.</p>
<div class="scroll"><table class="plain"><tbody>
{%- for key, value in others %}
<tr><th><code>{{ key }}</code></th>
<td class="num" data-key="{{ key }}">{{ number(value, 4) }}</td></tr>
{%- endfor %}
</tbody></table></div>
{%- endif %}

<h2>Training</h2>
<p class="muted">{{ training.note }}</p>
{%- for shown in training.pictures %}
{{- picture(shown, 'wide') }}
{%- endfor %}

<h2>Config and versions</h2>
<details><summary>Config</summary><pre>{{ config }}</pre></details>
<details><summary>Versions</summary>
<div class="scroll"><table><tbody>
{%- for name, value in versions %}
<tr><th>{{ name }}</th><td class="text">{{ value }}</td></tr>
{%- endfor %}
</tbody></table></div></details>
</main>
</body>
</html>
"""
