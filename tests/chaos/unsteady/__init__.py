"""A program whose time of day jumps an hour to and fro at every look."""
