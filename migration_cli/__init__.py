"""`migration …`: one command for people, over the same code as the services."""
