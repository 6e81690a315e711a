/* Many jobs, one by one. */
#include "list.h"

#include <pwd.h>

#include "job_text.h"
#include "src/base/parse.h"

struct list {
	bool (*each)(json_t *job, void *ctx);
	void   *ctx;
	int64_t left;
};

static bool on_slice(json_t *reply, void *ctx)
{
	struct list *l = ctx;
	json_t *job;
	size_t i;

	json_array_foreach(json_object_get(reply, "jobs"), i, job) {
		if (l->left == 0 || !l->each(job, l->ctx))
			return false;
		l->left--;
	}
	return true;
}

static void set_text(json_t *o, const char *key, const char *text)
{
	if (text)
		json_object_set_new(o, key, json_string(text));
}

static void set_time(json_t *o, const char *key, int64_t usec)
{
	char text[64];

	if (usec)
		set_text(o, key, format_rfc3339(usec, text, sizeof text));
}

int list_jobs(struct mscg *m, const struct list_filter *filter, bool (*each)(json_t *job, void *ctx), void *ctx,
              struct mscg_error *error)
{
	struct list l = {each, ctx, filter->limit ? filter->limit : INT64_MAX};
	json_t *p = json_object();

	if (filter->ids)
		json_object_set(p, "ids", filter->ids);
	if (filter->tasks)
		json_object_set_new(p, "tasks", json_true());
	if (filter->states)
		json_object_set_new(p, "states", job_state_names(filter->states));
	set_text(p, "user", filter->user);
	set_text(p, "name", filter->name);
	set_text(p, "account", filter->account);
	set_text(p, "partition", filter->partition);
	set_time(p, "since", filter->since_usec);
	set_time(p, "until", filter->until_usec);
	if (filter->active)
		json_object_set_new(p, "active", json_true());
	if (filter->newest_first)
		json_object_set_new(p, "newest_first", json_true());
	if (filter->limit)
		json_object_set_new(p, "limit", json_integer(filter->limit));
	return mscg_call_more(m, "List", p, on_slice, &l, error);
}

int list_of_nobody(const char *user, struct mscg_error *error)
{
	/* Jobs of a user without an account are listed by number. */
	if (!user || getpwnam(user) || !user[strspn(user, "0123456789")])
		return 0;
	return mscg_error_set(error, -EINVAL, "no user '%.60s' on this machine", user);
}

struct parts {
	const char *name;
	json_t *list, *last;
};

static bool on_part(json_t *reply, void *ctx)
{
	struct parts *p = ctx;

	json_array_extend(p->list, json_object_get(reply, p->name));
	json_decref(p->last);
	p->last = json_incref(reply);
	return true;
}

int list_call(struct mscg *m, const char *method, json_t *parameters, const char *name, json_t **ret, struct mscg_error *error)
{
	struct parts p = {name, json_array(), NULL};
	int r = mscg_call_more(m, method, parameters, on_part, &p, error);

	if (r == 0 && !p.last)
		r = mscg_error_set(error, -EPROTO, "the daemon ended its answer without one");
	if (r == 0) {
		json_object_set(p.last, name, p.list);
		*ret = json_incref(p.last);
	}
	json_decref(p.list);
	json_decref(p.last);
	return r;
}

void json_list_add(struct json_list *list, const json_t *value)
{
	/* One a line: a reader may cut them apart without waiting for the end. */
	fputs(list->begun ? ",\n" : "[\n", stdout);
	list->begun = true;
	json_dumpf(value, stdout, JSON_COMPACT | JSON_REAL_PRECISION(15));
}

void json_list_end(struct json_list *list)
{
	puts(list->begun ? "\n]" : "[]");
}
