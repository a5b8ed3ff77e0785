"""Pure numbers: statistics that compare two histograms and estimators that watch a stream.

Nothing in this package knows feature names, topics, clocks or files.  One detector is one
file, found by :mod:`detectors.discovery`; the file name is the config key and the metric name.
"""
