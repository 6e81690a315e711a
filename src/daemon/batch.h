/* batch.h: what has been stepped and is not committed, or is and not yet carried out and answered. For turn.c. */
#ifndef DAEMON_BATCH_H
#define DAEMON_BATCH_H

#include "daemon.h"

/* Everything between a step and its replies. Arrays own their elements. */
struct batch {
	struct work work; /* first */
	struct work *behind, **behind_end; /* goes to the committer after it */
	struct daemon *d;
	struct mscg_event *events; uint32_t events_n, events_cap;
	struct mscg_row   *rows;   uint32_t rows_n, rows_cap;
	struct new_spec { uint32_t job; struct spec_ref *ref; } *specs; uint32_t specs_n, specs_cap;
	struct planned { struct mscg_action action; struct spec_ref *spec; bool cached, prepared; } *actions; uint32_t actions_n, actions_cap;
	struct core_answer *answers; uint32_t answers_n, answers_cap;
	struct core_usage *usages; uint32_t usages_n, usages_cap;
	struct core_reservation *reservations; uint32_t reservations_n, reservations_cap;
	uint32_t next_job_id;
	int64_t  took_usec; /* to write it */
	int8_t   drained;
	bool     stamp_boot;
	bool     ballast_dropped; /* what was in the way is in `error` */
	int      result;
	struct mscg_error error;
};

struct batch *batch_new(struct daemon *d);
void batch_free(struct batch *b); /* what is `behind` it has been submitted before */
bool batch_is_empty(const struct batch *b);
/* With the store: writes it, with the ballast's room where there is no other, and reads what its STARTs need. */
void batch_run(struct work *work, struct store *store);
void batch_submit_behind(struct batch *b);

#endif
