"""What was seen of the orders, and when: the API keeps no history and no answer remembers the last one.

Only with a database, `NOMOS_MCP_DATABASE`. Importing this package does not load SQLAlchemy; `nomos_mcp.history.store`
does.
"""
