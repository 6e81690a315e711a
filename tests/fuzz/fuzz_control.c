/* libFuzzer: the control file, as programs in elastic jobs read it: first the one half of the input, then, in its place
 * under the same name, the whole. */
#include "src/base/base.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <math.h>
#include <mscg/control.h>

static char dir[64];

static void clean(void)
{
	char path[96];

	snprintf(path, sizeof path, "%s/control", dir);
	unlink(path);
	rmdir(dir);
}

static const char *replace(const uint8_t *data, size_t size)
{
	static char path[96], fresh[96];

	if (!dir[0]) {
		snprintf(dir, sizeof dir, "%s", "/dev/shm/mscg-fuzz-control.XXXXXX");
		MUST(mkdtemp(dir));
		atexit(clean);
	}
	snprintf(path, sizeof path, "%s/control", dir);
	snprintf(fresh, sizeof fresh, "%s/control.new", dir);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size && close(fd) == 0 && rename(fresh, path) == 0);
	return path;
}

static void look(struct mscg_control *control)
{
	struct mscg_control_state state, again;
	int r = mscg_control_read(control, &state);

	MUST(mscg_control_cpus(control) >= 1);
	if (r < 0)
		return;
	MUST(state.cpus >= 1 && memchr(state.status, 0, sizeof state.status) && isfinite(state.scale_event));
	MUST(mscg_control_read(control, &again) == 0 && again.cpus == state.cpus && streq(again.status, state.status));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mscg_control *control;
	const char *path = replace(data, size / 2);

	MUST(mscg_control_open(&control, path) == 0);
	look(control);
	replace(data, size);
	look(control);
	mscg_control_close(control);
	return 0;
}
