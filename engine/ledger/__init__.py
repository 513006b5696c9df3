"""The ledger: what must never be lost or doubled, in one transactional store (SQLite or PostgreSQL). SQLAlchemy lives here only."""
