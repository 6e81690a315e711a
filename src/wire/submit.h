/* submit.h: the plain members of a Spec, one row each, for reading (submit.c) and writing (submit_build.c). */
#ifndef WIRE_SUBMIT_H
#define WIRE_SUBMIT_H

#include "src/wire/wire.h"

enum spec_kind { SPEC_TEXT, SPEC_BOOL, SPEC_U32, SPEC_I32, SPEC_U64, SPEC_MILLI, SPEC_TIME };

struct spec_field {
	const char    *key;
	enum spec_kind kind;
	size_t         offset; /* in struct mscg_spec */
	int64_t        min, max;
};

#define SPEC_FIELDS_N 47
extern const struct spec_field wire_spec_fields[SPEC_FIELDS_N];
extern const char *const       wire_cpu_modes[2]; /* by enum mscg_cpu_mode */

static inline void *spec_member(const struct mscg_spec *spec, const struct spec_field *f)
{
	return (char *)(uintptr_t)spec + f->offset;
}

#endif
