"""Guarantees broken on purpose: each mutant must turn a test red."""
