/* jobfile.h: the names of a job's files. Used where they are opened and where they are shown. */
#ifndef BASE_JOBFILE_H
#define BASE_JOBFILE_H

#include <mscg/job.h>

/* Expands %j %J (job id; of a task N_k, so that no two write to one file) %A (the array's id) %a (task index) %b (modulo 10) %x (name)
 * %u (user) %N (node) %n %t (node and rank in the job: 0) %s (batch) %% and zero-padded forms (%4j) of a pattern, and makes it absolute
 * below `workdir`. '/' in names becomes '_'. Of an array itself, %a and %b stay. malloc'ed. */
char *jobfile_expand(const char *pattern, const struct mscg_spec *spec, struct mscg_id id, const char *node);

/* Where output of a job goes: stream 1 is stdout, 2 stderr. Default <home>/.mscg_logs/job_<id>.out|.err; stderr with an
 * explicit stdout and none of its own goes where stdout goes. malloc'ed. */
char *jobfile_output(const struct mscg_spec *spec, struct mscg_id id, const char *node, int stream);
/* NULL when the job reads /dev/null. malloc'ed. */
char *jobfile_input(const struct mscg_spec *spec, struct mscg_id id, const char *node);
/* <home>/.mscg_logs, and the link to the control file in it. malloc'ed. */
char *jobfile_log_dir(const struct mscg_spec *spec);
char *jobfile_control_link(const struct mscg_spec *spec, struct mscg_id id);

#endif
