"""How each API version speaks of the world's records: which it shows, in which words, filterable by what.

Must not know requests; must not change anything.
"""
