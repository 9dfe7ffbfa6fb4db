"""`tsgen-worker app:t` runs the workers that the object `t` of the module `app` declares."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys

from .app import Workers


def main() -> None:
    parser = argparse.ArgumentParser(prog="tsgen-worker", description="Runs workers of tsgen until SIGTERM.")
    parser.add_argument("app", help="MODULE:NAME, a Tsgen or AsyncTsgen with workers")
    parser.add_argument("--burst", action="store_true", help="end when nothing is ready")
    parser.add_argument("--log-level", default="INFO", help="DEBUG, INFO, WARNING, ... (INFO)")
    given = parser.parse_args()
    logging.basicConfig(level=given.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    module, _, name = given.app.partition(":")
    sys.path.insert(0, os.getcwd())
    app = getattr(importlib.import_module(module), name or "t", None)
    if not isinstance(app, Workers):
        parser.error(f"{given.app} is no Tsgen")
    try:
        app.run(burst=given.burst)
    except Exception as error:
        sys.exit(f"tsgen-worker: {error}")
