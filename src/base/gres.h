/* gres.h: generic resources: what the machine has a number of, each for one job at a time.
 *
 * As asked for: "gpu:2,gpu:a100:1,license:matlab:3", NAME[:TYPE]:N; without a type any will do. GPUs have the name gpu, licenses
 * the name license, with what they are for as the type.
 * As granted: "gpu:3(IDX:0,2-3) license:matlab:3". What is a device has numbers, which stay its own; of the others only the
 * count is kept. */
#ifndef BASE_GRES_H
#define BASE_GRES_H

#include <mscg/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GRES_PARTS_MAX 8
#define GRES_COUNT_MAX 100000 /* of one name */
#define GRES_UNITS_MAX 64     /* devices of one name: 0 to 63 */
#define GRES_NAME_MAX  32
#define GRES_GPU       "gpu"
#define GRES_LICENSE   "license"

struct gres_part {
	char     name[GRES_NAME_MAX], type[GRES_NAME_MAX]; /* type "": any */
	uint32_t n;
	uint64_t units; /* granted: which devices, 1 << number; 0: they are no devices */
};
struct gres {
	struct gres_part part[GRES_PARTS_MAX]; /* asked for: sorted by name and type, each once */
	uint32_t         n;
};

int   gres_parse(const char *text, struct gres *ret, struct mscg_error *error); /* as asked for */
char *gres_format(const struct gres *gres); /* the caller frees it; NULL: none */
/* How many of a name are in what is asked for; NULL: of none. */
uint32_t gres_count(const char *text, const char *name);

int      gres_granted_parse(const char *text, struct gres *ret); /* NULL: none. -EINVAL: not as written here */
char    *gres_granted_format(const struct gres *granted); /* the caller frees it; NULL: none */
uint64_t gres_granted_units(const char *text, const char *name); /* devices of a name */
char    *gres_list_units(uint64_t units, char *text, size_t size); /* "0,2,3"; 200 bytes are enough */

#endif
