/* Resize by hand, which may have several answers. */
#include "daemon.h"

static const char *const resize_names[] = {
	[CORE_RESIZE_NONE] = "Proposed",         [CORE_RESIZE_PROPOSED] = "Proposed",
	[CORE_RESIZE_INPROGRESS] = "InProgress", [CORE_RESIZE_DONE] = "Done",
	[CORE_RESIZE_DEFERRED] = "Deferred",     [CORE_RESIZE_INFEASIBLE] = "Infeasible",
};

static void resize_answer(struct request *r, const struct core_answer *answer)
{
	json_t *why = answer->text[0] ? json_string(answer->text) : json_null();

	if (answer->code < 0 && answer->resize == CORE_RESIZE_NONE) {
		json_decref(why);
		request_failf(r, answer->code, "%s", answer->text);
		return;
	}
	json_t *reply = json_pack("{s:s, s:o}", "answer", resize_names[answer->resize], "why", why);
	if (answer->last)
		request_reply(r, reply);
	else if (r->more)
		request_stream(r, reply);
	else
		json_decref(reply);
}

void resize_by_hand_start(struct request *r)
{
	struct core_input input = { .kind = CORE_RESIZE };
	struct mscg_error error;
	int64_t mem = 0;
	int code;

	if (!request_store_is_well(r))
		return;
	if ((code = wire_get_milli(r->parameters, "cpus", &input.cpus_milli, &error)) < 0 ||
	    (code = wire_get_int(r->parameters, "mem_bytes", 4 << 20, INT64_MAX, &mem, &error)) < 0) {
		request_fail(r, code, &error);
		return;
	}
	if (!input.cpus_milli && !mem) {
		request_failf(r, -EINVAL, "nothing to resize: give cpus, mem_bytes or both");
		return;
	}
	if (!request_job(r))
		return;
	input.id        = r->id;
	input.mem_bytes = (uint64_t)mem;
	r->answer       = resize_answer;
	turn_add(r->d, &input, NULL, r);
}
