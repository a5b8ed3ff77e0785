"""Decisions: from the judged windows of one model to triggers and alerts.

One rule is one file, found by :mod:`engine.decide.rules`.  Rules read revision 0 of disjoint
windows only: sliding windows overlap and confirm nothing, and a correction makes no decision.
"""
