"""Three replicas behind nginx, checked with real parts: PostgreSQL, nginx, processes of `nomos-mcp http`, MCP clients.

    upstream        the simulator as a process that measures when requests arrive
    processes       a process and its log
    nginx           before the replicas, as deploy/nginx.conf has it
    deployment      starts and stops everything, and keeps the logs
    callers         MCP clients that read, and some that order
    parts           everybody reads; then some order, while all of the rest is killed
    disturbances    kills a replica, PostgreSQL and nginx's connections
    readiness       what replicas say of themselves meanwhile
    orders          what upstream, the table, the log and the callers know of each order
    growth          calls a second and CPU per call, with one, two and three replicas
    promises        what was measured, beside what is promised

`python -m tools.replicas` runs it. Linux only, for /proc.
"""
