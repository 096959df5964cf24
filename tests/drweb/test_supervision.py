"""Children come back after a crash and leave in order."""

import sys

from cases.management.supervision import Child, supervise
from tests.running_system import until


def child(program, path, delay=0.05):
    return Child("child", [sys.executable, "-c", program, str(path)], delay=delay)


def lines(path):
    return path.read_text().split() if path.exists() else []


COUNT_AND_CRASH = "import sys; open(sys.argv[1], 'a').write('x\\n'); sys.exit(3)"
WAIT_FOR_TERM = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (open(sys.argv[1], "a").write("ended\\n"), sys.exit()))
open(sys.argv[1], "a").write("started\\n")
time.sleep(60)
"""
IGNORE_TERM = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1], "a").write("started\\n")
time.sleep(60)
"""


def test_a_child_that_dies_is_started_again(tmp_path):
    starts = tmp_path / "starts"
    supervise([child(COUNT_AND_CRASH, starts)], stopping=lambda: len(lines(starts)) >= 3)
    assert len(lines(starts)) >= 3


def test_restarts_become_rarer(tmp_path):
    starts = tmp_path / "starts"
    crashing = child(COUNT_AND_CRASH, starts)
    supervise([crashing], stopping=lambda: len(lines(starts)) >= 3)
    assert crashing.delay >= 0.2


def test_stopping_lets_children_finish(tmp_path):
    log = tmp_path / "log"
    supervise([child(WAIT_FOR_TERM, log)], stopping=lambda: lines(log) == ["started"])
    assert lines(log) == ["started", "ended"]


def test_a_child_that_will_not_stop_is_killed(tmp_path):
    log = tmp_path / "log"
    stubborn = child(IGNORE_TERM, log)
    processes = []

    def stopping():
        if stubborn.process:
            processes[:] = [stubborn.process]
        return bool(lines(log))

    supervise([stubborn], stopping=stopping, patience=0.1)
    assert until(lambda: processes[0].poll() is not None)
