/* Reserve, Unreserve, ListReservations: what operators set aside for some. People are names here and numbers in the core. */
#include "daemon.h"
#include "src/base/buf.h"
#include "src/base/parse.h"

enum { NAMES_MAX = 64 };

static bool is_name(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	return n && !name[n] && n < CORE_RESERVATION_NAME;
}

static int read_name(const struct request *r, const char **ret, struct mscg_error *error)
{
	int code = wire_get_string(r->parameters, "name", ret, error);

	if (code < 0)
		return code;
	if (!*ret)
		return mscg_error_set(error, -EINVAL, "parameter 'name' is missing: expected that of the reservation");
	if (!is_name(*ret))
		return mscg_error_set(error, -EINVAL, "reservation '%.40s': expected a name of letters, digits, '_', '.' and '-', at most %d of them", *ret,
		                      CORE_RESERVATION_NAME - 1);
	return 0;
}

/* -- whom it is for ------------------------------------------------------------------------------------------------ */

static int uid_text(const struct request *r, const char *name, char text[64], struct mscg_error *error)
{
	uint64_t number;
	uint32_t uid;

	(void)r;
	if (users_uid(name, &uid) < 0) {
		if (parse_u64(name, 0, UINT32_MAX - 1, &number, NULL) < 0)
			return mscg_error_set(error, -EINVAL, "user '%.40s': expected one that has an account on this machine", name);
		uid = (uint32_t)number;
	}
	snprintf(text, 64, "%u", uid);
	return 0;
}

/* Others would be anybody's to name. */
static int account_text(const struct request *r, const char *name, char text[64], struct mscg_error *error)
{
	const struct accounts *accounts = &r->d->config.accounts;

	for (uint32_t i = 0; i < accounts->n; i++)
		if (streq(accounts->list[i].name, name)) {
			snprintf(text, 64, "%s", name);
			return strlen(name) < 64 ? 0 : mscg_error_set(error, -EINVAL, "account '%.40s': expected a shorter name", name);
		}
	return mscg_error_set(error, -EINVAL, "account '%.40s': expected an [account NAME] of the configuration", name);
}

/* "a,b" as the core has them; NULL: none are given. */
static int read_list(const struct request *r, const char *key,
                     int (*one)(const struct request *r, const char *name, char text[64], struct mscg_error *error), char **ret,
                     struct mscg_error *error)
{
	_cleanup_strv_ char **names = NULL;
	struct buf list = { 0 };
	char text[64];
	int code = wire_get_strv(r->parameters, key, &names, error);

	for (size_t i = 0; code >= 0 && names && names[i]; i++) {
		code = i < NAMES_MAX ? one(r, names[i], text, error) : mscg_error_set(error, -E2BIG, "%s: expected %d at most", key, NAMES_MAX);
		if (code >= 0)
			buf_addf(&list, "%s%s", i ? "," : "", text);
	}
	if (code >= 0 && list.size)
		*ret = xstrdup(list.data);
	buf_free(&list);
	return code < 0 ? code : 0;
}

static int read_flags(const struct request *r, uint32_t *ret, struct mscg_error *error)
{
	_cleanup_strv_ char **flags = NULL;
	int code = wire_get_strv(r->parameters, "flags", &flags, error);

	for (size_t i = 0; code >= 0 && flags && flags[i]; i++) {
		if (!streq(flags[i], "maint"))
			return mscg_error_set(error, -EINVAL, "flag '%.40s': expected maint", flags[i]);
		*ret |= CORE_RESERVATION_MAINT;
	}
	return code < 0 ? code : 0;
}

/* -- making one ---------------------------------------------------------------------------------------------------- */

static int read_window(const struct request *r, struct core_reservation *to, struct mscg_error *error)
{
	enum { LONGEST_S = 10 * 366 * 86400 };
	int64_t duration = 0;
	int code = wire_get_time(r->parameters, "start", &to->start_usec, error);

	if (code < 0 || (code = wire_get_time(r->parameters, "end", &to->end_usec, error)) < 0 ||
	    (code = wire_get_int(r->parameters, "duration", 1, LONGEST_S, &duration, error)) < 0)
		return code;
	if (!duration == !to->end_usec)
		return mscg_error_set(error, -EINVAL, duration ? "an end beside a duration: expected one of them" : "no end: expected a duration, or an end");
	if (!to->start_usec)
		to->start_usec = clock_real_usec();
	if (duration)
		to->end_usec = to->start_usec + duration * USEC_PER_SEC;
	return 0;
}

static int read_reservation(const struct request *r, struct core_reservation *to, struct mscg_error *error)
{
	const char *name = NULL;
	int64_t mem = 0;
	int code = read_name(r, &name, error);

	if (code < 0)
		return code;
	to->name = xstrdup(name);
	if ((code = read_window(r, to, error)) < 0 || (code = wire_get_milli(r->parameters, "cpus", &to->cpus_milli, error)) < 0 ||
	    (code = wire_get_int(r->parameters, "mem_bytes", 1, INT64_MAX, &mem, error)) < 0 ||
	    (code = read_list(r, "users", uid_text, &to->users, error)) < 0 ||
	    (code = read_list(r, "accounts", account_text, &to->accounts, error)) < 0)
		return code;
	to->mem_bytes = (uint64_t)mem;
	return read_flags(r, &to->flags, error);
}

static void reserve_answer(struct request *r, const struct core_answer *answer)
{
	struct mscg_error error = { .code = answer->code };
	const char *name = NULL;

	wire_get_string(r->parameters, "name", &name, &error);
	memcpy(error.text, answer->text, sizeof answer->text);
	if (answer->code < 0)
		request_fail(r, answer->code == -ESRCH ? -EINVAL : answer->code, &error);
	else
		request_reply(r, json_pack("{s:s}", "name", name));
}

static void add(struct request *r, enum core_input_kind kind, const struct core_reservation *what)
{
	struct core_input input = { .kind = kind, .reservation = what };

	r->answer = reserve_answer;
	turn_add(r->d, &input, NULL, r);
}

void reserve_start(struct request *r)
{
	struct core_reservation what = { 0 };
	struct mscg_error error;
	int code = read_reservation(r, &what, &error);

	if (code < 0)
		request_fail(r, code, &error);
	else if (request_store_is_well(r))
		add(r, CORE_RESERVE, &what);
	core_reservation_clear(&what);
}

void unreserve_start(struct request *r)
{
	struct core_reservation what = { 0 };
	const char *name = NULL;
	struct mscg_error error;
	int code = read_name(r, &name, &error);

	if (code < 0) {
		request_fail(r, code, &error);
		return;
	}
	what.name = (char *)(uintptr_t)name;
	if (request_store_is_well(r))
		add(r, CORE_UNRESERVE, &what);
}

/* -- listing ------------------------------------------------------------------------------------------------------- */

static json_t *names_of(const char *list, bool are_uids)
{
	_cleanup_free_ char *copy = xstrdup(list);
	json_t *names = json_array();
	char *rest = NULL, label[32];

	for (char *one = copy ? strtok_r(copy, ",", &rest) : NULL; one; one = strtok_r(NULL, ",", &rest))
		json_array_append_new(names, json_string(are_uids ? users_label((uint32_t)strtoul(one, NULL, 10), label) : one));
	return names;
}

static json_t *reservation_json(const struct core_reservation_use *use, bool whole)
{
	const struct core_reservation *r = use->is;

	return json_pack("{s:s, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:b, s:i, s:o, s:I}", "name", r->name, "start", wire_time_json(r->start_usec),
	                 "end", wire_time_json(r->end_usec), "cpus", wire_cpus_json(r->cpus_milli), "mem_bytes", (json_int_t)r->mem_bytes,
	                 "users", whole ? names_of(r->users, true) : json_null(), "accounts", whole ? names_of(r->accounts, false) : json_null(),
	                 "flags", names_of(r->flags & CORE_RESERVATION_MAINT ? "maint" : NULL, false), "active", use->begun, "running",
	                 (int)use->running, "cpus_held", wire_cpus_json((uint32_t)use->cpus_held), "mem_held", (json_int_t)use->mem_held);
}

void reservations_start(struct request *r)
{
	bool whole = r->d->config.privacy == PRIVACY_NONE || client_is_operator(r->client);
	struct core_reservation_use use;
	json_t *list = json_array();

	for (uint32_t i = 0; core_get_reservation(r->d->core, i, &use); i++)
		json_array_append_new(list, reservation_json(&use, whole));
	request_reply(r, json_pack("{s:o}", "reservations", list));
}
