"""The Grafana dashboards as code: ``python -m grafana.build`` writes ``grafana/dashboards``.

Rule.  A page is a value of plain dataclasses (:mod:`grafana.panels`, :mod:`grafana.pages`); only
:mod:`grafana.lowering` and :mod:`grafana.frame` know Grafana's own types.  What the metrics mean is
told in docs/metrics.md and nowhere invented: a gauge is of the newest judged window, so a panel
shows what was known at a time, and the window's end says how old that is.
"""
