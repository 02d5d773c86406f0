"""Real data: every flight that left New York in 2013, replayed as a stream of partial changes."""
