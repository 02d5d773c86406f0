"""What must be so before any work begins: one file for each part, each with its remedy."""
