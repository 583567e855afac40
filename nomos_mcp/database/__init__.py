"""The database, for what outlives a process: SQLite on one machine, PostgreSQL where several machines share it.

Nothing here is loaded without `NOMOS_MCP_DATABASE`.
"""
