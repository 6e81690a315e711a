/* Requeue: jobs that run are the core's to end and put back. Those that have ended are in the store only, so that rows are
 * read first; by the time they are there, a job may be another one than it was. */
#include "daemon.h"

enum { GRANTED = 1 << MSCG_STATE_RUNNING | 1 << MSCG_STATE_SUSPENDED | 1 << MSCG_STATE_COMPLETING };

struct requeue_work {
	struct work work; /* first */
	struct request *request;
	struct mscg_id *ids; uint32_t n;
	struct store_record *records; /* row.job.id.job is 0 where there is none */
	int      result;
	struct mscg_error error;
};

static void read_rows(struct work *work, struct store *store)
{
	struct requeue_work *q = container_of(work, struct requeue_work, work);

	for (uint32_t i = 0; i < q->n && q->result >= 0; i++) {
		int r = store_get(store, q->ids[i], &q->records[i], &q->error);

		mscg_spec_free(steal(&q->records[i].spec)); /* not needed, and may be large */
		q->result = r == -ENOENT ? 0 : r;
	}
}

static void requeue_one(struct request *r, struct mscg_id id, struct store_record *record)
{
	const struct mscg_job *live = core_find(r->d->core, id), *job = live ? live : &record->row.job;
	struct core_input input = { .kind = CORE_REQUEUE, .id = id };
	struct mscg_error error;
	char name[MSCG_ID_TEXT];
	int code;

	mscg_id_format(id, name);
	if (!live && !record->row.job.id.job)
		many_refuse(r, id, -ESRCH, "no job %s", name);
	else if ((code = access_act(r->client, request_verb(r), job->id, job, &error)) < 0)
		many_refuse(r, id, code, "%s", error.text);
	else if (live && !mscg_id_equal(live->id, id) && core_task_waits(r->d->core, id))
		many_refuse(r, id, -EBUSY, "job %s waits in the queue already", name);
	else if (live && !mscg_id_equal(live->id, id))
		many_refuse(r, id, -EBUSY, "job %s is a task that has ended: submit it again with --array=%u and the rest of its command line", name, id.task);
	else if (live)
		turn_add(r->d, &input, NULL, r);
	else
		turn_add_row(r->d, &input, &record->row, r);
}

static void rows_read(struct work *work, void *ctx)
{
	struct requeue_work *q = container_of(work, struct requeue_work, work);
	struct request *r = q->request;

	(void)ctx;
	if (q->result < 0 || !r->client) { /* gone: nobody to ask whether it may */
		request_fail(r, q->result < 0 ? q->result : -ECANCELED, &q->error);
	} else {
		many_begin(r, "requeued");
		for (uint32_t i = 0; i < q->n; i++)
			requeue_one(r, q->ids[i], &q->records[i]);
		many_end(r);
	}
	for (uint32_t i = 0; i < q->n; i++)
		store_record_clear(&q->records[i]);
	free(q->records);
	free(q->ids);
	free(q);
}

void requeue_start(struct request *r)
{
	struct requeue_work *q;
	struct mscg_id *ids;
	struct mscg_error error;
	uint32_t n;
	int code = many_ids(r, GRANTED, &ids, &n, &error);

	if (code < 0) {
		request_fail(r, code, &error);
		return;
	}
	q  = xmalloc(sizeof *q);
	*q = (struct requeue_work){ .work = { .run = read_rows, .done = rows_read }, .request = r, .ids = ids, .n = n };
	q->records = xcalloc(n, sizeof *q->records);
	committer_submit(r->d->committer, &q->work);
}
