/* submit.h: what the files of `mscg submit` share. */
#ifndef CLI_SUBMIT_H
#define CLI_SUBMIT_H

#include "job_options.h"

struct submit_options {
	struct job_options job; /* first: its rows count from here */
	const char *wrap, *file;
	bool parsable, wait, test_only, script;
};
extern const struct submit_options submit_default;
extern const struct option_spec submit_option_table[];

/* What `mscg submit` says of a job, from its specification and what the daemon made of it. */
void submit_print_asked(const struct mscg_spec *spec, double cpus, uint64_t mem_bytes, int64_t priority);
void submit_print_test(struct mscg_spec *spec);

/* pipeline.c: the jobs of a file, in an order in which each stands behind those that it waits for. */
struct pipeline {
	const char *file; /* as messages name it */
	struct pipeline_job {
		const char *name; /* of `json` */
		json_t     *json; /* borrowed from `root` */
		struct mscg_spec *spec;
		char       *dependency; /* with "#N" for the Nth job of the file; NULL: none */
		uint32_t    place;      /* in the order of submission */
	} *job; /* in the order of the file */
	uint32_t    n;
	uint32_t   *order; /* order[place]: index of the job */
	json_t     *root;
};
/* "-" is standard input. 0, or -errno with text that names the file and the job. */
int  pipeline_read(const struct cli *cli, const char *file, struct pipeline *ret, struct mscg_error *error);
void pipeline_clear(struct pipeline *p);
/* pipeline_order.c: fills dependency, place, order. */
int  pipeline_order(struct pipeline *p, struct mscg_error *error);
/* What the machine does not keep jobs to, of the answer to a submission: once, on stderr. */
void submit_warn_not_enforced(const struct cli *cli, const struct submit_options *o, const json_t *reply);
/* pipeline_submit.c: --file. Returns the exit status. */
int  pipeline_submit(struct cli *cli, const struct submit_options *o, char **words);

#endif
