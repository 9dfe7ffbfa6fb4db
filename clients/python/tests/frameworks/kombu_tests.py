"""A plugin for pytest: kombu's integration tests for its transport over Redis, with that of tsgen in its place."""

import pytest
from kombu.transport import TRANSPORT_ALIASES
from left_out import leave_out

import tsgen.celery  # noqa: F401

TRANSPORT_ALIASES["redis"] = TRANSPORT_ALIASES["tsgen"]

FILE = "t/integration/test_redis.py"
UNACKED = "looks into the hash of unacknowledged messages of the Redis transport; here leases are in the server"
ONE_BY_ONE = "messages are published one by one, as the others of its class check"
PREFIXED = "takes many seconds; it is run without a prefix of keys"
REDIS_CLASSES = "brings its own subclasses of the Redis transport"

LEFT_OUT = {
    f"{FILE}::test_RedisPublishBatch::test_fanout_is_deferred_until_flush": ONE_BY_ONE,
    f"{FILE}::test_RedisRestoreVisible": UNACKED,
    f"{FILE}::test_RedisRestoreBindingLookupFailure": UNACKED,
    f"{FILE}::test_RedisRestoreAtShutdown": UNACKED,
    f"{FILE}::test_RedisSentinelFanoutCompat": REDIS_CLASSES,
    f"{FILE}::test_SentinelManagerClose": REDIS_CLASSES,
    f"{FILE}::test_RedisQueueExpiration::test_queue_expiration_set[connection1]": PREFIXED,
    f"{FILE}::test_RedisQueueExpiration::test_binding_table_kept_while_consumer_is_paused[connection1]": PREFIXED,
    f"{FILE}::test_RedisQueueExpiration::test_binding_table_kept_while_drain_events_has_prefetch_full[connection1]": PREFIXED,
    f"{FILE}::test_RedisQueueExpiration::test_binding_table_kept_while_a_callback_blocks[connection1]": PREFIXED,
    f"{FILE}::test_RedisBrpopHealthCheck::test_half_open_connection_dropped_and_consumption_resumes[connection1]": PREFIXED,
    f"{FILE}::test_RedisBrpopHealthCheck::test_half_open_connection_dropped_by_drain_events[connection1]": PREFIXED,
}


# Before -k has its turn.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    leave_out(config, items, LEFT_OUT)
