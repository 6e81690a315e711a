/* Lists that may be longer than a message: as many replies as it takes. */
#include "daemon.h"

/* What stands around a list has room behind it. */
enum { ROOM = WIRE_MESSAGE_MAX - 64 };

static void begin(struct request *r, const char *name)
{
	if (!r->text.size)
		buf_addf(&r->text, "{\"parameters\":{\"%s\":[", name);
	else
		buf_addc(&r->text, ',');
}

void parts_send(struct request *r)
{
	if (!r->text.size)
		return;
	buf_adds(&r->text, "]},\"continues\":true}");
	request_stream_text(r);
}

/* False: not in this message, and there is no other. */
static bool make_room(struct request *r, size_t size)
{
	if (r->more && r->text.size + size > ROOM)
		parts_send(r);
	return r->text.size + size <= ROOM;
}

bool parts_add(struct request *r, const char *name, json_t *item)
{
	_cleanup_free_ char *text = json_dumps(item, WIRE_DUMP_FLAGS);
	size_t size = text ? strlen(text) : SIZE_MAX / 2;

	json_decref(item);
	if (!make_room(r, size))
		return false;
	begin(r, name);
	buf_add(&r->text, text, size);
	return true;
}

void parts_end(struct request *r, const char *name, json_t *rest)
{
	_cleanup_free_ char *text = rest ? json_dumps(rest, WIRE_DUMP_FLAGS) : NULL;

	json_decref(rest);
	if (text && !make_room(r, strlen(text))) {
		parts_refuse(r);
		return;
	}
	if (!r->text.size)
		begin(r, name);
	buf_addc(&r->text, ']');
	if (text) {
		buf_addc(&r->text, ',');
		buf_add(&r->text, text + 1, strlen(text) - 1);
	} else {
		buf_addc(&r->text, '}');
	}
	buf_addc(&r->text, '}');
	request_reply_text(r);
}

void parts_refuse(struct request *r)
{
	request_failf(r, -EMSGSIZE, "the answer has more than %d bytes, which no message has room for: expected `more`, or a limit", WIRE_MESSAGE_MAX);
}
