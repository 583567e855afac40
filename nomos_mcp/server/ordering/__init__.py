"""Ordering a smart meter: checked first, confirmed by a person, sent once, and recorded.

The steps of one order:

    eligibility   may a smart meter be ordered at all? reads only
    consent       is the order confirmed, and how is that known?
    submit        the one write, and the search for its outcome if the answer was lost
    audit_log     one line about the attempt, begun before the write and completed before the answer is returned
"""
