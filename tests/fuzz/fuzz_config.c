/* libFuzzer: the configuration file. What is accepted can be shown, and what is shown is accepted again. */
#include "src/config/config.h"
#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>

static int load(const char *text, size_t size, struct config *ret, struct mscg_error *error)
{
	_cleanup_close_ int fd = memfd_create("mscg.conf", MFD_CLOEXEC);
	char path[40], *argv[] = {(char *)"mscgd", (char *)"--config", path, NULL};

	MUST(fd >= 0 && write(fd, text, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return config_load(ret, 3, argv, error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mscg_error e = {0};
	struct config config, again;
	size_t n, at = 0;
	char shown[65536];

	if (load((const char *)data, size, &config, &e) < 0) {
		MUST(e.text[0] && strlen(e.text) < sizeof e.text);
		return 0;
	}
	const struct config_setting *settings = config_settings(&n);
	for (size_t i = 0; i < n; i++) {
		char value[4200];

		config_value(&config, i, value, sizeof value);
		MUST(config_origin(&config, i)[0]);
		if (value[0] && !streq(value, "auto") && strlen(value) < 4000 && at + 4200 < sizeof shown)
			at += (size_t)snprintf(shown + at, sizeof shown - at, "%s = %s\n", settings[i].name, value);
	}
	/* What settings name, and is not shown as one. */
	for (uint32_t i = 0; i < config.qos.n && at + 100 < sizeof shown; i++)
		at += (size_t)snprintf(shown + at, sizeof shown - at, "[qos %s]\n", config.qos.qos[i].name);
	for (uint32_t i = 0; i < config.partitions.n && at + 100 < sizeof shown; i++)
		at += (size_t)snprintf(shown + at, sizeof shown - at, "[partition %s]\n", config.partitions.partition[i].name);
	if (load(shown, at, &again, &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		__builtin_trap();
	}
	config_clear(&again);
	config_clear(&config);
	return 0;
}
