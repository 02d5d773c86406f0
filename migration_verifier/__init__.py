"""Says whether the copy is complete and equal, and opens or keeps shut the way to cut-over."""
