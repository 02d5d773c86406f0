"""The service that transforms raw rows into the processed schema; many run at once."""
