"""A period of one model out of the records that workers tell: what a report shows.

Rule.  Everything here is a function of records and of the period that was asked for.  What came
later than the end of the period is not known, so the report of a week is the same whenever it is
made.
"""
