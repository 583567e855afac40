"""What can go wrong on the way, on demand: which requests it strikes, and what it does to them.

Must not know the resources, nor how the control routes are worded.
"""
