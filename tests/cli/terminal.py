"""Runs a command on a terminal of its own, presses a key once it has drawn twice, and prints all that it wrote.

    terminal.py ROWS COLUMNS KEY COMMAND...
"""
import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time

rows, columns, key = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].encode()
size = struct.pack("HHHH", rows, columns, 0, 0)
master, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, size)
before = termios.tcgetattr(slave)
pid = os.fork()
if pid == 0:
    os.close(master)
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in (0, 1, 2):
        os.dup2(slave, fd)
    os.execvp(sys.argv[4], sys.argv[4:])
data, end, pressed = b"", time.monotonic() + 20, False
ended, status = 0, -1
while time.monotonic() < end and not ended:
    ended, status = os.waitpid(pid, os.WNOHANG)
    if select.select([master], [], [], 0.05)[0]:
        data += os.read(master, 65536)
    if not pressed and data.count(b"\x1b[H") >= 2:
        os.write(master, key)
        pressed = True
while select.select([master], [], [], 0)[0]:
    data += os.read(master, 65536)
assert ended, "it did not end"
assert status == 0, status
assert data.startswith(b"\x1b[?1049h"), data[:40]
assert data.endswith(b"\x1b[?1049l"), data[-40:]
assert termios.tcgetattr(slave) == before, "the terminal is not as it was"
for picture in data.split(b"\x1b[H")[1:]:
    assert picture.count(b"\n") < rows, picture
sys.stdout.buffer.write(data)
