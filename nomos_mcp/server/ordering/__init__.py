"""Ordering a smart meter: looked at first, said yes to by a person, sent once, and put on record.

The way of one order, none of it visited twice:

    preflight   may it be ordered at all? reads only
    consent     who said yes, and how is that known?
    placing     the one write, and what became of it if its answer was lost
    record      one line about it, before the answer goes out
"""
