"""Keys in the database: made, revoked and rotated by ops, read by every gateway."""
