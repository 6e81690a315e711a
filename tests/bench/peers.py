"""Others that run jobs, as far as they are installed here: how many a second they run, or how long one start takes. None of
them is durable or gives a job a cgroup of its own, but Slurm."""
import json, os, shutil, socket, subprocess, time

QUIET = dict(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def have(*programs):
    return all(shutil.which(p, path=os.environ["PATH"] + ":/usr/sbin:/sbin") for p in programs)


def seconds(n, argv, **more):
    """Of one that takes n lines."""
    begin = time.monotonic()
    subprocess.run(argv, input="x\n" * n, text=True, check=True, stdout=subprocess.DEVNULL, **more)
    return time.monotonic() - begin


def xargs(program, n):
    return n / seconds(n, ["xargs", "-P2", "-n1", program])


def parallel(program, n):
    return n / seconds(n, ["parallel", "--will-cite", "-j8", program], stderr=subprocess.DEVNULL)


def task_spooler(program, n, directory):
    env = dict(os.environ, TS_SOCKET=directory + "/ts", TS_MAXFINISHED="10", TS_SLOTS="8")
    try:
        begin = time.monotonic()
        for _ in range(n):
            subprocess.check_call(["tsp", "-n", program], env=env, **QUIET)
        while subprocess.check_output(["tsp"], env=env, text=True).count("running") + \
                subprocess.check_output(["tsp"], env=env, text=True).count("queued"):
            time.sleep(0.002)
        return n / (time.monotonic() - begin)
    finally:
        subprocess.call(["tsp", "-K"], env=env, **QUIET)


def crun_bundle(directory, program):
    """What `crun spec` says, with a root of one static program, no terminal, and no limits."""
    os.makedirs(directory + "/rootfs", exist_ok=True)
    shutil.copy(program, directory + "/rootfs/nothing")
    if not os.path.exists(directory + "/config.json"):
        subprocess.check_call(["crun", "spec"], cwd=directory)
    spec = json.load(open(directory + "/config.json"))
    spec["process"].update(terminal=False, args=["/nothing"])
    spec["linux"].pop("resources", None)
    json.dump(spec, open(directory + "/config.json", "w"))


SLURM = """ClusterName=bench
SlurmctldHost={host}
SlurmUser={user}
SlurmdUser={user}
AuthInfo=socket={dir}/munge.sock
StateSaveLocation={dir}/state
SlurmdSpoolDir={dir}/spool
SlurmctldPidFile={dir}/slurmctld.pid
SlurmdPidFile={dir}/slurmd.pid
SlurmctldLogFile={dir}/slurmctld.log
SlurmdLogFile={dir}/slurmd.log
SlurmctldPort=26817
SlurmdPort=26818
ProctrackType=proctrack/pgid
TaskPlugin=task/none
ReturnToService=2
NodeName={host} CPUs={cpus} RealMemory=1000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
{more}
"""
# What its own guide to high throughput advises, and no wait of its own anywhere.
TUNED = """SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,sched_interval=1,default_queue_depth=10000
SelectType=select/linear
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
SlurmctldDebug=fatal
SlurmdDebug=fatal
MinJobAge=2
SlurmdParameters=config_overrides"""
# 8 jobs in flight, as the others have.
TUNED_CPUS = "SelectType=select/cons_tres\nSelectTypeParameters=CR_CPU"


class Slurm:
    """One node, here, with state and keys of its own below `directory`."""

    def __init__(self, directory, tuned):
        self.dir, self.tuned = directory, tuned
        os.makedirs(directory + "/state")
        os.makedirs(directory + "/spool")
        os.chmod(directory, 0o755)
        self.env = dict(os.environ, SLURM_CONF=directory + "/slurm.conf", PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")
        with open(os.open(directory + "/munge.key", os.O_WRONLY | os.O_CREAT, 0o600), "wb") as key:
            key.write(os.urandom(1024))
        more = TUNED.replace("SelectType=select/linear", TUNED_CPUS) if tuned else ""
        with open(directory + "/slurm.conf", "w") as conf:
            conf.write(SLURM.format(host=socket.gethostname(), user="root", dir=directory, more=more,
                                    cpus=8 if tuned else os.cpu_count()))
        self.call("munged", "--force", "--key-file=%s/munge.key" % directory, "--socket=%s/munge.sock" % directory,
                  "--pid-file=%s/munged.pid" % directory, "--log-file=%s/munged.log" % directory, "--seed-file=%s/seed" % directory)
        self.call("slurmctld", "-f", self.env["SLURM_CONF"])
        self.call("slurmd", "-f", self.env["SLURM_CONF"])
        end = time.monotonic() + 30
        while "idle" not in subprocess.run(["sinfo", "-h", "-o", "%t"], env=self.env, text=True, stdout=subprocess.PIPE).stdout:
            if time.monotonic() > end:
                raise TimeoutError("slurmd is not idle after 30 s: see %s/slurmctld.log" % directory)
            time.sleep(0.2)

    def call(self, *argv):
        subprocess.check_call(argv, env=self.env, **QUIET)

    def rate(self, program, n):
        begin = time.monotonic()
        self.call("sbatch", "--array=1-%d" % n, "-o", "/dev/null", "--wrap", program)
        while subprocess.check_output(["squeue", "-h", "-t", "PD,R,CG"], env=self.env).strip():
            time.sleep(0.01)
        return n / (time.monotonic() - begin)

    def stop(self):
        for name in "slurmd", "slurmctld", "munged":
            try:
                with open("%s/%s.pid" % (self.dir, name)) as file:
                    os.kill(int(file.read()), 15)
            except (OSError, ValueError):
                pass
