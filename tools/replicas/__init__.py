"""Three replicas behind nginx, checked with real parts: PostgreSQL, nginx, processes of `nomos-mcp http`, MCP clients.

    upstream        the simulator as a process that measures when requests arrive
    processes       a process and its log
    deployment      starts and stops everything, and keeps the logs
    callers         MCP clients that read, and some that order
    disturbances    kills a replica, PostgreSQL and nginx's connections, and looks at what is said meanwhile
    growth          calls a second and CPU per call, with one, two and three replicas
    promises        what was measured, beside what is promised

`python -m tools.replicas` runs it. Linux only, for /proc.
"""
