"""Champion and challenger: two versions of one model on the same events, and which is to serve.

See docs/champion-challenger.md.
"""
