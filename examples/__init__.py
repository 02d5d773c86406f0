"""Complete migrations on sample data: mapping, processed schema, source and an independent model of it."""
