"""The control schema's history, one revision a change."""
