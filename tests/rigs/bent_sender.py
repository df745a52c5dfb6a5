"""A sender that is killed when a notice went out, before that is written down: `bent_sender.py DATABASE FILE PORT`."""

import os
import signal
import sys
import time
from pathlib import Path

from application.notify import queue
from application.notify.desk import Desk, read_plan
from application.notify.sending import send_due
from application.settings import NotifySettings
from support.postgres.connect import make_engine


def killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    database, file, port = sys.argv[1:]
    queue.settle_sent = killed
    told = NotifySettings(smtp_host="127.0.0.1", smtp_port=int(port), smtp_tls="none", smtp_from="heat@example.org")
    desk = Desk(Path(file), told, Path(file).parent, dict)
    send_due(make_engine(database, "bent"), desk, lambda: time.time_ns() // 1000, read_plan(Path(file)))
