"""The doorbell queue, with what becomes of doorbells that nobody could handle."""

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs

from deploy.names import RECEIVES, RETENTION_DAYS, VISIBILITY_SECONDS


def made_queue(stack: Stack, key: kms.Key) -> sqs.Queue:
    """FIFO at high throughput: order and deduplication are each lane's own."""
    dead = _fifo(stack, "DeadDoorbells", key, retention=Duration.days(14))
    return _fifo(
        stack,
        "Doorbells",
        key,
        retention=Duration.days(RETENTION_DAYS),
        # Doorbells hold no data: what lies there is an alarm, and the sweeper has applied its lane long since.
        dead_letter_queue=sqs.DeadLetterQueue(queue=dead, max_receive_count=RECEIVES),
    )


def _fifo(
    stack: Stack,
    name: str,
    key: kms.Key,
    *,
    retention: Duration,
    dead_letter_queue: sqs.DeadLetterQueue | None = None,
) -> sqs.Queue:
    return sqs.Queue(
        stack,
        name,
        fifo=True,
        content_based_deduplication=False,
        deduplication_scope=sqs.DeduplicationScope.MESSAGE_GROUP,
        fifo_throughput_limit=sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
        visibility_timeout=Duration.seconds(VISIBILITY_SECONDS),
        retention_period=retention,
        encryption=sqs.QueueEncryption.KMS,
        encryption_master_key=key,
        data_key_reuse=Duration.hours(1),
        enforce_ssl=True,
        dead_letter_queue=dead_letter_queue,
        removal_policy=RemovalPolicy.DESTROY,  # the truth is in MySQL
    )
