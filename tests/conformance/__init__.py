"""What a FIFO queue does at AWS, each promise as a case that any SQS server can be held against."""
