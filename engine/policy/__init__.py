"""What a spec said over a history: episodes, triggers and windows, read from records as carried.

Rule.  Everything here is read from the records of the output topics, so that what is shown is what
was said; and it is pure: the times are event times, and nothing here opens a file.
"""
