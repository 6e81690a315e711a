/* queue_rows.h: how `mscg queue` prints jobs, one by one as they come. */
#ifndef CLI_QUEUE_ROWS_H
#define CLI_QUEUE_ROWS_H

#include "job_text.h"

/* squeue's own formats, of -l and of --start. */
#define QUEUE_FORMAT_LONG  "%.18i %.9P %.8j %.8u %.8T %.10M %.9l %.6D %R"
#define QUEUE_FORMAT_START "%.18i %.9P %.8j %.8u %.2t %.19S %.6D %R"

struct queue_rows;
/* `format` as squeue -o writes it, borrowed and checked (value_format); NULL: Mini-SLURM's columns, and one for users where
 * there are jobs of others. */
struct queue_rows *queue_rows_new(const char *format, bool header);
void queue_rows_add(struct queue_rows *rows, json_t *job);
/* Prints what is left, or (`well`: that is known) that there is nothing, and frees. */
void queue_rows_end(struct queue_rows *rows, bool well);

int value_format(void *target, const char *value, const struct option_spec *option, struct mscg_error *error);

/* queue_sort.c: letters of columns as squeue --sort has them: "p,-i". */
int  value_sort(void *target, const char *value, const struct option_spec *option, struct mscg_error *error);
void queue_sort(json_t *jobs, const char *keys);
/* Orders a queue as it is printed: an array's record stands before its tasks. */
uint64_t queue_order(const json_t *job);

#endif
