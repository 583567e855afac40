"""Every framework and client that was found, in an environment of its own, against the real server.

Models are scripted and on 127.0.0.1; nothing else is reached but the registries that packages come from.
"""
