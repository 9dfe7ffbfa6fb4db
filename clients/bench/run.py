"""Runs all contenders, each on a server of its own: `run.py <server> <module> <folder>`. scripts/bench-clients starts it.

Prints a table of ratios to the first contender of each group: medians of ROUNDS runs, in which contenders take turns.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SERVER, MODULE, FOLDER = sys.argv[1:4]
HERE = Path(__file__).parent
SIZES = {"JOBS": "5000", "TIMED": "300", "DELAYED": "150"} | {
    name: os.environ[name] for name in ("JOBS", "TIMED", "DELAYED") if os.environ.get(name)
}
PYTHON = [sys.executable, str(HERE / "python/bench.py")]
NODE = ["node", f"{FOLDER}/node/bench.js"]
GO = [f"{FOLDER}/bench-go"]
#: Ours first. A contender that has frameworks between is compared with the same framework on the other broker.
GROUPS = [
    ("Python", [("tsgen", PYTHON, "tsgen"), ("taskiq, taskiq-redis", PYTHON, "taskiq-redis"), ("Celery, Redis", PYTHON, "celery-redis")]),
    ("taskiq", [("TsgenBroker", PYTHON, "taskiq on tsgen"), ("taskiq-redis", PYTHON, "taskiq-redis")]),
    ("Celery", [("tsgen://", PYTHON, "celery on tsgen"), ("redis://", PYTHON, "celery-redis")]),
    ("Node", [("tsgen", NODE, "tsgen"), ("BullMQ", NODE, "bullmq")]),
    ("Go", [("tsgen", GO, "tsgen"), ("asynq", GO, "asynq")]),
]
#: Name, and whether more is better.
COLUMNS = {"adds": True, "handled": True, "p50": False, "p99": False, "delayed_p50": False, "delayed_p99": False}


def measure(command, name):
    """One run of one contender."""
    with tempfile.TemporaryDirectory() as folder:
        server, port = start(folder)
        try:
            environment = {**os.environ, **SIZES, "REDIS_URL": f"redis://127.0.0.1:{port}"}
            done = subprocess.run([*command, name], env=environment, capture_output=True, text=True, timeout=300)
            if done.returncode:
                sys.exit(f"{name}: {done.stdout}{done.stderr}")
            return json.loads(done.stdout.splitlines()[-1])
        finally:
            server.kill()
            server.wait()


def start(folder):
    """A server, and its port. Somebody else may take a port that was free a moment ago: then another one."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        options = ["--port", str(port), "--dir", folder, "--save", "", "--appendonly", "yes", "--appendfsync", "everysec"]
        server = subprocess.Popen([SERVER, *options, "--loadmodule", MODULE], stdout=subprocess.DEVNULL)
        while server.poll() is None:
            if process_at(port) == server.pid:
                return server, port
            time.sleep(0.02)


def process_at(port):
    """The process of the server that answers there, if there is one."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"INFO server\r\n")
            lines = connection.makefile("rb")
            return next((int(line.split(b":")[1]) for line in lines if line.startswith(b"process_id:")), None)
    except OSError:
        return None


def main():
    contenders = dict.fromkeys((command[-1], name) for _, group in GROUPS for _, command, name in group)
    commands = {command[-1]: command for _, group in GROUPS for _, command, _ in group}
    runs = {contender: [] for contender in contenders}
    for _ in range(int(os.environ.get("ROUNDS") or 3)):
        for program, name in contenders:
            result = measure(commands[program], name)
            print(
                f"{Path(program).name} {name}: { ({key: round(value, 2) for key, value in result.items()}) }", file=sys.stderr, flush=True
            )
            runs[program, name].append(result)
    medians = {
        contender: {key: statistics.median(run[key] for run in results) for key in COLUMNS if all(key in run for run in results)}
        for contender, results in runs.items()
    }
    print("| ours | beside | adds a second | handled a second | p50 | p99 | delayed, p50 | delayed, p99 |")
    print("|---|---|---|---|---|---|---|---|")
    for language, [(ours, our_command, our_name), *others] in GROUPS:
        for label, command, name in others:
            mine, theirs = medians[our_command[-1], our_name], medians[command[-1], name]
            # How many times better ours is, whichever way better is.
            better = {key: mine[key] / theirs[key] if more else theirs[key] / mine[key] for key, more in COLUMNS.items() if key in theirs}
            ratios = [f"{better[key]:.2g}" if key in better else "-" for key in COLUMNS]
            print(f"| {language}: {ours} | {label} | {' | '.join(ratios)} |")


main()
