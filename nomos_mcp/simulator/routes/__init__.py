"""The paths: one file for each, reading a request and answering in the caller's version.

Must not know how an answer gets its headers, or how errors are worded: that is the gate's.
"""
