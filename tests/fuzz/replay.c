/* replay.c: runs one fuzz target over its corpus, without a fuzzer: what fuzzing once found stays found. The corpus of
 * fuzz_NAME is tests/fuzz/corpus/NAME beside this file's directory, or the files and directories that are named.
 * Prints TAP, one test for each file; a target that crashes ends the program, and its last line says on what.
 * Without names, a short run with changed inputs comes last: always the same ones, unless MSCG_FUZZ_SEED says otherwise;
 * what was given to a target that crashes lies in /tmp then. */
#include <fcntl.h>
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHANGED_INPUTS = 2000, CHANGED_SECONDS = 3, SEEDS_MAX = 4096, INPUT_MAX = 4096 };

static unsigned ran, failed;
static struct seed {
	uint8_t *data;
	size_t   size;
} seeds[SEEDS_MAX];
static size_t nseeds;

static void run_file(const char *path, size_t size)
{
	FILE *f = fopen(path, "r");
	/* Exactly as long as the input, so that a read past the end is seen; malloc(0) may be NULL. */
	uint8_t *data = malloc(size ? size : 1);

	if (!f || !data || fread(data, 1, size, f) != size) {
		printf("not ok %u - %s: %s\n", ++ran, path, strerror(errno));
		failed++;
	} else {
		printf("# %s\n", path);
		fflush(stdout);
		LLVMFuzzerTestOneInput(data, size);
		printf("ok %u - %s\n", ++ran, path);
		if (size <= INPUT_MAX && nseeds < SEEDS_MAX) {
			seeds[nseeds++] = (struct seed){ data, size };
			data = NULL;
		}
	}
	free(data);
	if (f)
		fclose(f);
}

static void run_path(const char *path)
{
	struct dirent **names = NULL;
	struct stat st;

	if (stat(path, &st) < 0) {
		printf("not ok %u - %s: %s\n", ++ran, path, strerror(errno));
		failed++;
		return;
	}
	if (!S_ISDIR(st.st_mode)) {
		run_file(path, (size_t)st.st_size);
		return;
	}
	int n = scandir(path, &names, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		char below[4096];

		snprintf(below, sizeof below, "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.')
			run_path(below);
		free(names[i]);
	}
	free(names);
}

/* -- changed inputs ----------------------------------------------------------------------------------------------- */

static uint64_t next_random(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x << 13;
	x ^= x >> 7;
	return *state = x ^ x << 17;
}

/* One of: a byte set, a bit turned, a piece left out, a piece of another one put over it, a piece said twice. */
static size_t change(uint8_t *data, size_t size, uint64_t *random)
{
	static const uint8_t telling[] = { 0, 0xff, 0x7f, 0x80, '\n', '"', ',', '-', '0', '9', '{', '=', ':' };
	const struct seed *other = &seeds[next_random(random) % nseeds];
	size_t at = size ? next_random(random) % size : 0, n = 1 + next_random(random) % 16;

	if (n > size - at)
		n = size - at;
	switch (next_random(random) % 5) {
	case 0:
		if (size)
			data[at] = telling[next_random(random) % sizeof telling];
		return size;
	case 1:
		if (size)
			data[at] ^= (uint8_t)(1u << next_random(random) % 8);
		return size;
	case 2:
		memmove(data + at, data + at + n, size - at - n);
		return size - n;
	case 3:
		n = n < other->size ? n : other->size;
		if (at + n > INPUT_MAX)
			return size;
		if (n)
			memcpy(data + at, other->data + next_random(random) % (other->size - n + 1), n);
		return at + n > size ? at + n : size;
	default:
		if (size + n > INPUT_MAX)
			return size;
		memmove(data + at + n, data + at, size - at);
		return size + n;
	}
}

static void run_changed(uint64_t seed)
{
	static uint8_t data[INPUT_MAX + 16];
	char path[64];
	time_t end = time(NULL) + CHANGED_SECONDS;
	uint64_t random = seed * 2 + 1;
	unsigned n = 0;

	snprintf(path, sizeof path, "/tmp/mscg-fuzz-input.%d", (int)getpid());
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	printf("# changed inputs, seed %llu; the last one is in %s\n", (unsigned long long)seed, path);
	fflush(stdout);
	for (; fd >= 0 && nseeds && n < CHANGED_INPUTS && time(NULL) <= end; n++) {
		const struct seed *from = &seeds[next_random(&random) % nseeds];
		size_t size = from->size;

		memcpy(data, from->data, size);
		for (uint64_t times = 1 + next_random(&random) % 4; times; times--)
			size = change(data, size, &random);
		/* Exactly as long as the input, so that a read past the end is seen. */
		uint8_t *exact = malloc(size ? size : 1);
		if (!exact || ftruncate(fd, 0) < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
			break;
		memcpy(exact, data, size);
		LLVMFuzzerTestOneInput(exact, size);
		free(exact);
	}
	printf("%sok %u - %u changed inputs\n", n ? "" : "not ", ++ran, n);
	failed += n == 0;
	if (fd >= 0)
		close(fd);
	unlink(path);
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
	char corpus[4096];

	if (strncmp(name, "fuzz_", 5) == 0)
		name += 5;
	snprintf(corpus, sizeof corpus, "tests/fuzz/corpus/%s", name);
	if (argc < 2)
		run_path(corpus);
	for (int i = 1; i < argc; i++)
		run_path(argv[i]);
	const char *seed = getenv("MSCG_FUZZ_SEED");
	if (argc < 2)
		run_changed(seed ? strtoull(seed, NULL, 10) : 1);
	for (size_t i = 0; i < nseeds; i++)
		free(seeds[i].data);
	printf("1..%u\n", ran);
	return failed || ran == 0;
}
