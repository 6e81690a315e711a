#include "accounts.h"

#include <string.h>
#include <strings.h>

#include "src/base/base.h"
#include "src/base/buf.h"
#include "src/base/parse.h"

#define SHARES_MAX 65535

static void account_clear(struct account_config *a)
{
	free(a->name);
	free(a->parent);
	free(a->users);
	free(a->origin);
}

void accounts_clear(struct accounts *accounts)
{
	for (uint32_t i = 0; i < accounts->n; i++)
		account_clear(&accounts->list[i]);
	free(accounts->list);
	*accounts = (struct accounts){0};
}

struct account_config *accounts_find(const struct accounts *accounts, const char *name)
{
	for (uint32_t i = 0; i < accounts->n; i++)
		if (streq(accounts->list[i].name, name))
			return &accounts->list[i];
	return NULL;
}

struct account_config *accounts_section(struct accounts *accounts, const char *name, const char *origin, struct mscg_error *error)
{
	struct account_config *a = accounts_find(accounts, name);

	if (a)
		return a;
	if (!*name || name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")]) {
		mscg_error_set(error, -EINVAL, "account '%s': expected letters, digits and _-.", name);
		return NULL;
	}
	GROW(accounts->list, accounts->n, accounts->cap);
	a = &accounts->list[accounts->n++];
	*a = (struct account_config){.name = xstrdup(name), .origin = xstrdup(origin), .shares = 1};
	return a;
}

/* -- members: "alice:2 bob *" ------------------------------------------------------------------------------------- */

/* The next of them; false: there is none. -1 shares: what is behind the colon is none. */
static bool next_member(const char **p, char name[64], int64_t *ret_shares)
{
	uint64_t shares = 1;
	size_t n, colon;

	*p += strspn(*p, " \t,");
	n = strcspn(*p, " \t,");
	if (!n)
		return false;
	colon = strcspn(*p, ":");
	snprintf(name, 64, "%.*s", (int)MIN_OF(n, colon), *p);
	if (colon < n) {
		_cleanup_free_ char *number = xstrndup(*p + colon + 1, n - colon - 1);

		*ret_shares = parse_u64(number, 0, SHARES_MAX, &shares, NULL) < 0 ? -1 : (int64_t)shares;
	} else {
		*ret_shares = 1;
	}
	*p += n;
	return true;
}

static int check_users(const char *text, struct mscg_error *error)
{
	char name[64];
	int64_t shares;

	for (const char *p = text; next_member(&p, name, &shares);)
		if (shares < 0 || !*name)
			return mscg_error_set(error, -EINVAL, "users: '%.60s': expected users, each with a number of shares from 0 to %d if it is not 1, as in alice:2 bob",
			                      text, SHARES_MAX);
	return 0;
}

static bool is_member(const struct account_config *a, const char *user)
{
	char name[64];
	int64_t shares;

	for (const char *p = a->users; p && next_member(&p, name, &shares);)
		if (streq(name, user) || streq(name, "*"))
			return true;
	return !a->users;
}

static bool names(const struct account_config *a, const char *user)
{
	char name[64];
	int64_t shares;

	for (const char *p = a->users; p && next_member(&p, name, &shares);)
		if (streq(name, user))
			return true;
	return false;
}

int accounts_amount(const char *text, double *ret, struct mscg_error *error)
{
	size_t n = strspn(text, "0123456789.");
	char *end = NULL;
	double amount = n && n < 30 && !text[n] ? strtod(text, &end) : 0;

	if (!end || *end || amount < 0.0001 || amount > 1e9)
		return mscg_error_set(error, -EINVAL, "'%.60s': expected an amount above 0, up to 1000000000, as 1000 or 12.5", text);
	*ret = (double)(int64_t)(amount * 1e6 + 0.5) / 1e6; /* 15 digits at most: it can be shown as it is */
	return 0;
}

int accounts_set(struct account_config *a, const char *name, const char *value, struct mscg_error *error)
{
	if (strcasecmp(name, "shares") == 0) {
		int r = parse_u64(value, 0, SHARES_MAX, &a->shares, error);

		return r < 0 ? mscg_error_prefix(error, r, "shares: ") : 0;
	}
	if (strcasecmp(name, "parent") == 0) {
		free(a->parent);
		a->parent = *value ? xstrdup(value) : NULL;
		return 0;
	}
	if (strcasecmp(name, "users") == 0) {
		free(a->users);
		a->users = *value ? xstrdup(value) : NULL;
		return check_users(value, error);
	}
	if (strcasecmp(name, "budget") == 0) {
		int r = accounts_amount(value, &a->budget, error);

		return r < 0 ? mscg_error_prefix(error, r, "budget: ") : 0;
	}
	return mscg_error_set(error, -EINVAL, "unknown setting '%.60s' of an account: expected shares, parent, users or budget", name);
}

/* -- the tree ----------------------------------------------------------------------------------------------------- */

static int check_parent(const struct accounts *accounts, const struct account_config *a, struct mscg_error *error)
{
	const struct account_config *up = a;

	for (uint32_t i = 0; up->parent; i++) {
		if (i > accounts->n)
			return mscg_error_set(error, -EINVAL, "%s: account '%s' is below itself: expected a tree", a->origin, a->name);
		const char *name = up->parent;

		up = accounts_find(accounts, name);
		if (!up)
			return mscg_error_set(error, -EINVAL, "%s: account '%s': no account '%.60s' to be its parent: expected a section [account %.60s]",
			                      a->origin, a->name, name, name);
	}
	return 0;
}

static uint32_t level(const struct accounts *accounts, const struct account_config *a)
{
	return a->parent ? 1 + level(accounts, accounts_find(accounts, a->parent)) : 0;
}

int accounts_check(struct accounts *accounts, struct mscg_error *error)
{
	for (uint32_t i = 0; i < accounts->n; i++) {
		int r = check_parent(accounts, &accounts->list[i], error);

		if (r < 0)
			return r;
	}
	/* by level, and as they were within one */
	for (uint32_t i = 1; i < accounts->n; i++)
		for (uint32_t j = i; j && level(accounts, &accounts->list[j]) < level(accounts, &accounts->list[j - 1]); j--) {
			struct account_config a = accounts->list[j];

			accounts->list[j] = accounts->list[j - 1];
			accounts->list[j - 1] = a;
		}
	return 0;
}

void accounts_view(const struct accounts *accounts, struct accounts_view *ret, accounts_uid_of *uid_of, void *ctx)
{
	struct accounts_view view = {.account = xcalloc(accounts->n + 1, sizeof *view.account), .accounts = accounts->n};
	uint32_t cap = 0;
	char name[64];
	int64_t shares;

	for (uint32_t i = 0; i < accounts->n; i++) {
		const struct account_config *a = &accounts->list[i], *up = a->parent ? accounts_find(accounts, a->parent) : NULL;

		view.account[i] = (struct core_account){a->name, up ? (uint32_t)(up - accounts->list) : CORE_NO_ACCOUNT, (uint32_t)a->shares, a->budget};
		for (const char *p = a->users; p && next_member(&p, name, &shares);) {
			uint32_t uid;

			if (streq(name, "*") || !uid_of(ctx, name, a->name, &uid))
				continue;
			GROW(view.member, view.members, cap);
			view.member[view.members++] = (struct core_member){i, uid, (uint32_t)shares};
		}
	}
	*ret = view;
}

void accounts_view_clear(struct accounts_view *view)
{
	free(view->account);
	free(view->member);
	*view = (struct accounts_view){0};
}

/* -- new jobs ----------------------------------------------------------------------------------------------------- */

/* "physics, chemistry": those that the user may use. */
static char *list_for(const struct accounts *accounts, const char *user)
{
	_cleanup_buf_ struct buf text = {0};

	for (uint32_t i = 0; i < accounts->n && text.size < 100; i++)
		if (is_member(&accounts->list[i], user))
			buf_addf(&text, "%s%s", text.size ? ", " : "", accounts->list[i].name);
	return xstrdup(text.size ? text.data : "none: there is no account for this user");
}

const char *accounts_default(const struct accounts *accounts, const char *user)
{
	for (uint32_t i = 0; i < accounts->n; i++)
		if (names(&accounts->list[i], user))
			return accounts->list[i].name;
	return NULL;
}

int accounts_fill(const struct accounts *accounts, struct mscg_spec *spec, struct mscg_error *error)
{
	const char *user = spec->user ? spec->user : "";
	const struct account_config *a;

	if (!accounts->n)
		return 0;
	if (!spec->account) {
		spec->account = xstrdup(accounts_default(accounts, user));
		return 0;
	}
	a = accounts_find(accounts, spec->account);
	if (a && is_member(a, user))
		return 0;
	_cleanup_free_ char *list = list_for(accounts, user);

	return mscg_error_set(error, -EINVAL, "%s '%.60s' %s user %.60s: expected %.100s", a ? "account" : "no account", spec->account,
	                      a ? "is not for" : "for", user, list);
}
