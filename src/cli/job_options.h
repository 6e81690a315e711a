/* job_options.h: the options that say what a job asks for, for command lines and for the lines of batch scripts; and the
 * specification that they make. `submit` and `run` share them. */
#ifndef CLI_JOB_OPTIONS_H
#define CLI_JOB_OPTIONS_H

#include "cli.h"

struct job_options {
	const char *name, *array, *chdir, *account, *comment, *partition, *qos, *reservation, *cpu_mode, *elastic_by, *export_list;
	const char *input, *output, *error_file, *open_mode, *dependency, *isolate, *allow, *signal, *each_line, *binds, *rootfs, *gpus, *gres, *licenses;
	uint32_t cpus, min_cpus, max_cpus; /* thousandths; 0: not given */
	uint32_t tasks, tasks_per_node;    /* 0: not given */
	struct job_memory {
		uint64_t total, per_cpu; /* at most one is given */
	} memory;
	uint32_t time_limit, time_min, time_extend, max_retries, max_fails, throttle;
	uint64_t log_max, min_mem, max_mem;
	int64_t  grace_ms; /* -1: not given */
	int32_t  priority, nice;
	int64_t  begin, deadline; /* usec since the epoch; 0: not given */
	bool     elastic, requeue, no_requeue, slurm_env, hold, delegate;
};
#define JOB_OPTIONS_DEFAULT {.grace_ms = -1, .slurm_env = true}

/* Setters of one option each, for the rows below. */
int value_memory(void *target, const char *value, const struct option_spec *option, struct mscg_error *error);
int value_memory_per_cpu(void *target, const char *value, const struct option_spec *option, struct mscg_error *error);
int value_one_node(void *target, const char *value, const struct option_spec *option, struct mscg_error *error);
/* A point in time to come: a time of day that has passed is tomorrow's. int64_t, usec since the epoch. */
int value_future(void *target, const char *value, const struct option_spec *option, struct mscg_error *error);
/* "[B:]SIGNAL[@SECONDS]", as a text. */
int value_warn(void *target, const char *value, const struct option_spec *option, struct mscg_error *error);
/* One more line of a list of binds, as a text. */
int value_bind(void *target, const char *value, const struct option_spec *option, struct mscg_error *error);
int value_nice(void *target, const char *value, const struct option_spec *option, struct mscg_error *error);

#define JOB_OPTION(field) offsetof(struct job_options, field)
/* Rows for a table whose struct begins with a struct job_options. */
#define JOB_OPTIONS_BOTH \
	{'c', "cpus", "N", "CPUs; also --cpus-per-task, as Slurm has it (default: 1)", value_cpus, JOB_OPTION(cpus)}, \
	{0, "cpus-per-task", "N", "CPUs", value_cpus, JOB_OPTION(cpus), OPTION_HIDDEN}, \
	{0, "mem", "SIZE", "memory: 8GB, 1024MB, 2g, 512m; a bare number is MiB", value_memory, JOB_OPTION(memory)}, \
	{0, "min-mem", "SIZE", "memory that moves: never less than this (default: as --mem); the rest goes to others that wait", value_size, \
	 JOB_OPTION(min_mem)}, \
	{0, "max-mem", "SIZE", "memory that moves: up to this while the job is short of it, from what is free (default: as --mem)", value_size, \
	 JOB_OPTION(max_mem)}, \
	{0, "mem-per-cpu", "SIZE", "memory for each CPU", value_memory_per_cpu, JOB_OPTION(memory)}, \
	{'t', "time", "TIME", "time limit: D-HH:MM:SS, HH:MM:SS, 90s, 2h; a bare number is minutes", value_limit, JOB_OPTION(time_limit)}, \
	{0, "time-min", "TIME", "be given less time than --time, but that at least, where the job can start before others only so", value_limit, \
	 JOB_OPTION(time_min)}, \
	{0, "time-extend", "TIME", "let the limit grow to TIME by itself, as long as nobody who waits starts later for it", value_limit, \
	 JOB_OPTION(time_extend)}, \
	{0, "signal", "[B:]SIGNAL[@SECONDS]", "send it so long (60 s) before the end; B: to the main process, else to those that catch it, or all", \
	 value_warn, JOB_OPTION(signal)}, \
	{0, "grace", "SECONDS", "between SIGTERM and the kill (default: 30)", value_seconds, JOB_OPTION(grace_ms)}, \
	{0, "priority", "N", "higher is sooner (default: 0)", value_int32, JOB_OPTION(priority)}, \
	{0, "nice", "N", "lowers the priority by N (100 if N is left out)", value_nice, JOB_OPTION(nice), OPTION_OPTIONAL}, \
	{0, "elastic", NULL, "CPUs may grow and shrink while the job runs", value_true, JOB_OPTION(elastic)}, \
	{0, "min-cpus", "N", "elastic: never less than this (default: as --cpus)", value_cpus, JOB_OPTION(min_cpus)}, \
	{0, "max-cpus", "N", "elastic: never more than this (default: all CPUs)", value_cpus, JOB_OPTION(max_cpus)}, \
	{0, "elastic-by", "WHAT", "share: grow into what is free (default); pressure: only while short of CPU, and give back what is not used", \
	 value_word, JOB_OPTION(elastic_by), .words = "share|pressure"}, \
	{0, "cpu-mode", "MODE", "exclusive: whole CPUs of its own (default); quota: a share of CPUs (--cpus 0.5)", value_word, \
	 JOB_OPTION(cpu_mode), .words = "exclusive|quota"}, \
	{0, "isolate", "HOW", "default, strict, none, or parts: pid,mount,ipc,... (default: as mscgd is told)", value_text, JOB_OPTION(isolate)}, \
	{0, "allow", "NAMES", "past the system call filter: io_uring, perf, userfaultfd, userns", value_text, JOB_OPTION(allow)}, \
	{0, "bind", "SOURCE[:TARGET][:ro]", "have SOURCE at TARGET too, in the job's own mounts; may be given again", value_bind, \
	 JOB_OPTION(binds)}, \
	{0, "rootfs", "DIR[:ro]", "have DIR as the root of its file system, with /proc, /dev, /tmp and the working directory in it", value_text, \
	 JOB_OPTION(rootfs), .values = VALUES_DIRECTORY}, \
	{'G', "gpus", "[TYPE:]N", "GPUs, each the job's own; CUDA_VISIBLE_DEVICES says which", value_text, JOB_OPTION(gpus)}, \
	{0, "gpus-per-node", "[TYPE:]N", "as --gpus; there is one node", value_text, JOB_OPTION(gpus), OPTION_HIDDEN}, \
	{0, "gres", "LIST", "what the machine has a number of: gpu:2, gpu:a100:1, fpga:1, ... (mscg stats)", value_text, JOB_OPTION(gres)}, \
	{'L', "licenses", "LIST", "licenses: NAME:N,..., as matlab:2", value_text, JOB_OPTION(licenses)}, \
	{0, "delegate", NULL, "give it a cgroup in which it may make more, for containers of its own", value_true, JOB_OPTION(delegate)}, \
	{'J', "job-name", "NAME", "name (default: that of the program)", value_text, JOB_OPTION(name)}, \
	{'D', "chdir", "DIR", "working directory (default: this one)", value_text, JOB_OPTION(chdir), .values = VALUES_DIRECTORY}, \
	{0, "export", "LIST", "environment: ALL (default), NONE, or NAME, NAME=value, ... ; ALL,NAME=value adds", value_text, \
	 JOB_OPTION(export_list)}, \
	{0, "comment", "TEXT", "a comment, shown by show and history", value_text, JOB_OPTION(comment)}, \
	{'A', "account", "NAME", "account that the job is charged to", value_text, JOB_OPTION(account)}, \
	{'p', "partition", "NAME", "partition (default: as mscgd is told; mscg partition lists them; without any it is recorded only)", value_text, JOB_OPTION(partition), \
	 .values = VALUES_PARTITION}, \
	{'q', "qos", "NAME", "quality of service (default: as mscgd is told; mscg qos lists them)", value_text, JOB_OPTION(qos), .values = VALUES_QOS}, \
	{0, "reservation", "NAME", "run in this reservation, and only there (mscg reserve lists them)", value_text, JOB_OPTION(reservation), .values = VALUES_RESERVATION}, \
	{0, "slurm-env", "yes|no", "set SLURM_* beside MSCG_* variables (default: yes)", value_yes_no, JOB_OPTION(slurm_env), .words = "yes|no"}, \
	{'n', "ntasks", "N", "tasks that the job will start itself (mpirun): that many times --cpus", value_count, JOB_OPTION(tasks)}, \
	{0, "ntasks-per-node", "N", "as in Slurm, on one node", value_count, JOB_OPTION(tasks_per_node)}, \
	{'N', "nodes", "1", "as in Slurm; there is one", value_one_node, 0}

#define JOB_OPTIONS_BATCH \
	{'a', "array", "RANGES", "an array of tasks: 0-15, 1,3,5-7, 0-99:2, and %4 at the end for 4 at a time", value_text, JOB_OPTION(array)}, \
	{0, "each-line", "FILE", "an array with a task for each line of FILE ('-': standard input): $MSCG_LINE, and {} in the command", value_text, \
	 JOB_OPTION(each_line), .values = VALUES_FILE}, \
	{0, "throttle", "N", "so many tasks of the array at a time, as %N in --array", value_count, JOB_OPTION(throttle)}, \
	{'i', "input", "FILE", "standard input (default: /dev/null)", value_text, JOB_OPTION(input), .values = VALUES_FILE}, \
	{'o', "output", "FILE", "standard output; %j %A %a %x %u %N ... are replaced (default: ~/.mscg_logs/job_<id>.out)", value_text, \
	 JOB_OPTION(output), .values = VALUES_FILE}, \
	{'e', "error", "FILE", "standard error (default: with the output; .err beside .out)", value_text, JOB_OPTION(error_file), \
	 .values = VALUES_FILE}, \
	{0, "open-mode", "MODE", "truncate: emptied at each attempt; append: added to (default: emptied at the first, then added to)", value_word, JOB_OPTION(open_mode), \
	 .words = "append|truncate"}, \
	{0, "log-max", "SIZE", "at most so much in each output file; what is more is cut, marked there, and counted (default: no limit)", value_size, \
	 JOB_OPTION(log_max)}, \
	{'d', "dependency", "LIST", "start after others: afterok:JOB, after|afterany|afternotok|aftercorr:JOB, singleton; ',' all, '?' any", value_text, \
	 JOB_OPTION(dependency), .values = VALUES_JOB}, \
	{'H', "hold", NULL, "wait until it is released (mscg release)", value_true, JOB_OPTION(hold)}, \
	{'b', "begin", "TIME", "start at that time at the earliest: now+2hours, 16:00, tomorrow, 2026-01-31T12:00", value_future, \
	 JOB_OPTION(begin)}, \
	{0, "deadline", "TIME", "be over by then: end it, or do not start what with its --time could not be", value_future, \
	 JOB_OPTION(deadline)}, \
	{0, "requeue", NULL, "run it again if the machine goes down under it, or nothing shows how it ended", value_true, \
	 JOB_OPTION(requeue)}, \
	{0, "no-requeue", NULL, "do not (default, but with --max-retries)", value_true, JOB_OPTION(no_requeue)}, \
	{0, "max-retries", "N", "run it again up to N times if it fails or runs out of memory; implies --requeue (default: 0)", value_count, \
	 JOB_OPTION(max_retries)}, \
	{0, "max-fails", "N", "of an array: after N failed tasks cancel the rest, those that run too (default: never)", value_count, \
	 JOB_OPTION(max_fails)}

/* What Slurm has and this version has not: refused by name. */
#define JOB_OPTIONS_LATER \
	JOB_LATER(0, "gpus-per-task", "N", "GPUs"), \
	JOB_LATER(0, "cpus-per-gpu", "N", "GPUs"), \
	JOB_LATER(0, "mem-per-gpu", "SIZE", "GPUs")

/* What has no meaning here: warned about. */
#define JOB_OPTIONS_IGNORED \
	JOB_IGNORED(0, "mail-type", "WHEN", "mscg sends no mail"), \
	JOB_IGNORED(0, "mail-user", "WHO", "mscg sends no mail"), \
	JOB_IGNORED_OPTIONAL(0, "exclusive", "user", "CPUs are a job's own, but the machine is shared; ask for all CPUs to have it alone"), \
	JOB_IGNORED('s', "oversubscribe", NULL, "CPUs are a job's own"), \
	JOB_IGNORED('O', "overcommit", NULL, "CPUs are a job's own"), \
	JOB_IGNORED('w', "nodelist", "NODES", "there is one machine"), \
	JOB_IGNORED('x', "exclude", "NODES", "there is one machine"), \
	JOB_IGNORED('M', "clusters", "NAMES", "there is one machine"), \
	JOB_IGNORED('C', "constraint", "LIST", "the machine has no features by name"), \
	JOB_IGNORED(0, "prefer", "LIST", "the machine has no features by name"), \
	JOB_IGNORED(0, "switches", "N", "there is one machine"), \
	JOB_IGNORED(0, "contiguous", NULL, "there is one machine"), \
	JOB_IGNORED(0, "spread-job", NULL, "there is one machine"), \
	JOB_IGNORED(0, "use-min-nodes", NULL, "there is one machine"), \
	JOB_IGNORED('m', "distribution", "HOW", "CPUs close together are chosen"), \
	JOB_IGNORED(0, "hint", "WHAT", "CPUs close together are chosen"), \
	JOB_IGNORED(0, "mem-bind", "HOW", "memory follows the CPUs"), \
	JOB_IGNORED(0, "threads-per-core", "N", "whole cores come before hyperthreads"), \
	JOB_IGNORED(0, "cores-per-socket", "N", "CPUs close together are chosen"), \
	JOB_IGNORED(0, "sockets-per-node", "N", "CPUs close together are chosen"), \
	JOB_IGNORED('B', "extra-node-info", "LIST", "CPUs close together are chosen"), \
	JOB_IGNORED(0, "ntasks-per-core", "N", "a job is one program"), \
	JOB_IGNORED(0, "ntasks-per-socket", "N", "a job is one program"), \
	JOB_IGNORED(0, "mincpus", "N", "there is one machine; use --cpus"), \
	JOB_IGNORED(0, "cpu-freq", "HOW", "frequencies are left alone"), \
	JOB_IGNORED(0, "tmp", "SIZE", "disk space is not scheduled"), \
	JOB_IGNORED_OPTIONAL(0, "get-user-env", "HOW", "the environment is that of the submission"), \
	JOB_IGNORED(0, "propagate", "LIMITS", "limits are those of cgroups"), \
	JOB_IGNORED(0, "acctg-freq", "LIST", "accounting is read from the kernel, never sampled"), \
	JOB_IGNORED(0, "profile", "WHAT", "accounting is read from the kernel, never sampled"), \
	JOB_IGNORED(0, "wckey", "KEY", "there are no workload keys"), \
	JOB_IGNORED(0, "kill-on-invalid-dep", "yes|no", "it waits, with the reason DependencyNeverSatisfied"), \
	JOB_IGNORED_OPTIONAL('k', "no-kill", "off", "there is one machine"), \
	JOB_IGNORED('S', "core-spec", "N", "cores are reserved in mscgd's configuration"), \
	JOB_IGNORED('v', "verbose", NULL, "there is nothing more to say")
#define JOB_LATER(letter, long_name, value, text) {letter, long_name, value, text, NULL, 0, OPTION_LATER}
#define JOB_IGNORED(letter, long_name, value, text) {letter, long_name, value, text, NULL, 0, OPTION_IGNORED}
#define JOB_IGNORED_OPTIONAL(letter, long_name, value, text) {letter, long_name, value, text, NULL, 0, OPTION_IGNORED | OPTION_OPTIONAL}

/* What is run: from the words of a command line. */
struct job_program {
	char **words;        /* borrowed */
	const char *wrap;    /* --wrap: instead of words */
	char *script;        /* text; words[0] is then its name */
};
/* Makes the whole specification, checked (mscg_spec_check). 0 and a spec that the caller frees, or -errno with text. */
int job_spec(const struct cli *cli, const struct job_options *options, const struct job_program *program, struct mscg_spec **ret,
             struct mscg_error *error);

/* job_places.c: warns of directories of a job that are not there. */
void job_warn_places(const struct mscg_spec *spec);

/* environment.c: the environment that --export says; NULL-ended, the caller frees it. NULL: none. */
char **job_environment(const char *export_list);
/* What the daemon is not told otherwise: of -n, -c with it, and of --chdir. */
void   job_environment_tasks(char ***env, const struct job_options *o);
void   job_environment_submit_dir(char ***env, const struct job_options *o);

/* Submits one job on `m`; *ret is the Submitted object, with what is not enforced. fds: three descriptors, or NULL. 0, or -errno with text. */
int job_submit(struct mscg *m, const struct mscg_spec *spec, const int *fds, json_t **ret, struct mscg_error *error);
/* Command line as typed. malloc'ed */
char *job_command_line(char **argv);

#endif
