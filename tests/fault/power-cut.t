#!/usr/bin/python3
# timeout: 300
# plain: a virtual machine without KVM
"""The power goes at a random moment: QEMU is killed, and booted again with the same disks. What was said to be kept is there."""
import os, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from oracle import *
import select, socket, uuid

suite = Suite("power-cut", short=1, series=dict(type=int, default=12, help="cuts before the disks are made anew"),
              cold=dict(type=int, default=0, help="1: every boot from the firmware on, not from a copy of the booted machine"))
vm = os.path.join(top, "tests/vm")


def install(root, program):
    """A program and its libraries."""
    path = shutil.which(program) or program
    shutil.copy(path, root + "/bin/" + os.path.basename(path))
    for line in subprocess.run(["ldd", path], capture_output=True, text=True).stdout.splitlines():
        for word in line.split():
            if word.startswith("/") and os.path.exists(word):
                to = root + ("/lib64/" if "ld-linux" in word else "/lib/") + os.path.basename(word)
                if not os.path.exists(to):
                    shutil.copy(word, to)


def build_initrd(work, image, control):
    root = work + "/root"
    shutil.rmtree(root, ignore_errors=True)
    for d in ("bin", "lib", "lib64", "modules", "proc", "sys", "dev", "run", "tmp", "state", "ledger", "etc"):
        os.makedirs(root + "/" + d)
    install(root, "busybox")
    for applet in subprocess.check_output(["busybox", "--list"], text=True).split():
        if not os.path.exists(root + "/bin/" + applet):
            os.symlink("busybox", root + "/bin/" + applet)
    for program in ("mscgd", "mscg-supervise", "mscg"):
        install(root, os.path.join(plain, program))
    install(root, os.path.join(plain, "tests/probe/ledger"))
    install(root, "sqlite3")
    for f, text in (("passwd", "root:x:0:0::/:/bin/sh\n"), ("group", "root:x:0:\n"), ("nsswitch.conf", "passwd: files\ngroup: files\n")):
        open(root + "/etc/" + f, "w").write(text)
    release = open(image + "/release").read().strip()
    shown = subprocess.check_output(["modprobe", "-d", image, "-S", release, "--show-depends", "-a", "virtio_pci", "virtio_blk",
                                     "crc32c_generic", "libcrc32c", "ext4"], text=True)
    order = []
    for line in shown.splitlines():
        path = line.split()[1]
        name = os.path.basename(path).removesuffix(".xz")
        if line.startswith("insmod") and name not in order:
            order.append(name)
            subprocess.run("%s <%s >%s/modules/%s" % ("xz -dc" if path.endswith(".xz") else "cat", path, root, name), shell=True, check=True)
    open(root + "/modules/order", "w").write("".join(o + "\n" for o in order))
    shutil.copy(os.path.join(top, "tests/fault/power-init.sh"), root + "/init")
    os.chmod(root + "/init", 0o755)
    if control:
        open(root + "/preload", "w").close()
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", root + "/lib/no-sync.so", os.path.join(top, "tests/fault/no-sync.c")], check=True)
    to = work + ("/control.initrd" if control else "/initrd")
    subprocess.run("find . | cpio -o -H newc --quiet -R 0:0 >%s" % to, shell=True, cwd=root, check=True)
    return to


class Machine:
    """Disks that live on, and what was said of them."""

    def __init__(self, work, initrd, rng):
        self.work, self.initrd, self.rng = work, initrd, rng
        self.acks, self.ends, self.v = {}, {}, Verdict()
        self.ran = collections.Counter()
        for name in ("state", "ledger"):
            path = "%s/%s.img" % (work, name)
            if os.path.exists(path):
                os.unlink(path)
            subprocess.run(["truncate", "-s", "128M", path], check=True)
            subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", path], check=True)

    def command(self):
        command = [*program, "-accel", "tcg,thread=multi", "-cpu", "max", "-M", "pc", "-m", "320M", "-smp", "2", "-nodefaults",
                   "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio", "-device", "vmgenid,guid=auto", "-kernel", image + "/vmlinux", "-initrd", self.initrd]
        # The host's memory is the disk: what QEMU was given stays when it is killed.
        for name in ("state", "ledger"):
            command += ["-drive", "file=%s/%s.img,format=raw,if=none,id=%s,cache=unsafe" % (self.work, name, name),
                        "-device", "virtio-blk-pci,drive=" + name]
        command += ["-append", "console=ttyS0 quiet loglevel=1 panic=-1 mitigations=off nokaslr cryptomgr.notests no_timer_check "
                    "tsc=reliable lpj=10000000 rdinit=/init"]
        return command

    def freeze(self):
        """The machine as it is before it looks at its disks, in a file, once."""
        copy = self.initrd + ".copy"
        if suite.arguments.cold or os.path.exists(copy):
            return
        monitor = subprocess.Popen([*self.command(), "-qmp", "unix:%s/qmp,server=on,wait=off" % self.work], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said, end = b"", time.monotonic() + 120
        while b"PC ready" not in said and time.monotonic() < end and select.select([monitor.stdout], [], [], 60)[0]:
            part = os.read(monitor.stdout.fileno(), 65536)
            if not part:
                break
            said += part
        assert b"PC ready" in said, said
        s = socket.socket(socket.AF_UNIX)
        s.connect(self.work + "/qmp")
        lines = s.makefile("rw")

        def ask(command, **arguments):
            lines.write(json.dumps({"execute": command, "arguments": arguments}))
            lines.flush()
            while True:
                answer = json.loads(lines.readline())
                if "event" not in answer and "QMP" not in answer:
                    return answer.get("return", answer)

        ask("qmp_capabilities")
        ask("migrate", uri="file:" + copy + ".new")
        while time.monotonic() < end and ask("query-migrate").get("status") not in ("completed", "failed"):
            time.sleep(0.05)
        status = ask("query-migrate")
        monitor.kill()
        monitor.wait()
        assert status.get("status") == "completed", status
        os.rename(copy + ".new", copy)

    def boot(self):
        self.freeze()
        warm = [] if suite.arguments.cold else ["-incoming", "file:" + self.initrd + ".copy"]
        qemu = subprocess.Popen([*self.command(), *warm], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if not suite.arguments.cold:
            self.go(qemu)
        return qemu

    def go(self, qemu):
        qemu.stdin.write(b"  %s %d\n" % (str(uuid.UUID(int=self.rng.getrandbits(128), version=4)).encode(), time.time()))
        qemu.stdin.flush()

    def cut(self, acks=None, look=False):
        """One life of the machine. What it said before it went is what it promised. It goes at random, after so many
        acknowledgements, or once it said what it has."""
        qemu = self.boot()
        rows, ledger, integrity, served, told, rest, log = {}, [], None, None, False, b"", []
        begin = time.monotonic()
        # Some while it takes over, most while it serves.
        early = self.rng.random() < 0.2 or look
        if not suite.long:
            early, acks = look, acks or 3
        delay = self.rng.uniform(0, 1.5) if early else self.rng.uniform(0.3, 6)
        due = begin + 120
        while True:
            left = due - time.monotonic()
            if left <= 0 or not select.select([qemu.stdout], [], [], left)[0]:
                break
            part = os.read(qemu.stdout.fileno(), 65536)
            if not part:
                break
            *lines, rest = (rest + part).split(b"\n")
            for line in lines:
                words = line.decode(errors="replace").strip().split(" ", 2)
                if words[0] != "PC" or len(words) < 2:
                    continue
                text = words[2] if len(words) > 2 else ""
                if words[1] == "row" and len(text.split()) == 6:
                    f = text.split()
                    rows[f[0]] = f[1:]
                elif words[1] == "ledger":
                    ledger.append(text.split())
                elif words[1] == "integrity":
                    integrity = text
                elif words[1] == "ready":
                    self.go(qemu)
                elif words[1] == "told":
                    told = True
                    self.check(rows, ledger, integrity)
                    if look:
                        due = 0
                    elif early:
                        due = time.monotonic() + delay
                elif words[1] == "serving":
                    served = time.monotonic() - begin
                    if not early and acks is None:
                        due = time.monotonic() + delay
                elif words[1] == "ack" and len(text.split()) == 2:
                    self.acks[text.split()[0]] = text.split()[1]
                    if acks and len(self.acks) >= acks:
                        due = 0
                elif words[1] == "event":
                    self.event(text)
                elif words[1] in ("log", "nodisk"):
                    log.append(text)
        qemu.kill()
        qemu.wait()
        if log or not told or (served is None and not early):
            self.v.add("broken", "the machine did not serve: %s" % (log or rest))
        return served

    def event(self, text):
        try:
            e = json.loads(text)
        except ValueError:
            return # cut in the middle
        if e["kind"] == "ended":
            self.ends[e["id"]] = (e["state"], e["exit_code"] or 0, e["signal"] or 0)

    def check(self, rows, ledger, integrity):
        v = self.v
        if (self.acks or self.ends) and integrity is None:
            v.add("lost", "there is no database")
        if integrity not in (None, "ok"):
            v.add("broken", "integrity_check: " + integrity)
        for job, nonce in self.acks.items():
            if rows.get(job, [None])[0] != nonce:
                v.add("lost", "job %s (%s) was acknowledged, the database has %s" % (job, nonce, rows.get(job)))
        for job, (state, code, sig) in self.ends.items():
            row = rows.get(job)
            if not row or (row[1], max(int(row[2]), 0), int(row[3])) != (state, max(code, 0), sig):
                v.add("lost", "job %s ended as %s, the database has %s" % (job, (state, code, sig), row))
        for job, (nonce, state, code, sig, ends) in rows.items():
            if int(ends) != (state in FINAL):
                v.add("twice", "job %s is %s and has ended %s times" % (job, state, ends))
            want = ledger_end(job)
            if state in ("COMPLETED", "FAILED") and (int(code), int(sig)) != want:
                v.add("wrong", "job %s: %s %s %s, expected %s" % (job, state, code, sig, want))
            elif state in ("LOST", "CANCELLED"):
                v.add("wrong", "job %s is %s" % (job, state))
        runs = collections.Counter()
        for entry in ledger:
            if entry[0] == "TWICE" or len(entry) != 5:
                v.add("twice", "the ledger says %s" % entry)
                continue
            runs[entry[3]] += 1
            if runs[entry[3]] > 1:
                v.add("twice", "%s ran again" % entry)
            if rows.get(entry[0], [None])[0] != entry[3]:
                v.add("lost", "%s ran, the database has %s" % (entry, rows.get(entry[0])))
        self.v.counts.update({"checked rows": len(rows), "checked acknowledgements": len(self.acks), "checked ends": len(self.ends)})


def series(initrd, rng, cuts, acks=None):
    m = Machine(work, initrd, rng)
    for _ in range(cuts):
        served = m.cut(acks)
        if suite.arguments.show:
            diag("served after %s s, %d acknowledged, %d ended, %d problems" % (served and round(served, 1), len(m.acks), len(m.ends), len(m.v.problems)))
    m.cut(look=True) # at what the last one left
    return m.v


suite.arguments.show = suite.long
program = subprocess.check_output([vm + "/qemu.sh"], text=True).splitlines()
image = subprocess.check_output([vm + "/kernel.sh", "6.1"], text=True).strip()
work = tempfile.mkdtemp(prefix="mscg-power.", dir="/tmp")
atexit.register(shutil.rmtree, work, True)
rng = random.Random(suite.seed)
initrd = build_initrd(work, image, False)
while suite.counts["cuts"] < suite.target and not suite.time_is_up():
    n = min(suite.arguments.series, suite.target - suite.counts["cuts"])
    suite.take(series(initrd, rng, n), n, "cuts")
    if len(suite.problems) > 50:
        break
if not suite.arguments.no_control:
    v = series(build_initrd(work, image, True), random.Random(3), 1, acks=5)
    ok(v.counts["lost"] + v.counts["broken"] > 0, "control: without fsync it loses what it acknowledged (%d)" % v.counts["lost"], dict(v.counts))
suite.finish("cuts")
