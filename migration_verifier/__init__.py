"""The service that says whether the copy is complete and equal; one runs beside the workers."""
