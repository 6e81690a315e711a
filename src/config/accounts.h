/* accounts.h: the accounts of the configuration, as in Slurm: a tree, each with shares, and with those who may use it.
 *
 *     [account science]
 *     shares = 3
 *     [account physics]
 *     parent = science
 *     users = alice:2 bob
 *     budget = 1000
 */
#ifndef CONFIG_ACCOUNTS_H
#define CONFIG_ACCOUNTS_H

#include "src/core/core.h"

#include <mscg/error.h>

struct accounts {
	struct account_config {
		char    *name, *parent; /* parent NULL: at the top */
		char    *users;         /* as given; NULL: everybody */
		char    *origin;        /* file and line of its section */
		uint64_t shares;
		double   budget; /* 0: none */
	} *list;
	uint32_t n, cap;
};
/* "1000", "12.5": what may be spent. -EINVAL with text. */
int  accounts_amount(const char *text, double *ret, struct mscg_error *error);
void accounts_clear(struct accounts *accounts);
struct account_config *accounts_find(const struct accounts *accounts, const char *name); /* NULL: there is none */
/* The first that names him, for jobs that name none; NULL: none does. */
const char *accounts_default(const struct accounts *accounts, const char *user);
/* A section, made if it is not there. NULL with text: the name is none. */
struct account_config *accounts_section(struct accounts *accounts, const char *name, const char *origin, struct mscg_error *error);
int  accounts_set(struct account_config *account, const char *name, const char *value, struct mscg_error *error);
/* When all is read: parents there, no circles; puts each behind the one above it. -EINVAL with text. */
int  accounts_check(struct accounts *accounts, struct mscg_error *error);

/* What the core is given of it: points into *accounts and what it allocates, which the caller frees. */
struct accounts_view {
	struct core_account *account; uint32_t accounts;
	struct core_member  *member;  uint32_t members;
};
/* The number of a user that an account names; false: there is none of that name here. */
typedef bool accounts_uid_of(void *ctx, const char *user, const char *account, uint32_t *ret);
void accounts_view(const struct accounts *accounts, struct accounts_view *ret, accounts_uid_of *uid_of, void *ctx);
void accounts_view_clear(struct accounts_view *view);

/* The account of a new job: the one that it names, which is to be there and its user's; or, of one that names none, the first
 * that names its user. spec->user is set. -EINVAL with text. Without accounts anything goes. */
int accounts_fill(const struct accounts *accounts, struct mscg_spec *spec, struct mscg_error *error);

#endif
