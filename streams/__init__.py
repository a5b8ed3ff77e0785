"""I/O around the core: Faust app, transport, topics, metrics, publisher and command line."""
