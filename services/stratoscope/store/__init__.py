"""Postgres over asyncpg: named queries in .sql files, migrations, one class per read model."""
