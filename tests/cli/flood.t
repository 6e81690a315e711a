#!/usr/bin/python3
"""A client that asks without end and without waiting: the others are decided for and answered all the same."""
import json, os, socket, subprocess, sys, tempfile, threading, time

build = os.environ.get("MSCG_BUILD", "build")
place = tempfile.mkdtemp(prefix="mscg-t.", dir="/tmp")
path = place + "/sock"
d = subprocess.Popen([build + "/mscgd", "--engine=fake", "--total-cpus=4", "--total-mem=4GB", "--allow-root-jobs", "--config=/dev/null",
                      "--state-dir=" + place + "/state", "--runtime-dir=" + place + "/run", "--socket=" + path],
                     stderr=open(place + "/log", "w"))


def connect():
    end = time.monotonic() + 30
    while True:
        s = socket.socket(socket.AF_UNIX)
        try:
            s.connect(path)
            return s
        except OSError:
            s.close()
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def message(method, parameters):
    return json.dumps({"method": "io.mscg." + method, "parameters": parameters}).encode() + b"\0"


over = threading.Event()
asked = answered = 0


def flood():
    global asked, answered
    s = connect()
    s.settimeout(0.5)
    many = message("Ping", {}) * 2000

    def read():
        global answered
        while not over.is_set():
            try:
                answered += s.recv(1 << 20).count(b"\0")
            except OSError:
                pass

    reader = threading.Thread(target=read)
    reader.start()
    while not over.is_set():
        try:
            asked += s.send(many)
        except OSError:
            pass
    reader.join()
    s.close()


floods = [threading.Thread(target=flood) for _ in range(2)]
c = connect()
c.settimeout(20)
for t in floods:
    t.start()
while answered < 2000 and d.poll() is None:
    time.sleep(0.01)
submit = message("Submit", {"jobs": [{"argv": ["true"], "workdir": "/", "mem_bytes": 1 << 26}]})
late, why = 0, ""
for i in range(10):
    t = time.monotonic()
    try:
        c.sendall(submit)
        reply = b""
        while not reply.endswith(b"\0"):
            reply += c.recv(65536)
        if b'"jobs"' not in reply:
            why = reply
            break
    except OSError as e:
        why = "submission %d: %s" % (i, e)
        break
    late = max(late, time.monotonic() - t)
during = answered
over.set()
for t in floods:
    t.join()
print("# %d pings were answered meanwhile; the slowest submission took %.0f ms" % (during, late * 1000))
print("%sok 1 - ten submissions are accepted beside two clients that ask without end" % ("not " if why else ""))
if why:
    print("# %s" % why)
d.terminate()
ended = d.wait(60)
print("%sok 2 - and mscgd ends as ever" % ("not " if ended else ""))
unfair = during >= 60000  # ten times what is seen; where what is asked without end goes first, 160,000
print("%sok 3 - with less than 60,000 other requests served meanwhile" % ("not " if unfair else ""))
print("1..3")
subprocess.call(["rm", "-r", place])
sys.exit(bool(why or ended or unfair))
