"""Real MySQL, Kafka and an SQS server on this machine, with containers or without, for the replay and the tests.

Nothing is imported here: `local_stack.venv` runs before there is anything to import.
"""
