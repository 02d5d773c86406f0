"""Says whether the copy is complete and equal, and which gates to cut-over are shut."""
