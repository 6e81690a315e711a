/* cli.h: what the verbs of `mscg` share.
 *
 * A verb is a row of facts (struct verb): its name, what it takes, its table of options, and a function. From these the
 * one parser, --help and the shell's completion are made; nothing is written twice. To add a verb: one file that ends
 * in `const struct verb verb_NAME = {...}`, one line in verbs.c.
 *
 * A verb's function gets its parsed options and words, asks the daemon (cli_connect, then the calls of lib/client.h),
 * prints to stdout with stdio, and returns an exit status. It never checks its own printing: main looks at the end
 * whether all of stdout was written. Errors go to stderr in one line through cli_error or cli_fail.
 *
 * Memory: a verb frees what it connects; small things that live as long as the process need not be freed.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <jansson.h>
#include <mscg/mscg.h>

#include "src/base/base.h"
#include "src/lib/client.h"

enum cli_status {
	CLI_OK = 0,
	CLI_FAILED = 1, /* refused or failed */
	CLI_USAGE = 2,
	CLI_NO_JOB = 3,
	CLI_NO_DAEMON = 4,
	CLI_NOT_PERMITTED = 5,
	CLI_TIMED_OUT = 124,
};

/* -- options (options.c, values.c) ------------------------------------------------------------------------------ */

enum option_flag {
	OPTION_OPTIONAL = 1 << 0, /* the value may be left out (--nice[=N]); given only behind '=' or glued to the letter */
	OPTION_HIDDEN   = 1 << 1, /* not in --help nor in completion: another spelling */
	OPTION_STOP     = 1 << 2, /* nothing behind it is read (--help) */
	OPTION_LATER    = 1 << 3, /* Slurm's, and not in this version: refused by name */
	OPTION_IGNORED  = 1 << 4, /* Slurm's, without meaning here: warned about */
};

/* How the shell completes a value. */
enum option_values { VALUES_ANY, VALUES_FILE, VALUES_DIRECTORY, VALUES_COMMAND, VALUES_STATE, VALUES_JOB, VALUES_QOS, VALUES_PARTITION, VALUES_RESERVATION };

struct option_spec {
	char        short_name; /* 0: none */
	const char *name;       /* without the dashes; NULL ends a table */
	const char *arg;        /* what the value is called in --help; NULL: takes none */
	const char *help;
	/* Reads the value (NULL where none was given) into `target`: base + offset. One of values.c, or the verb's own. */
	int (*set)(void *target, const char *value, const struct option_spec *option, struct mscg_error *error);
	size_t             offset;
	unsigned           flags;  /* enum option_flag */
	enum option_values values;
	const char        *words;  /* "yes|no": all that the value may be; for value_word and completion */
};

/* Into what a set writes: */
int value_true(void *target, const char *value, const struct option_spec *option, struct mscg_error *error);  /* bool */
int value_false(void *target, const char *value, const struct option_spec *option, struct mscg_error *error); /* bool */
int value_yes_no(void *target, const char *value, const struct option_spec *option, struct mscg_error *error); /* bool */
int value_text(void *target, const char *value, const struct option_spec *option, struct mscg_error *error);  /* const char *, borrowed */
int value_word(void *target, const char *value, const struct option_spec *option, struct mscg_error *error);  /* const char *, one of words */
int value_cpus(void *target, const char *value, const struct option_spec *option, struct mscg_error *error);  /* uint32_t, thousandths, > 0 */
int value_size(void *target, const char *value, const struct option_spec *option, struct mscg_error *error);  /* uint64_t, bytes, > 0 */
int value_limit(void *target, const char *value, const struct option_spec *option, struct mscg_error *error); /* uint32_t, seconds; bare: minutes */
int value_seconds(void *target, const char *value, const struct option_spec *option, struct mscg_error *error); /* int64_t, milliseconds; bare: seconds */
int value_int32(void *target, const char *value, const struct option_spec *option, struct mscg_error *error); /* int32_t */
int value_count(void *target, const char *value, const struct option_spec *option, struct mscg_error *error); /* uint32_t, >= 1 */
int value_signal(void *target, const char *value, const struct option_spec *option, struct mscg_error *error); /* int */
int value_time(void *target, const char *value, const struct option_spec *option, struct mscg_error *error);  /* int64_t, usec since the epoch */
int value_allow(void *target, const char *value, const struct option_spec *option, struct mscg_error *error); /* uint32_t: bits of enum mscg_allow */
int value_state(void *target, const char *value, const struct option_spec *option, struct mscg_error *error); /* uint32_t: bits 1 << state, adds up; "PD,R" */

/* A table and the struct that it writes into. */
struct option_set {
	const struct option_spec *table;
	void                     *base;
};
enum { OPTION_SETS = 3 };

enum parse_flag {
	PARSE_COMMAND = 1 << 0, /* options end at the first other word: what follows is a command with flags of its own */
	PARSE_AGAIN   = 1 << 1, /* the words were read before: what was warned about is known */
};
/* Reads words of a command line. `sets` ends with a NULL table. *ret_words: what is no option, in order, NULL-ended,
 * strings borrowed; the caller frees the vector. `where` stands before warnings ("job.sh, line 3"; NULL: nothing does).
 * 0, or -EINVAL with text that names option and value. */
int options_parse(const struct option_set *sets, int argc, char *const *argv, unsigned flags, const char *where, char ***ret_words,
                  struct mscg_error *error);

/* -- verbs (verbs.c, help.c, complete.c) ------------------------------------------------------------------------ */

struct cli;
enum verb_flag {
	VERB_COMMAND = 1 << 0, /* its words are a command: see PARSE_COMMAND */
	VERB_RAW     = 1 << 1, /* all its words are given to it as they are, nothing is parsed */
	VERB_HIDDEN  = 1 << 2,
	VERB_AS_IS   = 1 << 3, /* passes on what jobs write: no --json */
};
struct verb {
	const char *name;
	const char *summary;  /* one line, for `mscg --help` */
	const char *words;    /* "JOB...", "[COMMAND...]"; NULL: takes none */
	const char *about;    /* paragraphs for `mscg NAME --help`; lines of 100 characters at most */
	const char *examples; /* lines, each indented by two blanks */
	int (*run)(struct cli *cli, void *options, char **words);
	const struct option_spec *options; /* NULL: none but the common ones */
	const void        *defaults;       /* what the options' struct starts as; NULL: zeroes */
	size_t             size;           /* of that struct */
	unsigned           flags;          /* enum verb_flag */
	int                words_min, words_max; /* words_max 0: none, -1: any number */
	enum option_values values;         /* what the shell completes words with */
};
extern const struct verb *const cli_verbs[]; /* NULL-ended */
const struct verb *cli_find_verb(const char *name);
/* The verb that somebody may have meant, or NULL. */
const char *cli_guess_verb(const char *name);

/* Keeps a pointer until the process ends, for what options point into. Returns it. */
void *cli_keep(void *p);
/* Frees all that was kept; for who reads more than one command line. */
void cli_drop_kept(void);

struct cli {
	const char *socket, *state_dir; /* --socket, --state-dir; NULL: not given */
	bool        json;               /* --json */
	bool        help;
	const struct verb *verb;
	int         argc;  /* all of the command line, for those who record or parse it again */
	char      **argv;
	int         first; /* argv[first] is the first word behind the verb */
};
extern const struct option_spec cli_common_options[]; /* --socket, --state-dir, --json, --help: base is struct cli */
/* Those of them that make sense for a verb; NULL: all. */
const struct option_spec *cli_common(const struct verb *verb);

void help_print_all(FILE *f);
void help_print_verb(FILE *f, const struct verb *verb);
int  complete_main(struct cli *cli, int argc, char **argv); /* `mscg __complete -- WORDS...` */
int  manual_main(const char *verb);                          /* `mscg __man [VERB]`, for docs/man */
/* Everything but the last look at stdout. */
int cli_main(int argc, char **argv);

/* -- errors (failure.c) ----------------------------------------------------------------------------------------- */

/* "mscg: ..." to stderr, one line whatever is in it. */
__attribute__((format(printf, 1, 2))) void cli_error(const char *format, ...);
/* The same, and CLI_USAGE with a pointer to --help. */
__attribute__((format(printf, 2, 3))) int cli_usage(const struct cli *cli, const char *format, ...);
/* Prints it; returns the exit status that stands for its code. */
int cli_fail(const struct mscg_error *error);
int cli_exit_status(int code);          /* of -errno */
int cli_exit_status_named(const char *name); /* of an error's name on the wire: "NoSuchJob" */
/* Pushes out what was printed, for verbs that go on (streams). Ends the process when nobody reads any more, as
 * SIGPIPE would; exits with CLI_FAILED and a message when it cannot be written. */
void cli_flush(void);

/* -- asking the daemon (connect.c) ------------------------------------------------------------------------------ */

enum connect_flag {
	CONNECT_ONCE = 1 << 0, /* where no daemon answers, `mscgd --once` will do (submit, queue, show, cancel, ...) */
};
/* 0 and a handle to mscg_close, or an exit status with the error printed. */
int cli_connect(const struct cli *cli, unsigned flags, struct mscg **ret);
/* The same without printing. */
int cli_try_connect(const struct cli *cli, unsigned flags, struct mscg **ret, struct mscg_error *error);
/* One call on a connection of its own: 0 and a new reference, or an exit status with the error printed. Steals
 * `parameters`. */
int cli_ask(const struct cli *cli, unsigned flags, const char *method, json_t *parameters, json_t **ret);
/* The same by CONNECT_ONCE, and prints the reply, as JSON where that is wanted; `list`: the one in it that may come in several
 * replies, or NULL. An exit status. */
int cli_ask_print(const struct cli *cli, const char *method, json_t *parameters, const char *list, void (*print)(const json_t *reply));
/* Connects to a daemon that may not be there yet, trying until `deadline_boot_usec` (USEC_NEVER: for ever). As
 * cli_connect. Waiting for jobs over a restart of the daemon: watch.h. */
int cli_await(const struct cli *cli, int64_t deadline_boot_usec, struct mscg **ret);
/* True for errors that mean: the connection is gone, not that the request is wrong. */
bool cli_is_lost(int code);
/* The same, or nobody listens: as while the daemon is restarted. */
bool cli_is_away(int code);
/* Reads job ids of words: an array of strings for a call, as mscgd spells them, or NULL with a usage error printed. */
json_t *cli_job_ids(const struct cli *cli, char *const *words);
json_t *cli_task_ids(const struct cli *cli, char *const *words); /* and "12_[3-7]", tasks of an array */

/* -- verbs that do one thing to jobs (act.c) --------------------------------------------------------------------- */

/* Asks `method` for the jobs of `words`, and prints what came of it. An exit status: that of the first job that was refused. */
int cli_act(const struct cli *cli, unsigned flags, const char *method, const char *done, const char *word, char *const *words);
/* The second half: a line for each job in the list `done` of the reply ("Held job 12", of word "Held"), one for each error. */
int cli_print_acted(const struct cli *cli, const json_t *reply, const char *done, const char *word);

/* -- printing (output.c, table.c) ------------------------------------------------------------------------------- */

/* An object for a person or a program to read, with a newline; borrowed. */
void print_json(const json_t *json);
/* One object a line, for streams. */
void print_json_line(const json_t *json);

/* Reading replies: absent and null give the fallback. Strings are borrowed. */
const char *jtext(const json_t *object, const char *key, const char *fallback);
int64_t     jint(const json_t *object, const char *key, int64_t fallback);
double      jreal(const json_t *object, const char *key, double fallback); /* integers too */
bool        jbool(const json_t *object, const char *key, bool fallback);
bool        jhas(const json_t *object, const char *key); /* there and not null */
/* RFC 3339 in UTC to microseconds since the epoch; 0 where absent or unreadable. */
int64_t jtime(const json_t *object, const char *key);

/* Text of other people on a terminal: control characters become '?', so that a job's name cannot move the cursor. */
char *plain(const char *text, char *buf, size_t size);
void  print_plain(FILE *f, const char *text);

/* "2026-01-31 12:00:00" in local time, "-" for 0; elapsed "D-HH:MM:SS"; bytes "1.5G". */
char *text_time(int64_t usec, char *buf, size_t size);
char *text_elapsed(double seconds, char *buf, size_t size);
char *text_bytes(uint64_t bytes, char *buf, size_t size);
char *text_mib(uint64_t bytes, char *buf, size_t size); /* "4096" */
char *text_cpus(double cpus, char *buf, size_t size);   /* "2", "0.5" */

/* Tables in columns. Rows are kept until TABLE_SETTLE of them are there (or table_end), widths settle on these, and
 * from then on rows stream out. */
struct table_column {
	const char *title; /* NULL ends */
	int  width;        /* at least; the last left column is never padded */
	int  max;          /* cut to this with a '+' at the end, as Slurm does; 0: never */
	bool right;
};
struct table;
struct table *table_new(const struct table_column *columns, bool header);
/* Text of the next cell of the current row; copied, made plain. A row ends by itself with its last cell. */
void table_text(struct table *table, const char *text);
__attribute__((format(printf, 2, 3))) void table_cell(struct table *table, const char *format, ...);
/* The next cell by what `object` says under `key`; "-": nothing. */
void cell_count(struct table *table, const json_t *object, const char *key);
void cell_size(struct table *table, const json_t *object, const char *key);  /* bytes */
void cell_time(struct table *table, const json_t *object, const char *key);  /* seconds */
void cell_names(struct table *table, const json_t *object, const char *key); /* a list of strings, with ',' between */
void table_end(struct table *table); /* prints what is left and frees */

/* -- terminals -------------------------------------------------------------------------------------------------- */
int terminal_columns(int fd); /* 0: no terminal */

#endif
