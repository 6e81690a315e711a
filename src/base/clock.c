#include "src/base/clock.h"

#include <time.h>

static int64_t clock_usec(clockid_t id)
{
	struct timespec ts = {0};

	/* Cannot fail: both clocks are in every kernel that has cgroup v2. */
	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * USEC_PER_SEC + ts.tv_nsec / 1000;
}

int64_t clock_real_usec(void)
{
	return clock_usec(CLOCK_REALTIME);
}

int64_t clock_boot_usec(void)
{
	return clock_usec(CLOCK_BOOTTIME);
}
