"""The style sheet of the report.

Rule.  Every colour is a variable that has one value by day and one by night; those of severities
and levels differ in lightness as well, for who sees no hue and for who prints.
"""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --ground: #ffffff; --ink: #1c2126; --dim: #5b6670;
  --rule: #d5dade; --critical: #9c1c28; --warning: #d98200; --warning-ground: #ffe7bd;
  --info: #3f77a8; --stable: #8fb9a3; --watch: #e0a53c; --drift: #9c1c28; --psi: #3f77a8; }
@media (prefers-color-scheme: dark) { :root { --ground: #15191d; --ink: #e6e9ec; --dim: #9aa5ae;
  --rule: #343c44; --critical: #ff6b70; --warning: #f0a83c; --warning-ground: #4a3510;
  --info: #7fb2e0; --stable: #3f6b57; --watch: #c48a2c; --drift: #ff6b70; --psi: #7fb2e0; } }
body { margin: 0 auto; padding: 1rem; max-width: 70rem; background: var(--ground);
  color: var(--ink); font: 15px/1.45 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.15rem; margin-top: 2rem; } h3 { font-size: 1rem; }
.wide { overflow-x: auto; } .defs { position: absolute; } .note { color: var(--dim); }
.key { display: inline-block; margin-right: 1rem; white-space: nowrap; color: var(--dim); }
.key svg { vertical-align: middle; }
table { border-collapse: collapse; font-size: 0.9rem; overflow-wrap: normal; }
th, td { border-bottom: 1px solid var(--rule); padding: 0.25rem 0.7rem 0.25rem 0; text-align: left;
  vertical-align: top; white-space: nowrap; }
td.long { white-space: normal; min-width: 14rem; overflow-wrap: anywhere; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
svg .tick { fill: var(--dim); text-anchor: middle; } svg .name { text-anchor: end; }
svg .bound { fill: var(--dim); text-anchor: end; font-size: 11px; }
.grid, .lane { stroke: var(--rule); stroke-width: 1; }
.marked { stroke: var(--ink); stroke-width: 2; stroke-dasharray: 7 4; }
.critical { fill: var(--critical); stroke: var(--critical); }
.warning { fill: url(#hatch); stroke: var(--warning); stroke-width: 1.5; }
.info { fill: none; stroke: var(--info); stroke-width: 1.5; }
.muted { fill: none; stroke-dasharray: 4 3; }
.hatch-ground { fill: var(--warning-ground); } .hatch-line { stroke: var(--warning);
  stroke-width: 5; }
.trigger { fill: var(--ink); }
.level-unknown { fill: var(--dim); } .level-stable { fill: var(--stable); }
.level-watch { fill: var(--watch); } .level-drift { fill: var(--drift); }
.maintained { fill: none; stroke: var(--dim); stroke-dasharray: 2 2; }
.threshold { stroke: var(--dim); stroke-dasharray: 5 4; }
.psi { fill: none; stroke: var(--psi); stroke-width: 1.5; }
.over { fill: var(--critical); } .under { fill: var(--ground); stroke: var(--psi); }
"""
