/* replay.c: runs one fuzz target over its corpus, without a fuzzer: what fuzzing once found stays found. The corpus of
 * fuzz_NAME is tests/fuzz/corpus/NAME beside this file's directory, or the files and directories that are named.
 * Prints TAP, one test for each file; a target that crashes ends the program, and its last line says on what. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned ran, failed;

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
	printf("1..%u\n", ran);
	return failed || ran == 0;
}
