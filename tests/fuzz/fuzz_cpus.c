/* libFuzzer: CPU lists. What is accepted is written and read again to the same set. */
#include "src/base/base.h"
#include "tests/fuzz/fuzz.h"

#include <mscg/cpuset.h>

static void exact_room(const struct mscg_cpuset *set, const char *whole, size_t n)
{
	/* As snprintf: never more than there is room for, ended, and the same beginning. */
	for (size_t room = n > 4 ? n - 3 : 0; room <= n + 1; room++) {
		char *part = malloc(room ? room : 1);

		MUST(part && mscg_cpuset_format(set, part, room) == n);
		MUST(room == 0 || (strlen(part) == MIN_OF(n, room - 1) && strncmp(part, whole, room - 1) == 0));
		free(part);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_text(data, size);
	struct mscg_cpuset set, again;
	struct mscg_error e;

	if (mscg_cpuset_parse(text, &set, &e) < 0)
		return 0;
	size_t n = mscg_cpuset_format(&set, NULL, 0);
	_cleanup_free_ char *whole = xmalloc(n + 1);
	MUST(mscg_cpuset_format(&set, whole, n + 1) == n && strlen(whole) == n);
	MUST(mscg_cpuset_parse(whole, &again, &e) == 0 && mscg_cpuset_equal(&set, &again));
	MUST((n == 0) == mscg_cpuset_empty(&set));
	unsigned count = 0;
	for (unsigned c = mscg_cpuset_next(&set, 0); c < MSCG_CPUS_MAX; c = mscg_cpuset_next(&set, c + 1))
		count++;
	MUST(count == mscg_cpuset_count(&set));
	exact_room(&set, whole, n);
	return 0;
}
