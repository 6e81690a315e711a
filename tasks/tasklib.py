"""What the sample workloads share: settings, worker processes, the RESULT line.

A setting has one name: NUM_SAMPLES in the environment, --num-samples on the command line. The command line wins, an
empty variable counts as unset. Bad values end the program with status 2 and one line that says what would be right.
"""
import os
import sys
import time
from types import SimpleNamespace

STARTED = time.monotonic()


def number(name, default, low, text, python=None):
    """A whole number of at least `low`; `python` is the default where NumPy is missing."""
    return SimpleNamespace(name=name, kind="number", default=default, low=low, text=text,
                           python=default if python is None else python)


def seconds(name, default, text):
    """A time of 0 s or more."""
    return SimpleNamespace(name=name, kind="seconds", default=default, low=0, text=text, python=default)


def choice(name, words, text, default=None):
    """One of `words`, the first unless told otherwise."""
    default = default or words[0]
    return SimpleNamespace(name=name, kind="choice", default=default, words=words, text=text, python=default)


BACKEND = choice("BACKEND", ("auto", "numpy", "python"), "what computes")


def option_of(name):
    return "--" + name.lower().replace("_", "-")


def usage_error(program, text):
    sys.stdout.flush()
    print("%s: %s" % (program, text), file=sys.stderr, flush=True)
    sys.exit(2)


def show_help(program, about, table):
    print("usage: %s.py [OPTION VALUE]...\n%s\n" % (program, about))
    for row in table:
        meaning = row.text
        if row.kind == "choice":
            meaning += ": " + ", ".join(row.words)
        default = "" if row.default is None else " [%s]" % row.default
        if row.python != row.default:
            default = " [%s, without NumPy %s]" % (row.default, row.python)
        print("  %-18s %-16s %s%s" % (option_of(row.name), row.name, meaning, default))
    print("\nEach is an option or an environment variable; the option wins.")


def convert(program, row, text, shown):
    if row.kind == "choice":
        if text in row.words:
            return text
        usage_error(program, "%s: must be one of %s" % (shown, ", ".join(row.words)))
    what = "a whole number" if row.kind == "number" else "a number of seconds"
    try:
        value = int(text) if row.kind == "number" else float(text)
        if row.low <= value < float("inf"):
            return value
    except ValueError:
        pass
    return usage_error(program, "%s: must be %s of at least %d" % (shown, what, row.low))


def settings(program, about, table, light=lambda values: False):
    """Reads the settings of `table`; the answer also has .np, which is NumPy or None, and .given, the names set.
    Where light(values) holds, NumPy is not worth the time that its import takes."""
    sys.stdout.reconfigure(line_buffering=True)
    table = list(table) + [BACKEND]
    rows = {option_of(row.name): row for row in table}
    values = {}
    for row in table:
        text = os.environ.get(row.name, "")
        if text:
            values[row.name] = convert(program, row, text, "%s=%s" % (row.name, text))
    words = sys.argv[1:]
    while words:
        word = words.pop(0)
        if word in ("-h", "--help"):
            show_help(program, about, table)
            sys.exit(0)
        option, equals, text = word.partition("=")
        if option not in rows:
            usage_error(program, "%s: no such option, see --help" % word)
        if not equals:
            if not words:
                usage_error(program, "%s: a value must follow" % option)
            text = words.pop(0)
        row = rows[option]
        values[row.name] = convert(program, row, text, "%s %s" % (option, text))
    given = set(values)
    if light(values):
        values.setdefault("BACKEND", "python")
    np = find_numpy(program, values.setdefault("BACKEND", "auto"))
    for row in table:
        values.setdefault(row.name, row.default if np else row.python)
    answer = SimpleNamespace(**{name.lower(): value for name, value in values.items()})
    answer.np, answer.given = np, given
    return answer


def find_numpy(program, backend):
    if backend == "python":
        return None
    try:
        import numpy
        return numpy
    except ImportError:
        if backend == "numpy":
            usage_error(program, "BACKEND=numpy: NumPy is not installed (Debian: python3-numpy)")
        print("%s: NumPy is not installed, so this is pure Python with smaller defaults" % program)
        return None


def cpus():
    """How many CPUs the job runner gave us, and our affinity where nobody says."""
    for name in ("OMP_NUM_THREADS", "MSCG_CPUS_ON_NODE", "SLURM_CPUS_ON_NODE"):
        text = os.environ.get(name, "").partition(",")[0]
        if text.isdigit() and int(text) > 0:
            return int(text)
    return len(os.sched_getaffinity(0))


def fork_map(function, items, workers):
    """[function(i) for i in items] by so many processes. A worker that dies is an error here and no hang."""
    items = list(items)
    workers = max(1, min(workers, len(items)))
    if workers == 1:
        return [function(item) for item in items]
    import pickle
    children = []
    for first in range(workers):
        readable, writable = os.pipe()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                os.close(readable)
                answer = pickle.dumps([function(item) for item in items[first::workers]])
                with os.fdopen(writable, "wb") as pipe:
                    pipe.write(answer)
                status = 0
            except BaseException as error:  # the parent reports it; a forked copy must never return from here
                os.write(2, ("worker %d: %r\n" % (first, error)).encode())
            finally:
                os._exit(status)
        os.close(writable)
        children.append((pid, readable))
    answers = [None] * len(items)
    failed = []
    for first, (pid, readable) in enumerate(children):
        with os.fdopen(readable, "rb") as pipe:
            data = pipe.read()
        status = os.waitpid(pid, 0)[1]
        if status:
            failed.append("worker %d %s" % (first, ended(status)))
        else:
            answers[first::workers] = pickle.loads(data)
    if failed:
        sys.exit("; ".join(failed))
    return answers


def ended(status):
    """A wait status in words."""
    if os.WIFSIGNALED(status):
        return "was killed by signal %d" % os.WTERMSIG(status)
    return "ended with status %d" % os.WEXITSTATUS(status)


def result(program, ok, **values):
    """Prints the last line and ends the program: status 0 only if the check holds."""
    values["seconds"] = "%.2f" % (time.monotonic() - STARTED)
    line = " ".join("%s=%s" % item for item in values.items())
    print("RESULT %s %s %s" % (program, line, "ok" if ok else "FAILED"), flush=True)
    sys.exit(0 if ok else 1)
