"""Runs one command and says what it cost, whole process tree included.

    measure.py REPORT LOG TIMEOUT_S COMMAND [ARGUMENT...]

Node can ask for its own usage only, so this asks the kernel. REPORT gets one JSON object with wallS, userS, systemS,
peakRssKib (of the largest single process) and status (128 + n for signal n, 124 when out of time, 125 when something
was left running). LOG gets what the command printed.
"""
import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
GRACE_S = 10


class OutOfTime(Exception):
    pass


def out_of_time(*_):
    raise OutOfTime


def bind_processes():
    """Orphans become our children, so that their work counts too; and we go when the benchmark goes (prctl(2))."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None).prctl
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def reaped_all(until):
    """Waits for orphans; true when none is left."""
    while time.monotonic() < until:
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.01)
        except ChildProcessError:
            return True
    return False


def kill_rest(session):
    """Ends what is left: the command's own group, and adopted processes that made a group of their own."""
    try:
        os.killpg(session, signal.SIGKILL)
    except ProcessLookupError:
        pass
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as children:
            for pid in children.read().split():
                os.kill(int(pid), signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError):
        pass


def run(command, timeout_s, output):
    """Exit status and wall seconds. An alarm, since Popen.wait(timeout) polls only every 50 ms."""
    signal.signal(signal.SIGALRM, out_of_time)
    began = time.monotonic()
    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        signal.setitimer(signal.ITIMER_REAL, timeout_s)
        status = child.wait()
        signal.setitimer(signal.ITIMER_REAL, 0)
    except OutOfTime:
        kill_rest(child.pid)
        status = 124
    except BaseException:
        kill_rest(child.pid)
        raise
    wall_s = time.monotonic() - began
    if not reaped_all(time.monotonic() + GRACE_S):
        kill_rest(child.pid)
        reaped_all(time.monotonic() + GRACE_S)
        status = status or 125
    return (128 - status if status < 0 else status), wall_s


def main(report, log, timeout_s, command):
    bind_processes()
    with open(log, "wb") as output:
        status, wall_s = run(command, timeout_s, output)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(report, "w", encoding="utf-8") as out:
        json.dump(
            {
                "wallS": wall_s,
                "userS": usage.ru_utime,
                "systemS": usage.ru_stime,
                # Linux counts KiB, macOS bytes.
                "peakRssKib": usage.ru_maxrss // (1024 if sys.platform == "darwin" else 1),
                "status": status,
            },
            out,
        )


main(sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4:])
