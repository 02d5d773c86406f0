"""The only package that speaks SQS."""
