/* Requeue: jobs that run are the core's to end and put back. Those that have ended are in the store only, so that rows are
 * read first; by the time they are there, a job may be another one than it was. */
#include <syslog.h>

#include "daemon.h"

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

		q->result = r == -ENOENT ? 0 : r;
	}
}

static void answer(struct request *r, const struct core_answer *a)
{
	char id[MSCG_ID_TEXT];
	bool bad = a->code < 0;

	mscg_id_format(a->id, id);
	json_array_append_new(json_object_get(r->result, bad ? "errors" : "requeued"),
	                      bad ? json_pack("{s:s, s:s, s:s}", "id", id, "error", wire_error_by_code(a->code)->name, "message", a->text) :
	                            json_string(id));
	if (!r->awaiting)
		request_reply(r, json_incref(r->result));
}

static int may(struct request *r, const struct mscg_job *job, char text[160])
{
	struct mscg_error error;
	int code = access_act(r->client, request_verb(r), job->id, job, &error);

	if (code < 0)
		snprintf(text, 160, "%.159s", error.text);
	return code;
}

/* 0: it is before the core. */
static int requeue_one(struct request *r, struct mscg_id id, struct store_record *record, char text[160])
{
	const struct mscg_job *live = core_find(r->d->core, id), *job = live ? live : &record->row.job;
	struct core_input input = { .kind = CORE_REQUEUE, .id = id };
	char name[MSCG_ID_TEXT];
	int code;

	mscg_id_format(id, name);
	if (!live && !record->row.job.id.job) {
		snprintf(text, 160, "no job %s", name);
		return -ESRCH;
	}
	if ((code = may(r, job, text)) < 0)
		return code;
	if (live && !mscg_id_equal(live->id, id)) {
		snprintf(text, 160, core_task_waits(r->d->core, id) ? "job %s waits in the queue already" :
		                    "job %s is a task that has ended: submit it again with --array", name);
		return -EBUSY;
	}
	if (live)
		turn_add(r->d, &input, NULL, r);
	else
		turn_add_row(r->d, &input, &record->row, r);
	return 0;
}

static void rows_read(struct work *work, void *ctx)
{
	struct requeue_work *q = container_of(work, struct requeue_work, work);
	struct request *r = q->request;

	(void)ctx;
	if (q->result < 0 || !r->client) { /* gone: nobody to ask whether it may */
		request_fail(r, q->result < 0 ? q->result : -ECANCELED, &q->error);
	} else {
		r->awaiting++; /* until all are under way */
		for (uint32_t i = 0; i < q->n; i++) {
			struct core_answer a = { .id = q->ids[i] };

			a.code = requeue_one(r, q->ids[i], &q->records[i], a.text);
			if (a.code < 0)
				answer(r, &a);
		}
		if (--r->awaiting == 0)
			request_reply(r, json_incref(r->result));
	}
	for (uint32_t i = 0; i < q->n; i++)
		store_record_clear(&q->records[i]);
	free(q->records);
	free(q->ids);
	free(q);
}

void requeue_start(struct request *r)
{
	_cleanup_strv_ char **ids = NULL;
	_cleanup_free_ struct mscg_id *parsed = NULL;
	struct mscg_error error;
	uint32_t n = 0;
	int code = wire_get_strv(r->parameters, "ids", &ids, &error);

	if (code >= 0 && !strv_length(ids))
		code = mscg_error_set(&error, -EINVAL, "parameter 'ids' is missing: which jobs?");
	parsed = xcalloc(strv_length(ids) + 1, sizeof *parsed);
	for (char **p = ids; code >= 0 && p && *p; p++)
		code = mscg_id_parse(*p, &parsed[n++], &error);
	if (code < 0) {
		request_fail(r, code, &error);
		return;
	}
	struct requeue_work *q = xcalloc(1, sizeof *q);

	*q = (struct requeue_work){ .work = { .run = read_rows, .done = rows_read }, .request = r, .n = n };
	q->ids     = steal(&parsed);
	q->records = xcalloc(n, sizeof *q->records);
	r->answer  = answer;
	r->result  = json_pack("{s:[], s:[]}", "requeued", "errors");
	committer_submit(r->d->committer, &q->work);
}
