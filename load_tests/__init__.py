"""Load: the event generator, the side-by-side benchmark and its contenders."""
