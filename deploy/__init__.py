"""The CDK app: everything that the services need on AWS, from one settings file."""
