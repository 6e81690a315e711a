#!/usr/bin/python3
# timeout: 200
"""An urgent job that is to have CPUs of an elastic one which ends at that very moment is started all the same, many times."""
import os, random, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
from mscg_client import *

random.seed(5)
d = Daemon("--missing-controllers=warn", "--total-cpus", "2", "--isolate", "none", "--elastic-threshold", "100")
rounds, late = 150, []
for i in range(rounds):
    elastic = d.submit(probe + "/sleep_s", "0", elastic=True, cpus=1, min_cpus=1, max_cpus=2, stdout_path="/dev/null")
    time.sleep(random.random() * 0.012)
    urgent = d.submit(probe + "/exit_with", "0", cpus=1, priority=9, stdout_path="/dev/null")
    end = time.monotonic() + 10
    while d.show(urgent)["state"] != "COMPLETED" and time.monotonic() < end:
        time.sleep(0.001)
    if d.show(urgent)["state"] != "COMPLETED":
        late.append((i, d.show(urgent)))
        break
ok(not late, "%d urgent jobs, each as an elastic one ends" % rounds, *late)
diag("%d were put off, as what they were to have had ended before the resize" % sum(e["kind"] == "deferred" for e in d.events()))
d.stop()
done()
