"""How good the detectors are: false alarms, delays and misses on streams whose truth is known."""
