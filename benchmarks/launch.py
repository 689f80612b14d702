"""Runs a command and prints what it cost: exit status, user + system seconds, peak memory in KiB, wall seconds.

A process of its own and with few imports, because the kernel counts what a process was before exec into its peak.
"""

import os
import sys
import time

started = time.perf_counter()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, used = os.wait4(child, 0)
print(
    os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss, time.perf_counter() - started,
    file=sys.__stderr__,
)  # fmt: skip
