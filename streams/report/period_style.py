"""What reports of a period add to the style sheet: figures, cells, bars, and the printed page."""

from __future__ import annotations

from typing import Final

from streams.report.style import STYLE

PERIOD_STYLE: Final = (
    STYLE
    + """
:root { --low: #e3ebf1; --high: #b4cadb; --over: #8a7aa8; --reference: #9aa5ae;
  --raised: #f4f6f8; }
@media screen and (prefers-color-scheme: dark) { :root { --low: #232c34; --high: #34516a;
  --over: #8c7cb4; --reference: #6d7880; --raised: #1d2328; } }
main { display: block; } header p { margin: 0.2rem 0; }
h1 { font-size: 1.7rem; margin: 0.4rem 0; } h4 { font-size: 0.95rem; margin: 1rem 0 0.2rem; }
h2 { border-top: 2px solid var(--rule); padding-top: 1rem; margin-top: 2.2rem; }
a { color: var(--info); }
.facts { display: flex; flex-wrap: wrap; gap: 0.6rem; padding: 0; margin: 1rem 0;
  list-style: none; }
.facts li { background: var(--raised); border: 1px solid var(--rule); border-radius: 6px;
  padding: 0.5rem 0.9rem; min-width: 7rem; }
.facts strong { display: block; font-size: 1.25rem; font-variant-numeric: tabular-nums; }
.facts span { color: var(--dim); font-size: 0.85rem; }
nav ul { columns: 14rem 3; padding-left: 1.2rem; margin: 0.4rem 0; }
.level { display: inline-block; min-width: 4.6rem; padding: 0.05rem 0.5rem; border-radius: 4px;
  border: 1px solid var(--rule); border-left-width: 10px; font-size: 0.85rem; }
.level.drift { border-left-color: var(--drift); font-weight: 600; }
.level.watch { border-left-color: var(--watch); }
.level.stable { border-left-color: var(--stable); }
.level.unknown { border-left-color: var(--dim); color: var(--dim); }
tbody th { font-weight: 400; } td.prose { white-space: normal; min-width: 20rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.2rem 1.2rem; margin: 0.6rem 0; }
dt { color: var(--dim); } dd { margin: 0; }
pre { background: var(--raised); border: 1px solid var(--rule); padding: 0.7rem 0.9rem;
  overflow-x: auto; font-size: 0.85rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.pairs { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(30rem, 100%), 1fr));
  gap: 0.4rem 2rem; } .together { min-width: 0; break-inside: avoid; }
.pairs thead th { white-space: normal; } .absent { color: var(--dim); font-style: italic; }
svg .none { fill: var(--dim); font-style: italic; }
.reference { stroke: var(--ink); stroke-width: 1.2; stroke-dasharray: 1.5 3; }
.expected { fill: none; stroke: var(--warning); stroke-width: 1.3; stroke-dasharray: 5 3; }
.band { fill: var(--info); opacity: 0.16; stroke: none; }
.near { fill: var(--watch); stroke: var(--ink); stroke-width: 0.8; }
.cell-low { fill: var(--low); } .cell-high { fill: var(--high); } .cell-over { fill: var(--over); }
.cell-watch { fill: var(--watch); } .cell-drift { fill: var(--drift); }
.cell-none { fill: none; stroke: var(--rule); stroke-dasharray: 2 2; }
.fault { stroke: var(--ink); stroke-width: 1.6; fill: none; }
.bar-reference { fill: var(--reference); } .bar-current { fill: var(--psi); }
svg.bars { display: block; }
footer { margin-top: 3rem; border-top: 1px solid var(--rule); color: var(--dim); font-size:
  0.85rem; }
@page { size: A4; margin: 14mm 12mm; }
@media print { body { max-width: none; padding: 0; font-size: 10px; }
  .wide { overflow: visible; } .wide > svg { width: 100%; height: auto; }
  h1 { font-size: 17px; } h2 { font-size: 14px; break-after: avoid; margin-top: 1.2rem; }
  h3, h4 { font-size: 11px; break-after: avoid; } p { margin: 0.3rem 0; orphans: 3; widows: 3; }
  .wide, svg, tr, .facts, dl { break-inside: avoid; } .wide:has(table) { break-inside: auto; }
  thead { display: table-header-group; }
  table { font-size: 8.5px; width: 100%; } td, th { white-space: normal; padding-right: 0.4rem; }
  td.long, td.prose { min-width: 6rem; } td.number, td.when, .level { white-space: nowrap; }
  td, th { overflow-wrap: break-word; } td.long { overflow-wrap: anywhere; }
  .level { font-size: 8.5px; min-width: 3.6rem; border-left-width: 6px; } p:has(> .key) {
    break-after: avoid; } .key, .facts span, .note, pre, footer { font-size: 8.5px; }
  svg.bars { width: 90px; } .pairs { display: block; columns: 2; } a { color: inherit; }
  .facts li { padding: 0.2rem 0.5rem; min-width: 0; } .facts strong { font-size: 12px; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; } }
"""
)
