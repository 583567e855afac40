"""The commands, one file each.

Every start of the server loads all of these files, so what is slow to load is imported by the function that needs it.
"""
