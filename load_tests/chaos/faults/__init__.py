"""The faults, a file a subject, found by discovery (:mod:`load_tests.chaos.discovery`)."""
