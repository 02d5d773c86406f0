"""The local replay: a legacy platform, its snapshot and its live changes, migrated and checked on one machine."""
