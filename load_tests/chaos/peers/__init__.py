"""Other stream processors that count the same events under the same faults."""
