/* mscgd: puts the rooms together and runs the loop. */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include "batch.h"
#include "daemon.h"
#include "src/base/gres.h"
#include "src/base/fd.h"
#include "src/base/parse.h"
#include "src/engine/fake.h"
#include "src/engine/local.h"
#include "src/runner/runner.h"

void log_line(int priority, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	for (char *p = text; *p; p++)
		if (*p == '\n')
			*p = ' ';
	/* The journal takes the priority from the prefix; a terminal has no use for it. */
	if (getenv("JOURNAL_STREAM"))
		fprintf(stderr, "<%d>%s\n", priority, text);
	else
		fprintf(stderr, "[mscg] %s\n", text);
}

/* Who asked reads it as the answer, and says it once. */
static int fatal_once(const struct mscg_error *error)
{
	struct wire_conn *conn = wire_conn_new_pipes(STDIN_FILENO, STDIN_FILENO);
	json_t *reply = wire_error_reply(wire_error_by_code(error->code)->name, error, NULL);

	wire_conn_send(conn, reply, NULL, 0, NULL);
	int r = wire_conn_flush(conn);
	json_decref(reply);
	wire_conn_free(conn);
	return r;
}

static int fatal(const struct mscg_error *error)
{
	fprintf(stderr, "mscgd: %s\n", error->text);
	return error->code == -EINVAL || error->code == -ERANGE ? 2 : 1;
}

/* -- what the engine says ----------------------------------------------------------------------------------------- */

static void on_report(void *ctx, struct mscg_report *report)
{
	turn_add_report(ctx, report);
}

static void on_engine_log(void *ctx, int priority, const char *text)
{
	(void)ctx;
	log_line(priority, "%s", text);
}

static int on_engine(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	struct daemon *d = ctx;

	(void)source;
	(void)fd;
	(void)events;
	d->engine->ops->dispatch(d->engine);
	return 0;
}

static int on_committer(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	struct daemon *d = ctx;

	(void)source;
	(void)fd;
	(void)events;
	committer_dispatch(d->committer);
	daemon_leave_if_idle(d);
	return 0;
}

/* -- leaving, reloading ------------------------------------------------------------------------------------------- */

bool daemon_is_idle(const struct daemon *d)
{
	struct core_stats s;

	core_get_stats(d->core, &s);
	return !s.pending && !s.running && !s.suspended && !s.completing && !d->flying && (!d->open || batch_is_empty(d->open));
}

void daemon_leave_if_idle(const struct daemon *d)
{
	if (d->shutting_down && daemon_is_idle(d))
		sd_event_exit(d->loop, 0);
}

static int on_leave(sd_event_source *source, void *ctx)
{
	struct daemon *d = ctx;

	(void)source;
	sd_event_exit(d->loop, 0);
	return 0;
}

void daemon_shutdown(struct daemon *d, bool when_idle)
{
	sd_event_source *leave;

	sd_notify(0, "STOPPING=1");
	d->upgrading = false; /* who is told to stop does not go on as another */
	if (when_idle && !daemon_is_idle(d)) {
		d->shutting_down = true;
		return;
	}
	/* After the reply is out. */
	if (sd_event_add_defer(d->loop, &leave, on_leave, d) < 0)
		return;
	sd_event_source_set_priority(leave, SD_EVENT_PRIORITY_IDLE);
	sd_event_source_set_floating(leave, true); /* the loop's own now */
	sd_event_source_unref(leave);
}

static int on_term(sd_event_source *source, const struct signalfd_siginfo *info, void *ctx)
{
	struct daemon *d = ctx;

	(void)source;
	log_line(LOG_INFO, "%s: leaving, jobs go on", signal_name((int)info->ssi_signo));
	daemon_shutdown(d, false);
	return 0;
}

static bool uid_of(void *ctx, const char *user, const char *account, uint32_t *ret)
{
	(void)ctx;
	if (users_uid(user, ret) == 0)
		return true;
	log_line(LOG_WARNING, "account %s: no user %s on this machine", account, user);
	return false;
}

static void set_policy(struct daemon *d)
{
	accounts_view_clear(&d->accounts);
	accounts_view(&d->config.accounts, &d->accounts, uid_of, NULL);
	policy_fill(&d->config, &d->accounts, d->machine.core.mem_bytes / d->machine.core.ncpus, clock_real_usec(), &d->policy);
}

void daemon_set_policy(struct daemon *d)
{
	struct core_input input = { .kind = CORE_POLICY, .policy = &d->policy };

	set_policy(d);
	budget_arm(d);
	turn_add(d, &input, NULL, NULL);
}

/* What the engine has to know of it. */
static void tell_engine(struct daemon *d)
{
	if (!d->engine)
		return;
	d->engine->machine_cpus = d->machine.core.ncpus;
	d->engine->devices      = d->machine.devices.nodes;
	d->engine->devices_n    = d->machine.devices.n;
	d->engine->machine_gpus = 0;
	for (uint32_t i = 0; i < d->machine.core.gres_n; i++)
		if (streq(d->machine.gres[i].name, GRES_GPU))
			d->engine->machine_gpus += d->machine.gres[i].n;
}

int daemon_reread_machine(struct daemon *d, const struct config *config, struct mscg_error *error)
{
	struct core_input input = { .kind = CORE_MACHINE, .machine = &d->machine.core };
	struct machine machine;
	int r = machine_read(&machine, config, &d->allowed, config == &d->config ? &d->machine : NULL, error);

	if (r < 0)
		return r;
	machine_clear(&d->machine);
	d->machine = machine;
	tell_engine(d);
	turn_add(d, &input, NULL, NULL);
	daemon_notify_status(d);
	return 0;
}

/* What is decided anew from now on is taken over; where things lie is not, until a restart. */
static int take_over_config(struct daemon *d, struct config *fresh, struct mscg_error *error)
{
	int r = daemon_reread_machine(d, fresh, error);

	if (r < 0)
		return r;
	if (!streq(fresh->state_dir, d->config.state_dir) || !streq(fresh->socket, d->config.socket) ||
	    !streq(fresh->runtime_dir, d->config.runtime_dir) || !streq(fresh->cgroup_root, d->config.cgroup_root))
		log_line(LOG_WARNING, "directories, socket and cgroup-root are taken over at the next start only");
	if (fresh->priority_type != d->config.priority_type || (!d->policy.priority.multifactor && budget_is_set(fresh) != d->policy.priority.charges))
		log_line(LOG_WARNING, "priority-type, and whether there are budgets, is taken over at the next start only");
	fresh->priority_type = d->config.priority_type;
	/* The engine and the socket go on with the old ones. */
	char **const kept[][2] = { { &fresh->state_dir, &d->config.state_dir }, { &fresh->socket, &d->config.socket },
		                   { &fresh->runtime_dir, &d->config.runtime_dir }, { &fresh->cgroup_root, &d->config.cgroup_root } };
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		char *other = *kept[i][0];

		*kept[i][0] = *kept[i][1];
		*kept[i][1] = other;
	}
	config_clear(&d->config);
	d->config = *fresh;
	access_look_up(d);
	daemon_set_policy(d);
	return 0;
}

static int on_hup(sd_event_source *source, const struct signalfd_siginfo *info, void *ctx)
{
	struct daemon *d = ctx;
	struct config fresh;
	struct mscg_error error;

	(void)source;
	(void)info;
	sd_notify(0, "RELOADING=1");
	int r = config_load(&fresh, d->argc, d->argv, &error);
	if (r == 0 && (r = take_over_config(d, &fresh, &error)) < 0)
		config_clear(&fresh);
	if (r < 0)
		log_line(LOG_ERR, "configuration not reloaded: %s", error.text);
	else
		log_line(LOG_INFO, "configuration reloaded");
	sd_notify(0, "READY=1");
	return 0;
}

static void on_drop(void *ctx, int stdio_fd, uint32_t uid)
{
	drop_socket(ctx, stdio_fd, uid);
}

/* -- set-up ------------------------------------------------------------------------------------------------------- */

/* Its own, also where another is installed by now: they say to each other what only one version understands. */
static int open_supervisor(struct daemon *d, struct mscg_error *error)
{
	if (d->handover.failed && d->handover.supervisor_fd >= 0)
		d->supervisor_fd = steal_fd(&d->handover.supervisor_fd);
	else
		d->supervisor_fd = runner_open_supervisor(NULL, error);
	return MIN_OF(d->supervisor_fd, 0);
}

static int open_engine(struct daemon *d, struct mscg_cpuset *allowed, struct mscg_error *error)
{
	const struct config *c = &d->config;
	struct local_config local = {
		.runtime_dir = c->runtime_dir,
		.cgroup_root = c->cgroup_root,
		.instance    = d->info.instance,
		.socket      = c->socket,
		.slots       = (uint32_t)c->max_jobs,
		.spare       = (uint32_t)c->spare_supervisors,
		.isolate     = c->isolate,
		.devices     = c->devices,
		.images      = c->images,
		.log_max     = c->log_max,
		.warn_only   = c->missing_controllers == MISSING_WARN,
		.unkillable_timeout_s = (uint32_t)c->unkillable_timeout,
	};
	bool fake = streq(c->engine, "fake");
	int r = fake ? 0 : open_supervisor(d, error);

	local.supervisor_fd = d->supervisor_fd;
	if (r == 0)
		r = fake ? fake_open(&d->engine, error) : local_open(&d->engine, &local, allowed, &d->warnings, error);
	if (r < 0)
		return r;
	d->engine->report = on_report;
	d->engine->log    = on_engine_log;
	d->engine->drop   = on_drop;
	d->engine->ctx    = d;
	return 0;
}

static int watch(struct daemon *d, struct mscg_error *error)
{
	sigset_t mask;
	int r;

	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGCHLD); /* looked at after a handover only */
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signal(SIGPIPE, SIG_IGN);
	if ((r = sd_event_add_signal(d->loop, NULL, SIGTERM, on_term, d)) < 0 ||
	    (r = sd_event_add_signal(d->loop, NULL, SIGINT, on_term, d)) < 0 ||
	    (r = sd_event_add_signal(d->loop, NULL, SIGHUP, on_hup, d)) < 0 ||
	    (r = sd_event_add_io(d->loop, NULL, committer_fd(d->committer), EPOLLIN, on_committer, d)) < 0)
		return mscg_error_set(error, r, "cannot set up the event loop: %s", strerror(-r));
	if (d->engine && (r = sd_event_add_io(d->loop, NULL, d->engine->ops->fd(d->engine), EPOLLIN, on_engine, d)) < 0)
		return mscg_error_set(error, r, "cannot watch the engine: %s", strerror(-r));
	return 0;
}

static void raise_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	prctl(PR_SET_DUMPABLE, 0);
	/* Jobs keep the machine busy; who serves them must not queue behind them. Without the right to, it does. */
	setpriority(PRIO_PROCESS, 0, -10);
}

/* After one that was killed: a child of its may hold the lock still. Nothing tells when it lets go. */
static int open_store(struct daemon *d, struct mscg_error *error)
{
	static const struct timespec again = { .tv_nsec = 10 * 1000 * 1000 };
	int r;

	for (int left = 200; (r = store_open_trial(&d->store, d->config.state_dir, &d->info, error)) == -EAGAIN && left > 0; left--)
		nanosleep(&again, NULL);
	return r;
}

static int setup(struct daemon *d, struct mscg_error *error)
{
	sd_id128_t boot;
	int r;

	raise_limits();
	d->started_boot_usec = clock_boot_usec();
	if ((r = sd_id128_get_boot(&boot)) < 0)
		return mscg_error_set(error, r, "cannot read the boot id: %s", strerror(-r));
	sd_id128_to_string(boot, d->boot_id);
	access_look_up(d);
	if ((r = open_store(d, error)) < 0)
		return r;
	if (!d->config.once && (r = open_engine(d, &d->allowed, error)) < 0)
		return r;
	/* All that there are: those that come later too. */
	if ((long)mscg_cpuset_count(&d->allowed) >= sysconf(_SC_NPROCESSORS_ONLN))
		mscg_cpuset_zero(&d->allowed);
	if ((r = machine_read(&d->machine, &d->config, &d->allowed, NULL, error)) < 0)
		return r;
	set_policy(d);
	tell_engine(d);
	if ((r = sd_event_new(&d->loop)) < 0)
		return mscg_error_set(error, r, "cannot make an event loop: %s", strerror(-r));
	budget_arm(d);
	if ((r = turn_open(d, error)) < 0 || (r = recover_open(d, error)) < 0 || (r = store_settle(d->store, error)) < 0)
		return r;
	struct mscg_error short_of = {0};
	if (!d->config.once && store_ballast_fill(d->store, &short_of) < 0)
		degraded_begin(d, &short_of);
	if ((r = committer_start(&d->committer, d->store, d, error)) < 0)
		return r;
	d->store = NULL;
	if ((r = watch(d, error)) < 0)
		return r;
	if (d->engine)
		hotplug_watch(d);
	return d->config.once ? 0 : server_open(d, error);
}

static void teardown(struct daemon *d)
{
	server_close(d);
	upgrade_close(d);
	hotplug_close(d);
	if (d->inbox && d->committer)
		turn_flush(d);
	committer_stop(d->committer);
	while (d->requests)
		request_free(d->requests);
	if (d->store)
		store_close(d->store);
	if (d->engine)
		d->engine->ops->close(d->engine);
	attached_close(d);
	drop_rest(d);
	streams_close(d);
	rate_close(d);
	turn_close(d);
	spec_cache_clear(d);
	core_free(d->core);
	machine_clear(&d->machine);
	strv_free(d->warnings);
	sd_event_source_unref(d->retry_source);
	sd_event_source_unref(d->probe_source);
	sd_event_source_unref(d->period_source);
	sd_event_unref(d->loop);
	config_clear(&d->config);
	accounts_view_clear(&d->accounts);
}

void daemon_notify_status(const struct daemon *d)
{
	sd_notifyf(0, "STATUS=%u CPUs, %llu MiB, socket %s", d->machine.core.ncpus,
	           (unsigned long long)(d->machine.core.mem_bytes >> 20), d->config.socket);
}

static void announce(const struct daemon *d)
{
	if (d->config.poll_interval)
		log_line(LOG_INFO, "poll-interval is without effect: nothing here polls");
	for (char **w = d->warnings; w && *w; w++)
		log_line(LOG_WARNING, "%s", *w);
	if (d->machine.topology) {
		_cleanup_free_ char *topology = topology_describe(d->machine.topology);

		log_line(LOG_INFO, "topology: %s", topology);
	}
	log_line(LOG_INFO, "Starting scheduler with %u CPUs, %llu MB memory", d->machine.core.ncpus,
	         (unsigned long long)(d->machine.core.mem_bytes >> 20));
	sd_notify(0, "READY=1");
	if (!d->degraded)
		daemon_notify_status(d);
}

/* One client on standard input and output; done when it has hung up and everything is answered and committed. */
static int run_once(struct daemon *d, struct mscg_error *error)
{
	if (!server_adopt(d, STDIN_FILENO, error))
		return -EIO;
	while (d->clients) {
		int r = sd_event_run(d->loop, UINT64_MAX);
		if (r < 0)
			return mscg_error_set(error, r, "event loop: %s", strerror(-r));
	}
	return turn_flush(d);
}

int main(int argc, char **argv)
{
	struct daemon d = { .listen_fd = -1, .spare_fd = -1, .supervisor_fd = -1, .argc = argc, .argv = argv };
	struct mscg_error error = { 0 };

	/* A reply that lacks a part is worse than a daemon that is started again. */
	json_set_alloc_funcs(xmalloc, free);
	int r = config_load(&d.config, argc, argv, &error);

	if (r > 0)
		return 0;
	handover_init(&d.handover);
	if (r == 0 && d.config.can_follow) {
		r = handover_check(&d.config, &error);
		config_clear(&d.config);
		return r < 0 ? fatal(&error) : 0;
	}
	handover_take(&d);
	if (r < 0) {
		r = fatal(&error);
		handover_return(&d, &error);
		return r;
	}
	scope_enter(&d.config, argv);
	r = setup(&d, &error);
	if (r >= 0 && d.config.once) {
		r = run_once(&d, &error);
	} else if (r >= 0) {
		announce(&d);
		handover_finish(&d);
		r = sd_event_loop(d.loop);
		if (r < 0)
			mscg_error_set(&error, r, "event loop: %s", strerror(-r));
	}
	if (r < 0)
		r = d.config.once && fatal_once(&error) == 0 ? 1 : fatal(&error);
	else
		r = 0;
	/* What mends it may be several lines, to be copied as they are. */
	if (error.code == -EOPNOTSUPP)
		for (char **w = d.warnings; w && *w; w++)
			fprintf(stderr, "  %s\n", *w);
	teardown(&d);
	if (d.upgrading && r == 0) {
		handover_execute(&d);
		r = 1; /* neither program could be executed */
	} else if (r) {
		handover_return(&d, &error);
	}
	handover_clear(&d.handover);
	cleanup_close(&d.supervisor_fd);
	return r;
}
