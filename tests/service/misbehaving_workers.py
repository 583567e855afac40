"""Work that does not end when it is told to; a worker process has to find it by name."""

import os
import signal
import time


def stubborn(_: object) -> None:
    """Ignore SIGTERM, and have the parent end everything."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.kill(os.getppid(), signal.SIGTERM)
    while True:
        time.sleep(1)


def dying(_: object) -> None:
    """Die before anything is served."""
    os._exit(3)
