/* fuzz.h: what targets share. A property that does not hold traps, as a fault that a sanitizer finds does. */
#ifndef FUZZ_H
#define FUZZ_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) ((condition) ? (void)0 : __builtin_trap())

/* The input up to its first NUL, ended by one. The caller frees it. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
	size_t n = nul ? (size_t)(nul - data) : size;
	char *text = malloc(n + 1);

	MUST(text);
	if (n)
		memcpy(text, data, n);
	text[n] = 0;
	return text;
}

/* What is said to people goes nowhere; the fuzzer and sanitizers have their own way out. */
static inline void fuzz_quiet(void)
{
	static FILE *nowhere;

	if (!nowhere) {
		nowhere = fopen("/dev/null", "we");
		MUST(nowhere);
		stderr = nowhere;
	}
}

#endif
