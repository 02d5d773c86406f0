"""Loads a snapshot folder into raw tables, and makes such folders."""
