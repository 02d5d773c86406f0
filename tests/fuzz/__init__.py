"""Readers of foreign bytes, tried with more inputs than a person can think of."""
