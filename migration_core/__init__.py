"""The rules of the migration, pure: no I/O, clock, randomness, environment or logging."""
