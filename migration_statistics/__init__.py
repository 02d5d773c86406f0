"""Statistics on the processed schema: counted in full or followed, in bounded pieces, by one process at a time."""
