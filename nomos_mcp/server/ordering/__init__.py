"""Ordering a smart meter: checked first, confirmed by a person, sent once, and recorded.

The steps of one order:

    preflight   may it be ordered at all? reads only
    consent     did a person confirm it, and how is that known?
    submit      the one write, and what became of it if its answer was lost
    audit_log   one line about the attempt, begun before the write and completed before the answer goes out
"""
