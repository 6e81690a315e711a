/* One message's text to JSON. */
#include "src/base/base.h"
#include "src/wire/wire.h"

/* Behind the string whose inside begins at p. */
static const char *skip_string(const char *p)
{
	for (;;) {
		p += strcspn(p, "\"\\");
		if (*p == '"')
			return p + 1;
		if (*p == '\0' || p[1] == '\0')
			return p + strlen(p);
		p += 2;
	}
}

/* What the parser would follow recursively, and what it allocates many times its text for, is bounded before it sees
 * it: a few brackets cost the sender nothing. */
static int check_shape(const char *p, struct mscg_error *error)
{
	int depth = 0, containers = 0;

	for (;;) {
		p += strcspn(p, "\"[]{}");
		switch (*p++) {
		case '\0':
			return 0;
		case '"':
			p = skip_string(p);
			break;
		case '[':
		case '{':
			if (++depth > WIRE_DEPTH_MAX)
				return mscg_error_set(error, -EBADMSG, "message is nested more than %d deep", WIRE_DEPTH_MAX);
			if (++containers > WIRE_CONTAINERS_MAX)
				return mscg_error_set(error, -EBADMSG, "message has more than %d objects and arrays",
				                      WIRE_CONTAINERS_MAX);
			break;
		default:
			depth--;
		}
	}
}

int wire_parse(const char *text, size_t size, json_t **ret, struct mscg_error *error)
{
	json_error_t je;
	json_t *json;
	int r = check_shape(text, error);

	if (r < 0)
		return r;
	json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &je);
	if (!json)
		return mscg_error_set(error, -EBADMSG, "message is not JSON: %s (byte %d)", je.text, je.position);
	if (!json_is_object(json)) {
		json_decref(json);
		return mscg_error_set(error, -EBADMSG, "message is a JSON array: expected an object");
	}
	*ret = json;
	return 0;
}
