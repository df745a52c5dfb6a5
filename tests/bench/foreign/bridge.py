"""Runs one mq-bridge route until it is killed: `python bridge.py route.json NAME`, in the environment that has it."""

import logging
import signal
import sys

import mq_bridge

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    mq_bridge.init_logging("warn")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    mq_bridge.Route.from_file(sys.argv[1], sys.argv[2]).run()
