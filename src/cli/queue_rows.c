/* The lines of mscg queue. */
#include "queue_rows.h"

enum { HELD_MAX = 512 };

struct column {
	const char *title;
	int width;
};
enum { COLUMNS_MAX = 11 };
typedef char cells[COLUMNS_MAX - 1][JOB_TEXT];

/* Mini-SLURM's, with its widths; and the same beside the name of the user, with less of the date. */
static const struct column own_columns[] = {
	{"ID", 4}, {"STAT", 8}, {"CPU", 3}, {"MEM(MB)", 7}, {"PRI", 3}, {"WAIT(s)", 8}, {"RUN(s)", 8}, {"ELASTIC", 8}, {"SUBMIT", 19},
	{"COMMAND", 0}, {0},
};
static const struct column all_columns[] = {
	{"ID", 4}, {"USER", 8}, {"STAT", 8}, {"CPU", 3}, {"MEM(MB)", 7}, {"PRI", 3}, {"WAIT(s)", 8}, {"RUN(s)", 8}, {"ELASTIC", 7},
	{"SUBMIT", 11}, {"COMMAND", 0}, {0},
};

struct queue_rows {
	const char *format, *own;
	const struct column *columns; /* NULL: it is not known yet whether there are jobs of others */
	bool     header, any;
	json_t  *held;
};

/* -- one line a job --------------------------------------------------------------------------------------------- */

/* Each cell ends where its column does; one that is too long pushes the next ones no further than it must. */
static void print_row(const struct column *columns, char (*cell)[JOB_TEXT], const char *reason, const char *command)
{
	int at = 0, end = 0;

	for (int i = 0; columns[i].width; i++) {
		int length = (int)strlen(cell[i]);

		end += columns[i].width + (i > 0);
		at += printf("%*s%s", MAX_OF(end - at - length, i > 0), "", cell[i]);
	}
	printf(*reason ? " (%s) " : " ", reason);
	print_plain(stdout, command);
	putchar('\n');
}

static void print_titles(const struct column *columns)
{
	cells cell;
	int i = 0;

	for (; columns[i].width; i++)
		snprintf(cell[i], JOB_TEXT, "%s", columns[i].title);
	print_row(columns, cell, "", columns[i].title);
}

static void put_user(const json_t *job, char cell[JOB_TEXT])
{
	plain(jtext(job, "user", "-"), cell, JOB_TEXT);
	if (strlen(cell) > 8)
		snprintf(cell + 7, 2, "+");
}

/* "2026-01-31 12:00:00", or "01-31 12:00". */
static void put_submit(const json_t *job, bool is_short, char cell[JOB_TEXT])
{
	char text[JOB_TEXT];

	text_time(jtime(job, "submit_time"), text, sizeof text);
	snprintf(cell, JOB_TEXT, "%.*s", is_short ? 11 : JOB_TEXT - 1, is_short && strlen(text) > 5 ? text + 5 : text);
}

static void print_line(const struct column *columns, const json_t *job)
{
	const char *state = jtext(job, "state", "?"), *reason = jtext(job, "reason", "None");
	char text[JOB_TEXT], max[32];
	double held = jreal(job, "current_cpus", 0);
	bool users = columns == all_columns;
	cells cell = {0};
	int i = 0;

	snprintf(cell[i++], JOB_TEXT, "%s", job_text_id(job, text));
	if (users)
		put_user(job, cell[i++]);
	snprintf(cell[i++], JOB_TEXT, "%s", state);
	text_cpus(jreal(job, "cpus", 0), cell[i++], JOB_TEXT);
	text_mib((uint64_t)jint(job, "mem_bytes", 0), cell[i++], JOB_TEXT);
	snprintf(cell[i++], JOB_TEXT, "%lld", (long long)jint(job, "priority", 0));
	snprintf(cell[i++], JOB_TEXT, "%.1f", jreal(job, "wait_seconds", 0));
	snprintf(cell[i++], JOB_TEXT, "%.1f", jreal(job, "run_seconds", 0));
	if (jbool(job, "elastic", false))
		snprintf(cell[i], JOB_TEXT, "%s/%s", text_cpus(held > 0 ? held : jreal(job, "cpus", 0), text, sizeof text),
		         text_cpus(jreal(job, "max_cpus", 0), max, sizeof max));
	put_submit(job, users, cell[++i]);
	print_row(columns, cell, streq(state, "PENDING") && !streq(reason, "None") ? reason : "", job_text_command(job, text));
}

/* -- squeue's format: %[[.]size]letter and text between ---------------------------------------------------------- */

/* One piece of it: moves *format behind it. 0 and what it is (field NULL: a character, *ret_width), or -EINVAL. */
static int next_piece(const char **format, const struct job_field **ret_field, int *ret_width, bool *ret_right, struct mscg_error *error)
{
	const char *f = *format;
	char *end;

	*ret_field = NULL;
	*ret_width = *f;
	if (f[0] != '%' || f[1] == '%') {
		*format = f + 1 + (f[0] == '%');
		return 0;
	}
	f++;
	*ret_right = *f == '.';
	*ret_width = (int)MIN_OF(strtol(f + *ret_right, &end, 10), 1000L);
	*ret_field = *end ? job_field_by_letter(*end) : NULL;
	if (!*ret_field || *ret_width < 0 || end[-1] == ' ')
		return mscg_error_set(error, -EINVAL, "'%.20s' in the format: expected %% and one of i j u t T M D C R P l p ... (see man mscg-queue)",
		                      *format);
	*format = end + 1;
	return 0;
}

int value_format(void *target, const char *value, const struct option_spec *option, struct mscg_error *error)
{
	const struct job_field *field;
	const char *at = value;
	int width, r = 0;
	bool right;

	while (r == 0 && *at)
		r = next_piece(&at, &field, &width, &right, error);
	return r < 0 ? r : value_text(target, value, option, error);
}

/* job NULL: the header */
static void print_format(const char *format, const json_t *job)
{
	const struct job_field *field;
	char text[JOB_TEXT];
	int width;
	bool right;

	while (*format && next_piece(&format, &field, &width, &right, NULL) == 0) {
		if (field)
			print_column(job ? field->text(job, text) : field->title, width, right);
		else
			putchar(width);
	}
	putchar('\n');
}

/* -- all of them ------------------------------------------------------------------------------------------------ */

struct queue_rows *queue_rows_new(const char *format, bool header)
{
	struct queue_rows *rows = xcalloc(1, sizeof *rows);

	*rows = (struct queue_rows){.format = format, .own = own_user_name(), .header = header, .held = json_array()};
	return rows;
}

static void settle(struct queue_rows *rows, const struct column *columns)
{
	const json_t *job;
	size_t i;

	rows->columns = columns;
	if (rows->header)
		print_titles(columns);
	json_array_foreach(rows->held, i, job)
		print_line(columns, job);
	json_array_clear(rows->held);
}

void queue_rows_add(struct queue_rows *rows, json_t *job)
{
	if (rows->format) {
		if (!rows->any && rows->header)
			print_format(rows->format, NULL);
		print_format(rows->format, job);
	} else if (rows->columns) {
		print_line(rows->columns, job);
	} else {
		json_array_append(rows->held, job);
		if (!streq(jtext(job, "user", ""), rows->own))
			settle(rows, all_columns);
		else if (json_array_size(rows->held) == HELD_MAX)
			settle(rows, own_columns);
	}
	rows->any = true;
}

void queue_rows_end(struct queue_rows *rows, bool well)
{
	rows->header &= well || rows->any;
	if (rows->any && !rows->format && !rows->columns)
		settle(rows, own_columns);
	if (!rows->any && rows->header && rows->format)
		print_format(rows->format, NULL);
	else if (!rows->any && rows->header)
		puts("No jobs found.");
	json_decref(rows->held);
	free(rows);
}
