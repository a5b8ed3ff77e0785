"""The pure core: values in, effects out.

No Kafka, Faust, Prometheus, asyncio, clock, environment or global random in this package: time is
an argument.  The same core is driven by the Faust agents, by replay, and by the benchmarks.
"""
