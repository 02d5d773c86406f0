"""Statistics: what `statistics:` of a mapping says, checked, and the words of their SQL."""
