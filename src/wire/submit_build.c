/* Submit: specs to JSON. What has its default is left out. */
#include "src/base/base.h"
#include "src/base/utf8.h"
#include "src/wire/submit.h"

#include <inttypes.h>

/* Lists of the message that jobs point into, found again by hash. */
struct shared {
	json_t   *list;
	uint64_t *hashes;
	uint32_t  n, cap;
};

static uint64_t hash_more(uint64_t h, const char *s)
{
	/* FNV-1a, the NUL too */
	do
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	while (*s++);
	return h;
}

#define HASH_START UINT64_C(0xcbf29ce484222325)

/* Index of an equal value, which is then used; steals `value`. */
static uint32_t share(struct shared *s, json_t *value, uint64_t hash)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->hashes[i] == hash && json_equal(json_array_get(s->list, i), value)) {
			json_decref(value);
			return i;
		}
	GROW(s->hashes, s->n, s->cap);
	s->hashes[s->n] = hash;
	if (!s->list)
		s->list = json_array();
	json_array_append_new(s->list, value);
	return s->n++;
}

/* NULL with text when it is not UTF-8. */
static json_t *text_json(const char *what, const char *text, struct mscg_error *error)
{
	json_t *json = json_string(text);

	if (!json)
		mscg_error_set(error, -EINVAL, "%s '%.100s' is not UTF-8: messages carry nothing else", what, text);
	return json;
}

static json_t *argv_json(char *const *argv, struct mscg_error *error)
{
	json_t *list = json_array();

	for (size_t i = 0; argv && argv[i]; i++) {
		json_t *text = text_json("argument", argv[i], error);

		if (!text) {
			json_decref(list);
			return NULL;
		}
		json_array_append_new(list, text);
	}
	return list;
}

static uint32_t share_env(struct shared *s, char *const *env)
{
	json_t *list = json_array();
	uint64_t hash = HASH_START;

	/* Taken whole from a shell and not typed: what cannot be sent is no reason to refuse the job. */
	for (; *env; env++)
		if (json_array_append_new(list, json_string(*env)) == 0)
			hash = hash_more(hash, *env);
	return share(s, list, hash);
}

static json_t *array_json(const struct mscg_spec *spec)
{
	_cleanup_free_ char *ranges = mscg_ranges_format(spec->array, spec->array_n);

	return spec->array_throttle ? json_sprintf("%s%%%" PRIu32, ranges, spec->array_throttle) : json_string(ranges);
}

/* NULL without text: has its default. */
static json_t *field_json(const struct spec_field *f, const struct mscg_spec *spec, const struct mscg_spec *defaults,
                          struct mscg_error *error)
{
	const void *p = spec_member(spec, f), *d = spec_member(defaults, f);
	const char *text;

	switch (f->kind) {
	case SPEC_TEXT:
		text = *(char *const *)p;
		return text ? text_json(f->key, text, error) : NULL;
	case SPEC_BOOL:
		return *(const bool *)p != *(const bool *)d ? json_boolean(*(const bool *)p) : NULL;
	case SPEC_U64:
		return *(const uint64_t *)p != *(const uint64_t *)d ? json_integer((json_int_t)*(const uint64_t *)p) : NULL;
	case SPEC_I32:
		return *(const int32_t *)p != *(const int32_t *)d ? json_integer(*(const int32_t *)p) : NULL;
	case SPEC_U32:
		return *(const uint32_t *)p != *(const uint32_t *)d ? json_integer(*(const uint32_t *)p) : NULL;
	case SPEC_TIME:
		return *(const int64_t *)p ? wire_time_json(*(const int64_t *)p) : NULL;
	case SPEC_MILLI:
		return *(const uint32_t *)p != *(const uint32_t *)d ? wire_cpus_json(*(const uint32_t *)p) : NULL;
	}
	return NULL;
}

static int build_spec(json_t *o, const struct mscg_spec *spec, const struct mscg_spec *defaults, struct shared *envs,
                      struct shared *scripts, struct mscg_error *error)
{
	struct mscg_error e = {0};
	json_t *v = argv_json(spec->argv, &e);

	if (v)
		json_object_set_new(o, "argv", v);
	if (spec->env)
		json_object_set_new(o, "env", json_integer(share_env(envs, spec->env)));
	if (spec->script && (v = text_json("script", spec->script, &e)))
		json_object_set_new(o, "script", json_integer(share(scripts, v, hash_more(HASH_START, spec->script))));
	if (spec->array)
		json_object_set_new(o, "array", array_json(spec));
	if (spec->cpu_mode != defaults->cpu_mode)
		json_object_set_new(o, "cpu_mode", json_string(wire_cpu_modes[spec->cpu_mode]));
	for (size_t i = 0; i < SPEC_FIELDS_N; i++) {
		v = field_json(&wire_spec_fields[i], spec, defaults, &e);
		if (v)
			json_object_set_new(o, wire_spec_fields[i].key, v);
	}
	return e.code < 0 ? mscg_error_set(error, e.code, "%s", e.text) : 0;
}

json_t *wire_submit_build(struct mscg_spec *const *specs, uint32_t n, struct mscg_error *error)
{
	struct mscg_spec *defaults = mscg_spec_new();
	json_t *parameters = json_object(), *jobs = json_array();
	struct shared envs = {0}, scripts = {0};
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < n; i++) {
		json_t *o = json_object();

		r = build_spec(o, specs[i], defaults, &envs, &scripts, error);
		json_array_append_new(jobs, o);
		if (r < 0 && n > 1)
			mscg_error_prefix(error, r, "jobs[%" PRIu32 "]: ", i);
	}
	json_object_set_new(parameters, "jobs", jobs);
	if (envs.list)
		json_object_set_new(parameters, "environments", envs.list);
	if (scripts.list)
		json_object_set_new(parameters, "scripts", scripts.list);
	free(envs.hashes);
	free(scripts.hashes);
	mscg_spec_free(defaults);
	if (r == 0)
		return parameters;
	json_decref(parameters);
	return NULL;
}
