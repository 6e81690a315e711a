#include <pwd.h>

#include "daemon.h"

/* Account databases may be remote and slow: what was asked once is kept for a while. */
enum { CACHE_SIZE = 256 };
static const int64_t keep_usec = 300 * USEC_PER_SEC;

struct account {
	uint32_t uid, gid;
	char    *name, *home;
	int64_t  read_usec;
};

static struct account *look_up(uint32_t uid)
{
	static struct account cache[CACHE_SIZE];
	struct account *a = &cache[uid % CACHE_SIZE];
	int64_t now = clock_boot_usec();

	if (a->name && a->uid == uid && now - a->read_usec < keep_usec)
		return a;
	struct passwd *pw = getpwuid(uid);
	if (!pw)
		return NULL;
	free(a->name);
	free(a->home);
	*a = (struct account){ uid, pw->pw_gid, xstrdup(pw->pw_name), xstrdup(pw->pw_dir), now };
	return a;
}

int users_fill(struct mscg_spec *spec, struct mscg_error *error)
{
	const struct account *a = look_up(spec->uid);

	if (!a)
		return mscg_error_set(error, -EPERM, "uid %u has no account on this machine", spec->uid);
	free(spec->user);
	free(spec->home);
	spec->user = xstrdup(a->name);
	spec->home = xstrdup(a->home);
	spec->gid  = a->gid;
	return 0;
}

char *users_shell(uint32_t uid)
{
	const struct passwd *pw = getpwuid(uid);

	return xstrdup(pw && pw->pw_shell && *pw->pw_shell ? pw->pw_shell : "/bin/sh");
}

const char *users_name(uint32_t uid)
{
	const struct account *a = look_up(uid);

	return a ? a->name : NULL;
}

int users_uid(const char *name, uint32_t *ret)
{
	const struct passwd *pw = getpwnam(name);

	if (!pw)
		return -ENOENT;
	*ret = pw->pw_uid;
	return 0;
}

const char *users_label(uint32_t uid, char text[32])
{
	const char *name = users_name(uid);

	if (name)
		return name;
	snprintf(text, 32, "%u", uid);
	return text;
}
