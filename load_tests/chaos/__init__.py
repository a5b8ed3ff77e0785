"""Faults on a real broker: what is lost, what is counted twice, and how long it takes to go on."""
