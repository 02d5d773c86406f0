"""The service that stores every record of the topics exactly once, and rings for it."""
