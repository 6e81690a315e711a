#include "src/base/base.h"

size_t strv_length(char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

char **strv_copy(char *const *v)
{
	size_t n = strv_length(v);
	char **copy;

	if (!v)
		return NULL;
	copy = xcalloc(n + 1, sizeof *copy);
	for (size_t i = 0; i < n; i++)
		copy[i] = xstrdup(v[i]);
	return copy;
}

void strv_free(char **v)
{
	if (!v)
		return;
	for (size_t i = 0; v[i]; i++)
		free(v[i]);
	free(v);
}

void cleanup_strv(char ***v)
{
	strv_free(*v);
}

/* Takes `s`. */
static void add_owned(char ***v, char *s)
{
	size_t n = strv_length(*v);

	*v = xreallocarray(*v, n + 2, sizeof **v);
	(*v)[n] = s;
	(*v)[n + 1] = NULL;
}

void strv_add(char ***v, const char *s)
{
	add_owned(v, xstrdup(s));
}

/* The index of NAME, or the length of the list. */
static size_t env_find(char *const *env, const char *name)
{
	size_t n = strlen(name), i = 0;

	for (; env && env[i]; i++)
		if (strncmp(env[i], name, n) == 0 && env[i][n] == '=')
			break;
	return i;
}

const char *env_get(char *const *env, const char *name)
{
	size_t i = env_find(env, name);

	return env && env[i] ? env[i] + strlen(name) + 1 : NULL;
}

void env_set(char ***env, const char *name, const char *value)
{
	size_t i = env_find(*env, name);
	bool there = *env && (*env)[i];

	if (!value) {
		if (!there)
			return;
		free((*env)[i]);
		for (; (*env)[i]; i++)
			(*env)[i] = (*env)[i + 1];
		return;
	}
	if (there) {
		char *old = (*env)[i];

		/* `value` may point into the old entry. */
		(*env)[i] = xasprintf("%s=%s", name, value);
		free(old);
	} else {
		add_owned(env, xasprintf("%s=%s", name, value));
	}
}
