"""PostgreSQL and TimescaleDB: the adapter behind the ports of support.store."""
