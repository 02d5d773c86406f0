"""The only package that speaks Kafka."""
