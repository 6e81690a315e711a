#!/usr/bin/python3
# timeout: 120
# also: 6.1 slow
"""--rootfs with an image: squashfs and erofs from a directory that root vouches for, read-only, each job with a mount of its own. What others could
have made or could change is refused, and so is all of it by a user's own mscgd."""
import os, shutil, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
from mscg_client import *

OPTIONS = ("--missing-controllers=warn", "--total-cpus=2", "--total-mem=512MB")
if os.environ.get("MSCG_VM"):  # its modules are not those of /lib
    modules = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/vm", os.environ["MSCG_VM"])
    for module in ("loop", "squashfs", "erofs"):
        subprocess.run(["/sbin/modprobe", "--dirname", modules, module], check=True)
# Not below /tmp: who may write there puts another in the place of what is there.
top = tempfile.mkdtemp(prefix="mscg-images.", dir="/run")
os.chmod(top, 0o755)
images, tree = top + "/images", top + "/tree"
os.mkdir(images)
for d in ("", "/bin", "/proc", "/dev", "/tmp", "/sys", "/etc"):
    os.mkdir(tree + d)
shutil.copy("/bin/busybox", tree + "/bin/busybox")
shutil.copy("/bin/busybox", tree + "/bin/setuid")
os.chmod(tree + "/bin/setuid", 0o4755)
os.mknod(tree + "/zero", 0o020666, os.makedev(1, 5))
os.chmod(tree + "/zero", 0o666)
for name in ("sh", "cat", "id", "ls", "touch", "grep", "sleep"):
    os.symlink("busybox", tree + "/bin/" + name)
with open(tree + "/etc/issue", "w") as f:
    f.write("inside\n")
os.makedirs(images + "/below")
subprocess.run(["mksquashfs", tree, images + "/one.squashfs", "-quiet", "-no-progress", "-processors", "1"], check=True, stdout=subprocess.DEVNULL)
subprocess.run(["mkfs.erofs", "--quiet", images + "/below/two.erofs", tree], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def loops():
    """Of ours, by what they are of."""
    found = []
    for name in os.listdir("/sys/block"):
        try:
            with open("/sys/block/%s/loop/backing_file" % name) as f:
                found += [name] if f.read().startswith(images) else []
        except OSError:
            continue
    return found


def runs(d, rootfs, command, **spec):
    job = d.submit(command, **dict(dict(rootfs=rootfs, isolate="default", workdir=d.out), **spec))
    d.wait(job)
    j = d.show(job)
    return j["state"], d.output(job) or j["reason_text"] or ""


def refused(d, path, text, name):
    state, said = runs(d, path, "cat /etc/issue")
    ok(state == "FAILED" and text in said and (text != IMAGE or "Operation not permitted" in said or "cut" in path), name, state, said)


d = Daemon(*OPTIONS, "--images=%s/other,%s" % (top, images))
for path in (images + "/one.squashfs", images + "/below/two.erofs"):
    kind = path.rsplit(".", 1)[1]
    state, said = runs(d, path, "cat /etc/issue; id -u; pwd; echo kept >file; ls /; touch /etc/new; /bin/setuid id -u; cat /zero; grep ' / ' /proc/self/mountinfo")
    lines = said.split("\n")
    ok(lines[:3] == ["inside", str(d.uid), d.out], "%s: it is the job's root, with its working directory" % kind, said)
    ok("bin dev etc proc sys tmp zero".split() == [x for x in lines[3:11] if x.isalpha()][:7], "%s: and nothing of the machine" % kind, said)
    ok("Read-only file system" in said, "%s: read-only" % kind, said)
    ok("ro,nosuid,nodev" in said and kind in said and "can't open '/zero': Permission denied" in said, "%s: without its devices and set-user-id programs" % kind, said)
    with open(d.out + "/file") as f:
        ok(f.read() == "kept\n", "%s: what is written to the working directory is there" % kind)
    os.unlink(d.out + "/file")
a, b = [d.submit("cat /etc/issue; exec sleep 100", rootfs=images + "/one.squashfs", isolate="strict", workdir=d.out) for _ in range(2)]
for job in (a, b):
    d.started(job)
end = time.monotonic() + 30
while (d.output(a), d.output(b)) != ("inside\n", "inside\n") and time.monotonic() < end:
    time.sleep(0.02)
ok(d.output(a) == d.output(b) == "inside\n" and len(loops()) == 2, "two at a time, strict", d.output(a), d.output(b), loops())
ok("squashfs" not in open("/proc/self/mountinfo").read(), "it is mounted in no place of the machine")
d.call("Cancel", ids=[a, b])
d.wait(a, b)
end = time.monotonic() + 20
while loops() and time.monotonic() < end:
    time.sleep(0.02)
ok(not loops(), "no loop device is left", loops())

# What is not root's alone.
good = images + "/one.squashfs"
IMAGE = "image (root's alone to change, with its whole path) '"
elsewhere = top + "/elsewhere.squashfs"
shutil.copy(good, elsewhere)
refused(d, elsewhere, "Not a directory", "an image that lies elsewhere is none")
mine = d.out + "/mine.squashfs"
shutil.copy(good, mine)
os.chown(mine, d.uid, -1)
refused(d, mine, "Not a directory", "nor is a user's own")
for name, change in (("a user's", lambda p: os.chown(p, d.uid, -1)), ("everybody's to write", lambda p: os.chmod(p, 0o666)), ("a group's to write", lambda p: os.chmod(p, 0o664)),
                     ("not everybody's to read", lambda p: os.chmod(p, 0o640))):
    path = images + "/changed"
    shutil.copy(good, path)
    state, said = runs(d, path, "cat /etc/issue")
    change(path)
    ok(state == "COMPLETED" and said == "inside\n", "as it should be: %s" % said)
    refused(d, path, IMAGE, "one that is %s is refused" % name)
    os.unlink(path)
os.symlink(mine, images + "/link")
refused(d, images + "/link", "symbolic links", "a link to a user's is not followed")
os.symlink(d.out, images + "/dir")
refused(d, images + "/dir/mine.squashfs", "Not a directory", "nor one on its way")
os.mkdir(images + "/theirs")
shutil.copy(good, images + "/theirs/image")
os.chown(images + "/theirs", d.uid, -1)
refused(d, images + "/theirs/image", IMAGE, "one in a directory of a user's is refused")
os.chown(images + "/theirs", 0, -1)
os.chmod(images + "/theirs", 0o1777)
refused(d, images + "/theirs/image", IMAGE, "and in one that everybody may write")
os.chmod(images + "/theirs", 0o755)
state, said = runs(d, images + "/theirs/image", "cat /etc/issue")
ok(said == "inside\n", "in one of root's it is none", state, said)
os.mkfifo(images + "/fifo")
for name, text in (("none", "No such file or directory"), ("fifo", "Operation not permitted"), ("below", "Operation not supported"), ("text", "Operation not supported"), ("cut", IMAGE)):
    if name in ("text", "cut"):
        with open(images + "/" + name, "wb") as f:
            f.write(b"text\n" * 500 if name == "text" else open(good, "rb").read(200))
    refused(d, images + "/" + name, text, "%s is no image" % name)
ok(not loops(), "none of them has a loop device", loops())
d.stop()

# -- others
d = UsersDaemon(*OPTIONS, "--images=" + images)
refused(d, good, "only root's mscgd mounts one", "a user's own mscgd mounts none")
d.stop()
shutil.rmtree(top)
done()
