#!/usr/bin/python3
# as: both
# alone: it uses the places that a user has by default
# machine: --cpus 8 --mem 9G
# timeout: 600
"""What Mini-SLURM's documents tell a user to type, typed word for word with mscg for mini-slurm, prints what they say.

LINES has every command line of the documents (README, "Complete Guide", "Architecture Deep Dive", "Elastic / Auto-Resizing
Training Jobs"); the story below types them in an order that makes sense and holds what comes of them against the documents.
"""
import os, pwd, re, shutil, signal, subprocess, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mscg_client import build, diag, done, ok, root

tree = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
if not os.environ.get("MSCG_VM"):
    sys.exit("prototype.t writes to its user's home and kills by name: it runs in the virtual machine only")

# -- the documents' lines. `{job}` stands where they have <job_id> or <id>.

LINES = {
    # -- README
    "help": ("README, CLI Commands", "mini-slurm --help"),
    "scheduler": ("README, Start the Scheduler; guide, step 2", "mini-slurm scheduler"),
    "scheduler totals": ("README, scheduler", "mini-slurm scheduler --total-cpus 8 --total-mem 32GB --poll-interval 0.5"),
    "argv": ("README, Submit Jobs", "mini-slurm submit --cpus 2 --mem 4GB --priority 0 python train.py"),
    "argv high": ("README, Submit Jobs", "mini-slurm submit --cpus 4 --mem 8GB --priority 10 python hyperparameter_sweep.py"),
    "argv all CPUs": ("README, Submit Jobs and Example Workloads", "mini-slurm submit --cpus 8 --mem 2GB python run_simulation.py"),
    "argv option": ("README, submit", "mini-slurm submit --cpus 4 --mem 8GB python train.py --epochs 100"),
    "argv bash": ("README, submit", "mini-slurm submit --cpus 2 --mem 4GB --priority 5 bash preprocess.sh"),
    "argv elastic": ("README, Elastic Jobs",
                     "mini-slurm submit --elastic --cpus 2 --min-cpus 2 --max-cpus 8 --mem 4GB python elastic_training.py"),
    "hello": ("README, Basic Usage", "mini-slurm submit --cpus 2 --mem 4GB --priority 5 \"echo 'Hello from mini-slurm!'\""),
    "sweep": ("README, Example Workloads",
              "for lr in 0.001 0.01 0.1; do\n"
              "    mini-slurm submit --cpus 2 --mem 4GB \\\n"
              "        python train.py --learning-rate $lr\n"
              "done"),
    "preprocess": ("README, Example Workloads",
                   "mini-slurm submit --cpus 4 --mem 8GB --priority 10 \\\n"
                   "    python preprocess_data.py"),
    "queue": ("README, Monitor Jobs; guide, step 4; elastic jobs", "mini-slurm queue"),
    "queue pending": ("README, Monitor Jobs; guide, steps 4 and 5", "mini-slurm queue --status PENDING"),
    "queue status": ("README, queue", "mini-slurm queue --status {state}"),
    "show": ("README, show; elastic jobs, View Job Details", "mini-slurm show {job}"),
    "show 1": ("README, Basic Usage; guide, step 4", "mini-slurm show 1"),
    "stats": ("README, Monitor Jobs; guide, step 4", "mini-slurm stats"),
    "stats totals": ("README, stats", "mini-slurm stats --total-cpus 8 --total-mem 16GB"),
    "cancel": ("README, cancel; guide, step 5", "mini-slurm cancel {job}"),
    # -- Complete Guide
    "test 1": ("guide, step 3", "mini-slurm submit --cpus 2 --mem 1GB \"echo 'Hello Mini-SLURM!' && sleep 3\""),
    "test 2": ("guide, step 3", "mini-slurm submit --cpus 1 --mem 512MB --priority 10 \"echo 'High priority' && sleep 2\""),
    "test 3": ("guide, step 3", "mini-slurm submit --cpus 4 --mem 2GB \"python3 -c 'import time; "
                                "[sum(range(100000)) for _ in range(10)]; print(\\\"Done\\\")'\""),
    "too much": ("guide, step 5", "mini-slurm submit --cpus 20 --mem 32GB \"echo 'This will wait'\""),
    "out": ("guide, step 6", "cat ~/.mini_slurm_logs/job_1.out"),
    "err": ("guide, step 6", "cat ~/.mini_slurm_logs/job_1.err"),
    "low": ("guide, step 7", "mini-slurm submit --cpus 2 --mem 1GB --priority 0 \"sleep 5 && echo 'Low priority'\""),
    "medium": ("guide, step 7", "mini-slurm submit --cpus 2 --mem 1GB --priority 5 \"sleep 5 && echo 'Medium priority'\""),
    "high": ("guide, step 7", "mini-slurm submit --cpus 2 --mem 1GB --priority 10 \"sleep 5 && echo 'High priority'\""),
    "watch": ("guide, step 7", "watch -n 1 'mini-slurm queue'"),
    "pkill": ("guide, step 8", "pkill -f \"mini-slurm scheduler\""),
    "clear logs": ("guide, step 8", "rm -rf ~/.mini_slurm_logs"),
    # -- Architecture Deep Dive
    "word": ("architecture, Job Submission", "mini-slurm submit --cpus 2 --mem 4GB \"python train.py\""),
    # -- Elastic jobs
    "elastic": ("elastic jobs, Job Submission",
                "mini-slurm submit \\\n    --elastic \\\n    --cpus 2 \\\n    --min-cpus 2 \\\n    --max-cpus 8 \\\n    --mem 4GB \\\n"
                "    --priority 5 \\\n    \"python3 tasks/elastic_training.py\""),
    "elastic 1": ("elastic jobs, Example 1",
                  "mini-slurm submit \\\n    --elastic --cpus 2 --min-cpus 2 --max-cpus 8 --mem 4GB \\\n"
                  "    \"python3 tasks/elastic_training.py\""),
    "elastic 2a": ("elastic jobs, Example 2", "mini-slurm submit --elastic --cpus 2 --max-cpus 4 --mem 2GB \"python3 task1.py\""),
    "elastic 2b": ("elastic jobs, Example 2", "mini-slurm submit --elastic --cpus 2 --max-cpus 4 --mem 2GB \"python3 task2.py\""),
    "elastic 3": ("elastic jobs, Example 3",
                  "mini-slurm submit \\\n    --elastic --cpus 2 --max-cpus 8 --mem 4GB --priority 5 \\\n"
                  "    \"python3 tasks/elastic_training.py\""),
    "elastic 3 high": ("elastic jobs, Example 3",
                       "mini-slurm submit \\\n    --cpus 4 --mem 4GB --priority 10 \\\n    \"python3 tasks/train_neural_network.py\""),
    # Their program that submits examples is tasks/submit_examples here.
    "examples": ("elastic jobs, Example 4", "tasks/submit_examples --dry-run elastic"),
    "scheduler threshold": ("elastic jobs, Scheduler Configuration", "mini-slurm scheduler --elastic-threshold 40.0"),
    "scheduler rigid": ("elastic jobs, Scheduler Configuration", "mini-slurm scheduler --disable-elastic"),
    "control": ("elastic jobs, Check Control File", "cat ~/.mini_slurm_logs/job_{job}.control"),
}

# Programs that the documents name and nobody has.
PROGRAMS = {
    "train.py": "import sys\nprint('trained', *sys.argv[1:])\n",
    "hyperparameter_sweep.py": "print('swept')\n",
    "run_simulation.py": "print('simulated')\n",
    "preprocess_data.py": "print('preprocessed')\n",
    "preprocess.sh": "echo preprocessed by bash\n",
    "elastic_training.py": "import os\nprint('elastic', os.environ['MINI_SLURM_ELASTIC'], os.environ['MINI_SLURM_MAX_CPUS'])\n",
    "task1.py": "import time\ntime.sleep(600)\n",
    "task2.py": "import time\ntime.sleep(600)\n",
    # The example of "Elastic Training Job", with its ellipses filled in. The handler is there before a slow start is over:
    # what changed until then is read from the file.
    "example.py": '''#!/usr/bin/env python3
import os
import signal
import time

# Read control file for resource updates
control_file = os.getenv("MINI_SLURM_CONTROL_FILE")
current_cpus = int(os.getenv("MINI_SLURM_CURRENT_CPUS", "2"))
print("start", current_cpus, os.getenv("MINI_SLURM_ELASTIC"), os.getenv("MINI_SLURM_MIN_CPUS"), os.getenv("MINI_SLURM_MAX_CPUS"), flush=True)

def read_control_file():
    with open(control_file) as f:
        values = dict(line.strip().split("=", 1) for line in f if "=" in line)
    return int(values["CPUS"])

def update_resources():
    global current_cpus
    current_cpus = read_control_file()
    print("signal", current_cpus, flush=True)

# Handle resource change signal
def signal_handler(signum, frame):
    # Re-read control file and adjust parallelism
    update_resources()

signal.signal(signal.SIGUSR1, signal_handler)

# Training loop adapts to current_cpus
for epoch in range(6000):
    # Check for resource changes
    current_cpus = read_control_file()
    print("epoch", current_cpus, flush=True)
    time.sleep(0.1)
''',
}

# -- where it is typed

as_root = os.geteuid() == 0
user = pwd.getpwuid(1000 if as_root else os.geteuid())
home = user.pw_dir
work = subprocess.check_output(["mktemp", "-d", "/tmp/mscg-t.XXXXXX"], text=True).strip()
state = "/var/lib/mscg" if as_root else home + "/.local/state/mscg"
conf = "/etc/mscg" if as_root else home + "/.config/mscg"
environment = {"HOME": home, "USER": user.pw_name, "LOGNAME": user.pw_name, "LC_ALL": "C.UTF-8", "TERM": "xterm",
               "XDG_RUNTIME_DIR": "/run/user/%d" % user.pw_uid, "BACKEND": "python",
               "MSCG_TEST_ID": os.environ.get("MSCG_TEST_ID", ""),
               "PATH": ":".join([work + "/bin", os.path.abspath(build), "/usr/bin:/bin"])}
as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if as_root else {}


def prepare():
    os.makedirs(conf)
    if as_root:
        os.makedirs(state)  # as a package would: users know by it that there is a scheduler for all
    with open(conf + "/mscg.conf", "w") as f:
        f.write("[daemon]\ncgroup-root = %s/jobs\n" % root)
    os.makedirs(work + "/bin")
    os.symlink("/usr/bin/python3", work + "/bin/python")
    shutil.copytree(tree + "/tasks", work + "/tasks")
    for name, text in PROGRAMS.items():
        with open(work + "/" + name, "w") as f:
            f.write(text)
    os.chmod(work, 0o755)


def clean():
    for path in (conf, state, work, home + "/.mscg_logs", "/run/mscg" if as_root else environment["XDG_RUNTIME_DIR"] + "/mscg"):
        shutil.rmtree(path, ignore_errors=True)


def words(name, **values):
    line = LINES[name][1]
    for key, value in values.items():
        line = line.replace("{%s}" % key, str(value))
    line = re.sub(r"mini-slurm (?=submit|queue|show|cancel|scheduler|stats|--help)", "mscg ", line)
    line = line.replace("mini-slurm queue'", "mscg queue'").replace(".mini_slurm_logs", ".mscg_logs")
    return line


def shell(line, env=None, timeout=120):
    return subprocess.run(["bash", "-c", line], cwd=work, env=environment | (env or {}), text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL, capture_output=True, **as_user)


typed = set()


def type_(name, env=None, status=0, **values):
    """Types a line of the documents. Returns what it printed on stdout."""
    typed.add(name)
    r = shell(words(name, **values), env)
    if r.returncode != status:
        ok(False, "%s: ends with %d" % (name, status), words(name, **values), r.returncode, r.stdout, r.stderr)
    return r.stdout


jobs = {}


def submit(name, cpus, mem, priority, env=None, extra=()):
    """Types a line that submits: prints the two lines of the README. Its number is jobs[name]."""
    out = type_(name, env)
    m = re.fullmatch(r"Submitted job (\d+)\n  cpus=%d, mem=%dMB, priority=%d((?:, [^\n]*)?)\n(.*)" % (cpus, mem, priority), out, re.S)
    ok(bool(m), "%s: %s" % (LINES[name][0], " ".join(words(name).replace("\\\n", " ").split())), *([] if m else [out]))
    jobs[name] = m.group(1) if m else "0"
    return jobs[name]


class Scheduler:
    """`mscg scheduler` in a terminal of its own, until Ctrl-C."""

    def __init__(self, name):
        typed.add(name)
        self.path = "%s.log.%d" % (work, len(typed))
        with open(self.path, "w") as log:
            self.process = subprocess.Popen(words(name).split(), cwd="/", env=environment | ({"HOME": "/root"} if as_root else {}),
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        end = time.monotonic() + 60
        while "Starting scheduler" not in self.log() and self.process.poll() is None and time.monotonic() < end:
            time.sleep(0.05)

    def log(self):
        return open(self.path).read()

    def interrupt(self):
        os.killpg(self.process.pid, signal.SIGINT)
        return self.gone()

    def gone(self):
        try:
            status = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = "none"
        if status:
            diag(self.log())
        os.unlink(self.path)
        return status == 0


def show(job):
    return type_("show", job=job)


def field(job, label):
    m = re.search(r"^  %s +(.*)$" % re.escape(label), show(job), re.M)
    return m.group(1) if m else None


def until(job, label, pattern, seconds=90):
    end = time.monotonic() + seconds
    while True:
        value = field(job, label)
        if value is not None and re.fullmatch(pattern, value):
            return True
        if time.monotonic() > end:
            diag("job %s: %s is %s, not %s\n%s" % (job, label, value, pattern, show(job)))
            return False
        time.sleep(0.1)


def ended(*list_of_jobs):
    r = shell("mscg wait " + " ".join(list_of_jobs))
    return r.returncode == 0 or diag(r.stderr)


def log_of(job, kind="out"):
    try:
        return open("%s/.mscg_logs/job_%s.%s" % (home, job, kind)).read()
    except OSError as e:
        return str(e)


def control(job):
    return dict(line.split("=", 1) for line in type_("control", job=job).split())


def story():
    # -- the help
    out = type_("help")
    verbs = re.match(r"usage: mscg \[-h\] \{([a-z,]+)\} \.\.\.\n", out)
    ok(verbs and {"submit", "queue", "show", "cancel", "scheduler", "stats"} <= set(verbs.group(1).split(",")), "--help: usage as in the README", out)
    ok(all(re.search(r"^    %s +%s" % (v, t), out, re.M) for v, t in (
        ("submit", "Submit a job"), ("queue", "Show job queue"), ("show", "Show job details"), ("cancel", "Cancel a pending"),
        ("scheduler", "Run the scheduler"), ("stats", "Show system statistics and job metrics"))), "--help: the verbs", out)

    # -- without a scheduler: commands are independent of it
    if as_root:
        r = shell(words("word"))
        ok(r.returncode == 4 and "/run/mscg/mscg.sock" in r.stderr and r.stdout == "",
           "without root's scheduler a user is refused, and the socket named", r.stderr)
        scheduler = Scheduler("scheduler")
        submit("word", 2, 4096, 0)
    else:
        submit("word", 2, 4096, 0)
        ok(field(1, "Status:") == "PENDING", "it is pending while no scheduler runs")
        out = type_("queue")
        ok(re.search(r"^   1  PENDING   2    4096   0 {6}\d\.\d      0\.0 {10}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d python train.py$", out, re.M),
           "queue, without a scheduler", out)
        ok("Total Jobs:     1" in type_("stats"), "stats, without a scheduler")
        scheduler = Scheduler("scheduler")
    ok(re.search(r"^\[mscg\] Starting scheduler with 8 CPUs, \d{4} MB memory$", scheduler.log(), re.M), "the scheduler says what it has",
       scheduler.log())
    ok(ended("1") and log_of(1) == "trained\n", "job 1 has run", log_of(1))

    # -- README and guide
    cases = (("argv", 2, 4096, 0, "trained\n"), ("argv high", 4, 8192, 10, "swept\n"), ("argv all CPUs", 8, 2048, 0, "simulated\n"),
             ("argv option", 4, 8192, 0, "trained --epochs 100\n"), ("argv bash", 2, 4096, 5, "preprocessed by bash\n"),
             ("argv elastic", 2, 4096, 0, "elastic 1 8\n"), ("hello", 2, 4096, 5, "Hello from mini-slurm!\n"),
             ("preprocess", 4, 8192, 10, "preprocessed\n"), ("test 1", 2, 1024, 0, "Hello Mini-SLURM!\n"),
             ("test 2", 1, 512, 10, "High priority\n"), ("test 3", 4, 2048, 0, "Done\n"))
    for name, cpus, mem, priority, _ in cases:
        submit(name, cpus, mem, priority)
    out = type_("sweep")
    sweep = re.findall(r"^Submitted job (\d+)\n  cpus=2, mem=4096MB, priority=0$", out, re.M)
    ok(len(sweep) == 3, "a shell loop submits three", out)
    all_ended = ended(*[jobs[c[0]] for c in cases], *sweep)
    wrong = [(c[0], log_of(jobs[c[0]]), log_of(jobs[c[0]], "err")) for c in cases if log_of(jobs[c[0]]) != c[4]]
    ok(all_ended and not wrong, "all of them have run and printed what they print, into ~/.mscg_logs/job_<id>.out", *wrong)
    ok([log_of(j) for j in sweep] == ["trained --learning-rate %s\n" % lr for lr in ("0.001", "0.01", "0.1")], "the sweep's too")
    ok(type_("out") == "trained\n" and type_("err") == "", "cat ~/.mscg_logs/job_1.out and .err")

    out = type_("show 1")
    ok(re.match(r"Job 1\n  User:        %s\n  Status:      COMPLETED\n" % user.pw_name, out), "show 1: begins as the README's", out)
    ok(all(re.search("^  %s$" % p, out, re.M) for p in (
        r"CPUs:        2", r"Mem \(MB\):    4096", r"Wait time:   \d+\.\d\ds", r"Runtime:     \d+\.\d\ds", r"Priority:    0",
        r"Command:     python train\.py", r"Submitted:   \d{4}-.*", r"Started:     \d{4}-.*", r"Ended:       \d{4}-.*", r"Return code: 0",
        r"Stdout:      %s/\.mscg_logs/job_1\.out" % home, r"Stderr:      %s/\.mscg_logs/job_1\.err" % home, r"CPU user:    \d+\.\d\ds",
        r"CPU system:  \d+\.\d\ds")), "show 1: has all that the README lists", out)

    # -- a request that is more than the machine
    job = submit("too much", 20, 32768, 0)
    out = type_("queue pending")
    ok(re.search(r"^ *%s +PENDING  20   32768 .* echo 'This will wait'$" % job, out, re.M) and out.count("\n") == 2,
       "it waits, and is all that does", out)
    out = type_("cancel", job=job)
    ok(out == "Cancelled job %s\n" % job and field(job, "Status:") == "CANCELLED", "cancel", out)
    for s in ("PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"):
        found = set(re.findall(r"^ *\d+ +([A-Z]+) ", type_("queue status", state=s), re.M))
        ok(found == ({s} if s in ("COMPLETED", "CANCELLED") else set()), "queue --status %s" % s, found)

    out = type_("queue")
    ok(out.split("\n")[0].split() == ["ID", "STAT", "CPU", "MEM(MB)", "PRI", "WAIT(s)", "RUN(s)", "ELASTIC", "SUBMIT", "COMMAND"],
       "queue: the columns", out)
    for name in ("stats", "stats totals"):
        out = type_(name)
        ok(all(label in out for label in ("Total CPUs:", "Used CPUs:", "Total Memory:", "Used Memory:", "Total Jobs:", "Running:", "Pending:",
                                          "Completed:", "Failed:", "Average Wait Time:", "Average Runtime:", "Status Breakdown:")),
           "%s: the labels" % name, out)
    ok("Total Jobs:     16" in out and re.search(r"^  Completed: +15$", out, re.M), "stats: the figures", out)

    # -- priorities: two CPUs are left, so they run one after the other
    r = shell("mscg submit --parsable --cpus 6 --mem 64MB 'sleep 600'; mscg submit --parsable --cpus 2 --mem 64MB 'sleep 600'")
    most, block = r.stdout.split()
    until(block, "Status:", "RUNNING")
    for name, priority in (("low", 0), ("medium", 5), ("high", 10)):
        submit(name, 2, 1024, priority)
    out = type_("queue pending")
    ok(len(re.findall(r" PENDING ", out)) == 3, "they wait while the machine is busy", out)
    typed.add("watch")
    r = shell("timeout 3 " + words("watch"), {"COLUMNS": "132", "LINES": "50"})
    ok("COMMAND" in r.stdout and "PENDING" in r.stdout, "watch -n 1 'mscg queue'", r.stdout, r.stderr)
    shell("mscg cancel " + block)
    ok(ended(jobs["low"], jobs["medium"], jobs["high"]), "they run")
    order = sorted(("low", "medium", "high"), key=lambda n: shell("mscg show --json %s" % jobs[n]).stdout.split('"start_time"')[1][:40])
    ok(order == ["high", "medium", "low"], "high priority first, then medium, then low", order)

    # -- the scheduler goes, jobs stay
    typed.add("pkill")
    line = words("pkill")
    subprocess.run(["bash", "-c", line], env=environment, timeout=60, check=False)
    ok(scheduler.gone(), line)
    scheduler = Scheduler("scheduler threshold")
    ok(field(most, "Status:") == "RUNNING", "a job outlives its scheduler, and the next one knows it")
    shell("mscg cancel " + most)
    ended(most)

    # -- elastic jobs
    training = {"MODEL_SIZE": "tiny", "EPOCHS": "100000", "EPOCH_SECONDS": "0.5"}
    job = submit("elastic", 2, 4096, 5, training)
    ok(until(job, "CPUs:", r"2 \(current: 8, min: 2, max: 8\)"), "show: CPUs: 2 (current: 8, min: 2, max: 8)")
    ok(field(job, "Type:") == "ELASTIC", "show: Type: ELASTIC")
    out = type_("queue")
    ok(re.search(r"^ *%s  RUNNING   2    4096   5 +\d+\.\d +\d+\.\d      8/8 \d{4}-\d\d-\d\d \d\d:\d\d:\d\d python3 tasks/elastic_training.py$" % job,
                 out, re.M), "queue: ELASTIC is 8/8", out)
    text = type_("control", job=job)
    ok(re.fullmatch(r"CPUS=8\nMEM_MB=4096\nMIN_CPUS=2\nMAX_CPUS=8\nSTATUS=RUNNING\nSCALE_EVENT=\d+\.\d+\n", text),
       "cat ~/.mscg_logs/job_<id>.control", text)
    high = submit("elastic 3 high", 4, 4096, 10, {"MODEL_SIZE": "small", "SAMPLES": "64", "EPOCHS": "1"})
    ok(until(high, "Status:", "RUNNING|COMPLETED"), "an urgent job gets CPUs from it")
    ok(until(job, "CPUs:", r"2 \(current: 4, min: 2, max: 8\)", 5) or "4" in log_of(job), "it runs on with 4")
    ok(ended(high), "the urgent job ends well")
    shell("mscg cancel " + job)
    ok(until(job, "Status:", "CANCELLED") and control(job)["STATUS"] == "CANCELLED", "a running elastic job is cancelled, as its control file says",
       log_of(job)[-2000:], log_of(job, "err"))

    a = submit("elastic 2a", 2, 2048, 0)
    grown = until(a, "CPUs:", r"2 \(current: 4, min: 2, max: 4\)")
    b = submit("elastic 2b", 2, 2048, 0)
    ok(grown and until(b, "CPUs:", r"2 \(current: 2, min: 2, max: 4\)"), "two elastic jobs: one grows, which is busy enough for 40 %")
    shell("mscg cancel " + a)
    ok(until(b, "CPUs:", r"2 \(current: 4, min: 2, max: 4\)"), "and the other grows when it has gone")
    shell("mscg cancel " + b)
    ended(a, b)

    # -- a program as the document writes it
    job = shell("mscg submit --parsable --elastic --cpus 1 --min-cpus 1 --max-cpus 4 --mem 256MB 'python3 example.py'").stdout.strip()
    grown = until(job, "CPUs:", r"1 \(current: 4, .*") and wait_for(job, "epoch 4\n")
    urgent = shell("mscg submit --parsable --cpus 6 --mem 256MB --priority 10 'sleep 600'").stdout.strip()
    shrunk = until(urgent, "Status:", "RUNNING") and wait_for(job, "epoch 2\n")
    seen = log_of(job)
    steps = re.findall(r"^(?:start|epoch) (\d)", seen, re.M)
    steps = [n for before, n in zip(["", *steps], steps) if n != before]
    ok(seen.startswith("start 1 1 1 4\n"), "the elastic example finds 1, ELASTIC, MIN_CPUS and MAX_CPUS in its environment", seen[:200])
    ok(grown and shrunk and steps == ["1", "4", "2"], "the elastic example sees 1 -> 4 -> 2", steps)
    ok("signal 2\n" in seen, "and is told so by SIGUSR1")
    shell("mscg cancel %s %s" % (job, urgent))
    ended(job, urgent)

    # -- what else the scheduler takes
    ok(scheduler.interrupt(), "Ctrl-C ends the scheduler")
    scheduler = Scheduler("scheduler rigid")
    job = submit("elastic 1", 2, 4096, 0, training)
    until(job, "Status:", "RUNNING")
    third = submit("elastic 3", 2, 4096, 5, training)
    until(third, "Status:", "RUNNING")
    ok(control(job)["CPUS"] == control(third)["CPUS"] == "2", "--disable-elastic: they stay at 2")
    shell("mscg cancel %s %s" % (job, third))
    ended(job, third)
    ok(scheduler.interrupt(), "Ctrl-C ends the scheduler")
    out = type_("examples", {"MSCG": "mscg"})
    ok("--elastic" in out, "the program that submits examples", out)

    type_("clear logs")
    scheduler = Scheduler("scheduler totals")
    ok(re.search(r"^\[mscg\] Starting scheduler with 8 CPUs, ", scheduler.log(), re.M) and "poll-interval is without effect" in scheduler.log(),
       "its options are taken", scheduler.log())
    r = shell("mscg submit --wait --cpus 1 --mem 64MB 'echo again; exit 3'")
    job = re.search(r"\d+", r.stdout).group(0)
    ok(r.returncode == 3 and log_of(job) == "again\n" and field(job, "Status:") == "FAILED" and field(job, "Return code:") == "3",
       "logs that were cleared come back; a return code other than 0 is FAILED", r.stdout, r.stderr)
    shell("mscg cancel --me")
    ok(scheduler.interrupt(), "Ctrl-C ends the scheduler")
    left = sorted(set(LINES) - typed)
    ok(not left, "every line of the documents was typed", left)


def wait_for(job, text, seconds=60):
    end = time.monotonic() + seconds
    while text not in log_of(job):
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


clean()
prepare()
began = time.monotonic()
try:
    story()
finally:
    shell("mscg shutdown --cancel-jobs") if not as_root else subprocess.run(["mscg", "shutdown", "--cancel-jobs"], env=environment,
                                                                         timeout=60, capture_output=True)
    clean()
diag("%.0f s" % (time.monotonic() - began))
done()
