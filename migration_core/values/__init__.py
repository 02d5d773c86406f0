"""From JSON values to values that a column holds unchanged: every check that MySQL would answer by a repair."""
