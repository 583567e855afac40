"""The data set: named scenarios with stable IDs, and a seeded crowd around them so that lists have pages.

Must not know the wire. Every name, address and account in it is invented, and so is how long each step takes.
"""
