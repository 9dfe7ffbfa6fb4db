"""Sends what it reads through redis-py and prints the replies; `../runner.rs` tells both formats.

    python runner.py PORT 2|3 plain|pipeline|transaction|cluster [hiredis]
"""

import json
import sys
from urllib.parse import unquote_to_bytes

import redis
from redis._parsers import _HiredisParser, _RESP2Parser, _RESP3Parser
from redis.backoff import NoBackoff
from redis.retry import Retry

port, protocol, mode = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
ERRORS = redis.ResponseError


def connect():
    # What waits in the server must not be given up and sent again.
    options = {"port": port, "protocol": protocol, "socket_timeout": None, "retry": Retry(NoBackoff(), 0)}
    if mode == "cluster":
        return redis.RedisCluster(host="127.0.0.1", port=port, protocol=protocol)
    # Without a choice redis-py takes hiredis if it is installed; here it is.
    parser = _HiredisParser if "hiredis" in sys.argv else _RESP3Parser if protocol == 3 else _RESP2Parser
    return redis.Redis(connection_pool=redis.ConnectionPool(parser_class=parser, **options))


def send(client, batch):
    if mode in ("plain", "cluster"):
        for words in batch:
            try:
                yield client.execute_command(*words)
            except ERRORS as error:
                yield error
        return
    pipeline = client.pipeline(transaction=mode == "transaction")
    for words in batch:
        pipeline.execute_command(*words)
    yield from pipeline.execute(raise_on_error=False)


def neutral(reply):
    if isinstance(reply, bytes):
        return reply.decode("latin-1")
    if isinstance(reply, list):
        return [neutral(item) for item in reply]
    if isinstance(reply, dict):
        return {"map": [[neutral(key), neutral(value)] for key, value in reply.items()]}
    if isinstance(reply, ERRORS):
        # Codes that redis-py knows, ERR among them, are not in the text.
        return {"error": f"{reply.status_code} {reply}" if reply.status_code else str(reply)}
    if reply is None or type(reply) is int:
        return reply
    return {"unexpected": repr(reply)}


client = connect()
batch = []
for line in sys.stdin:
    if line != "\n":
        # The name of a command is text here: that of a cluster is looked up.
        name, *words = map(unquote_to_bytes, line.rstrip("\n").split(" "))
        batch.append([name.decode(), *words])
        continue
    for reply in send(client, batch):
        print(json.dumps(neutral(reply)))
    sys.stdout.flush()
    batch = []
