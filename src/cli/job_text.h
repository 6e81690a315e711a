/* job_text.h: what a Job object says, as text: one function for each property, and the table of their names in Slurm's
 * formats. For queue, history, show and top. */
#ifndef CLI_JOB_TEXT_H
#define CLI_JOB_TEXT_H

#include "cli.h"

enum { JOB_TEXT = 512 };
/* Returns text that belongs to the job, or `buf` (of JOB_TEXT bytes). Never NULL. */
typedef const char *job_text_fn(const json_t *job, char *buf);

struct job_field {
	char        letter;    /* of squeue -o; 0: none */
	const char *title;     /* squeue's; NULL: the name */
	const char *name;      /* sacct's, or ours in its manner; NULL: none. NULL and no letter ends the table */
	int         width;     /* sacct's; negative: to the left */
	job_text_fn *text;
	const char *help;
};
extern const struct job_field job_fields[];
const struct job_field *job_field_by_letter(char letter);
const struct job_field *job_field_by_name(const char *name, size_t n); /* any case */

/* "12", "12_3", and for the tasks of an array that wait "12_[5-15%4]". */
job_text_fn job_text_id, job_text_command;
/* "5-15", nothing where it is no array or none of it waits. */
const char *job_pending_tasks(const json_t *job);
/* The record of an array that has nothing left to tell: each of its tasks is a job of its own by now. */
bool job_is_spent_array(const json_t *job);
/* The job has had its resources: it runs or ran. */
bool job_has_started(const json_t *job);
bool job_has_ended(const json_t *job);
/* Of `accounting`; -1: not known. */
int64_t job_usage(const json_t *job, const char *key);

/* One value in a column, made plain. width 0: as long as it is; too long a text is cut with a '+'. */
void print_column(const char *text, int width, bool right);

/* [{"PENDING"}, ...] of bits 1 << state */
json_t *job_state_names(uint32_t states);
/* Own name, for --me; kept until the end. */
const char *own_user_name(void);

#endif
