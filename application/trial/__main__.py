"""The process of the engine: `python -m application.trial`, started by `hearthline score`, fed through its input."""

import signal
import sys

from application.trial.reception import serve

signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started it ends it, by ending its input
serve(sys.stdin.buffer, sys.stdout.buffer)
