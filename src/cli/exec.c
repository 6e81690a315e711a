/* mscg exec: a command in a job that runs. It has this process's stdin, stdout and stderr themselves, or a terminal of its
 * own; signals are passed on; its exit status is ours. */
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "pty.h"
#include "src/base/exec.h"
#include "src/base/fd.h"
#include "src/base/parse.h"

struct exec_options {
	bool pty, no_pty;
};

struct session {
	struct cli *cli;
	const char *id, *program; /* NULL: the user's shell */
	int         channel, signals;
	struct pty *pty;          /* NULL: none */
};

/* -- how it ended ------------------------------------------------------------------------------------------------- */

static int tell_failed(const struct session *s, const struct exec_end *end)
{
	static const struct {
		int         error;
		const char *text;
	} known[] = {
		{ESRCH, "it has ended, or is about to"},
		{EUSERS, "as many commands as may run in it already"},
		{EOPNOTSUPP, "it has namespaces and none of processes, so that nobody is there to start one (expected --isolate with pid, or none)"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (end->error == known[i].error) {
			cli_error("nothing can be run in job %s: %s", s->id, known[i].text);
			return CLI_FAILED;
		}
	cli_error("cannot start %s in job %s: %.*s: %s", s->program ? s->program : "the shell", s->id, (int)sizeof end->about - 1, end->about,
	          strerror(end->error));
	return end->error == ENOENT ? 127 : 126;
}

static int tell_end(const struct session *s, const struct exec_end *end)
{
	if (end->error)
		return tell_failed(s, end);
	if (WIFEXITED(end->status))
		return WEXITSTATUS(end->status);
	if (end->with_job)
		cli_error("job %s has ended, and the command was killed with it", s->id);
	else if (WTERMSIG(end->status) == SIGKILL)
		cli_error("the command was killed: job %s ends, had no memory left, or somebody sent SIGKILL", s->id);
	return 128 + WTERMSIG(end->status);
}

/* Whoever started it is gone, as happens with the end of the job. */
static int tell_gone(const struct session *s)
{
	cli_error("job %s has ended, and the command was killed with it", s->id);
	return 128 + SIGKILL;
}

/* -- while it runs ------------------------------------------------------------------------------------------------ */

static void pass_signals(const struct session *s)
{
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof info) == (ssize_t)sizeof info) {
		int32_t signal = (int32_t)info.ssi_signo;

		if (signal != SIGWINCH)
			send(s->channel, &signal, sizeof signal, MSG_NOSIGNAL);
		else if (s->pty)
			pty_resize(s->pty);
	}
}

static int loop(const struct session *s)
{
	enum { CHANNEL, SIGNALS, PTY, FDS = PTY + 2 };
	struct exec_end end;

	for (;;) {
		struct pollfd fds[FDS] = {{.fd = s->channel, .events = POLLIN}, {.fd = s->signals, .events = POLLIN}, {.fd = -1}, {.fd = -1}};

		if (s->pty)
			pty_poll(s->pty, &fds[PTY]);
		poll(fds, FDS, -1);
		pass_signals(s);
		if (s->pty)
			pty_relay(s->pty, &fds[PTY]);
		if (!fds[CHANNEL].revents)
			continue;
		ssize_t n = recv(s->channel, &end, sizeof end, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (s->pty) {
			pty_drain(s->pty);
			pty_cooked(s->pty);
		}
		return n == (ssize_t)sizeof end ? tell_end(s, &end) : tell_gone(s);
	}
}

static int start(struct session *s, json_t *parameters)
{
	int fds[3] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}, r;
	struct mscg_error error = {0};
	struct mscg *m;
	json_t *reply;

	r = cli_connect(s->cli, 0, &m);
	if (r) {
		json_decref(parameters);
		return r;
	}
	if (s->pty)
		fds[0] = fds[1] = fds[2] = s->pty->slave;
	if (mscg_call_stdio(m, "Exec", parameters, fds, &reply, &error) < 0) {
		mscg_close(m);
		return cli_fail(&error);
	}
	json_decref(reply);
	s->signals = forward_open(); /* until now they end us, and the command hears of that */
	s->channel = mscg_take_fd(m);
	mscg_close(m);
	if (s->channel < 0) {
		cli_error("mscgd gave no connection to the command");
		return CLI_FAILED;
	}
	if (s->pty) {
		pty_close_slave(s->pty);
		pty_raw(s->pty);
	}
	r = loop(s);
	close(s->channel);
	return r;
}

/* One word is given to a shell, several are a program and its arguments, none is the user's shell. */
static json_t *command_json(char **words)
{
	json_t *argv = json_array();
	const char *shell[] = {"/bin/sh", "-c"};

	for (size_t i = 0; words[0] && !words[1] && i < ARRAY_SIZE(shell); i++)
		json_array_append_new(argv, json_string(shell[i]));
	for (; *words; words++) {
		json_t *word = json_string(*words);

		if (!word) { /* JSON carries nothing else */
			cli_error("exec: a word of the command is not UTF-8");
			json_decref(argv);
			return NULL;
		}
		json_array_append_new(argv, word);
	}
	return argv;
}

static int exec_run(struct cli *cli, void *options, char **words)
{
	const struct exec_options *o = options;
	char id[MSCG_ID_TEXT], **command = words + 1;
	struct session s = {.cli = cli, .channel = -1, .signals = -1};
	bool wants_pty = !o->no_pty && (o->pty || (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)));
	const char *term = wants_pty ? getenv("TERM") : NULL;
	struct mscg_error error;
	struct mscg_id job;
	struct pty pty;

	if (mscg_id_parse(words[0], &job, &error) < 0)
		return cli_usage(cli, "exec: %s", error.text);
	if (*command && streq(*command, "--"))
		command++;
	s.id      = mscg_id_format(job, id);
	s.program = command[0] && !command[1] ? "/bin/sh" : command[0];
	json_t *argv = command_json(command);
	if (!argv)
		return CLI_USAGE;
	if (wants_pty) {
		if (pty_open(&pty, &error) < 0) {
			json_decref(argv);
			return cli_fail(&error);
		}
		s.pty = &pty;
	}
	int r = start(&s, json_pack("{s:s, s:o, s:b, s:s?}", "id", id, "argv", argv, "pty", wants_pty, "term", term));
	if (s.pty)
		pty_close(s.pty);
	cleanup_close(&s.signals);
	return r;
}

#define EXEC(field) offsetof(struct exec_options, field)
static const struct option_spec exec_options[] = {
	{'t', "pty", NULL, "give the command a terminal of its own, also where this has none", value_true, EXEC(pty)},
	{'T', "no-pty", NULL, "give it this process's own descriptors, also where they are a terminal", value_true, EXEC(no_pty)},
	{0},
};

const struct verb verb_exec = {
	.name = "exec",
	.summary = "Run a command inside a job that runs",
	.words = "JOB [--] [COMMAND...]",
	.about =
		"Runs a command, or a shell, where the job is: in its cgroup, so that its CPUs, its memory limit and its accounting\n"
		"hold for the command too; in its namespaces; with its environment, directory, umask and system call filter. Options\n"
		"come before JOB. One word is given to sh -c; several are a program and its arguments; none is the user's shell.\n"
		"\n"
		"Where standard input and output are a terminal the command gets one of its own; otherwise it has this process's\n"
		"descriptors, and signals are passed on. Its exit status is that of mscg exec, 128 + n by signal n.\n"
		"\n"
		"The command ends with the job: when the job's main process has ended it is killed, and that is said. It changes\n"
		"neither the job's exit status nor its end. A restart of the scheduler does not touch it; the end of mscg exec sends it\n"
		"SIGHUP. The job has to be RUNNING, and one's own: operators may end others' jobs, not become their users.",
	.examples = "  mscg exec 12\n  mscg exec 12 -- nvidia-smi\n  mscg exec 12 'ps aux | sort -nk4 | tail'\n  mscg exec 12_3 gdb -p 2",
	.run = exec_run,
	.options = exec_options,
	.size = sizeof(struct exec_options),
	.flags = VERB_COMMAND | VERB_AS_IS,
	.words_min = 1,
	.words_max = -1,
	.values = VALUES_JOB,
};
