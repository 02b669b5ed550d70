"""Bounded waiting: no test waits for ever and none sleeps longer than it must."""

import os
import time

#: Seconds after which a wait has failed. Slow machines (sanitizer builds, shared runners) may raise it.
PATIENCE = float(os.environ.get("APUS_TEST_PATIENCE", "10"))


def wait_until(condition, what, patience=None, interval=0.01):
    """Polls `condition` until it is true and returns its value; fails naming `what` in the end."""
    deadline = time.monotonic() + (PATIENCE if patience is None else patience)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain for {what() if callable(what) else what}")
        time.sleep(interval)


def settled(value, pause=0.2):
    """What `value()` comes to once it no longer changes between two looks."""
    last = value()
    while True:
        time.sleep(pause)
        now = value()
        if now == last:
            return now
        last = now
