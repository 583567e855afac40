"""Who calls: tokens of the operator's issuer, or of a file, checked and turned into callers of the MCP face.

A token is looked at here and kept nowhere: it does not travel upstream, into a log or into an answer.
"""
