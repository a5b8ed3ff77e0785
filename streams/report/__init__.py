"""A policy over history for people: the same tables as text and as one HTML file with plots.

Rule.  Names of models, features and reasons come from users' files: whatever shows them goes
through :mod:`streams.report.markup` or :mod:`streams.report.sheets`, which take them as text and as
nothing else.  The same history gives the same bytes.
"""
