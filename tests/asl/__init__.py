"""Amazon States Language, executed in tests: as much of it as the deployment uses, and an error for all else."""
