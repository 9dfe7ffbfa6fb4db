"""Leaves out tests of a framework, each for a reason; and fails where a reason is left and its test is gone."""

import pytest


def leave_out(config, items, reasons):
    """`reasons` has beginnings of node ids. Those that are of a file which is not run are passed over."""
    files = {item.nodeid.split("::")[0] for item in items}
    stale = [name for name in reasons if name.split("::")[0] in files and not any(item.nodeid.startswith(name) for item in items)]
    if stale:
        raise pytest.UsageError(f"left out, and not there: {stale}")
    gone = [item for item in items if any(item.nodeid.startswith(name) for name in reasons)]
    config.hook.pytest_deselected(items=gone)
    items[:] = [item for item in items if item not in gone]
