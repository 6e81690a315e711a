#include "src/base/base.h"
#include "src/base/scan.h"

#include <mscg/cpuset.h>

#define WORDS (MSCG_CPUS_MAX / 64)

void mscg_cpuset_zero(struct mscg_cpuset *set)
{
	memset(set, 0, sizeof *set);
}

void mscg_cpuset_add(struct mscg_cpuset *set, unsigned cpu)
{
	if (cpu < MSCG_CPUS_MAX)
		set->word[cpu / 64] |= UINT64_C(1) << (cpu % 64);
}

void mscg_cpuset_remove(struct mscg_cpuset *set, unsigned cpu)
{
	if (cpu < MSCG_CPUS_MAX)
		set->word[cpu / 64] &= ~(UINT64_C(1) << (cpu % 64));
}

bool mscg_cpuset_has(const struct mscg_cpuset *set, unsigned cpu)
{
	return cpu < MSCG_CPUS_MAX && (set->word[cpu / 64] >> (cpu % 64) & 1);
}

void mscg_cpuset_add_range(struct mscg_cpuset *set, unsigned first, unsigned last)
{
	if (last >= MSCG_CPUS_MAX)
		last = MSCG_CPUS_MAX - 1;
	if (first > last)
		return;
	for (unsigned w = first / 64; w <= last / 64; w++) {
		uint64_t mask = UINT64_MAX;

		if (w == first / 64)
			mask &= UINT64_MAX << (first % 64);
		if (w == last / 64)
			mask &= UINT64_MAX >> (63 - last % 64);
		set->word[w] |= mask;
	}
}

unsigned mscg_cpuset_count(const struct mscg_cpuset *set)
{
	unsigned n = 0;

	for (unsigned w = 0; w < WORDS; w++)
		if (set->word[w])
			n += (unsigned)__builtin_popcountll(set->word[w]);
	return n;
}

bool mscg_cpuset_empty(const struct mscg_cpuset *set)
{
	uint64_t any = 0;

	for (unsigned w = 0; w < WORDS; w++)
		any |= set->word[w];
	return any == 0;
}

bool mscg_cpuset_equal(const struct mscg_cpuset *a, const struct mscg_cpuset *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

bool mscg_cpuset_subset(const struct mscg_cpuset *a, const struct mscg_cpuset *b)
{
	uint64_t outside = 0;

	for (unsigned w = 0; w < WORDS; w++)
		outside |= a->word[w] & ~b->word[w];
	return outside == 0;
}

bool mscg_cpuset_intersects(const struct mscg_cpuset *a, const struct mscg_cpuset *b)
{
	uint64_t both = 0;

	for (unsigned w = 0; w < WORDS; w++)
		both |= a->word[w] & b->word[w];
	return both != 0;
}

void mscg_cpuset_or(struct mscg_cpuset *set, const struct mscg_cpuset *other)
{
	for (unsigned w = 0; w < WORDS; w++)
		set->word[w] |= other->word[w];
}

void mscg_cpuset_and(struct mscg_cpuset *set, const struct mscg_cpuset *other)
{
	for (unsigned w = 0; w < WORDS; w++)
		set->word[w] &= other->word[w];
}

void mscg_cpuset_subtract(struct mscg_cpuset *set, const struct mscg_cpuset *other)
{
	for (unsigned w = 0; w < WORDS; w++)
		set->word[w] &= ~other->word[w];
}

/* The first CPU >= from whose bit, after `flip` is XORed in, is set. */
static unsigned next_bit(const struct mscg_cpuset *set, unsigned from, uint64_t flip)
{
	uint64_t word;
	unsigned w = from / 64;

	if (from >= MSCG_CPUS_MAX)
		return MSCG_CPUS_MAX;
	word = (set->word[w] ^ flip) & (UINT64_MAX << (from % 64));
	while (word == 0) {
		if (++w == WORDS)
			return MSCG_CPUS_MAX;
		word = set->word[w] ^ flip;
	}
	return w * 64 + (unsigned)__builtin_ctzll(word);
}

unsigned mscg_cpuset_next(const struct mscg_cpuset *set, unsigned from)
{
	return next_bit(set, from, 0);
}

static void skip_blanks(const char **p)
{
	while (is_blank(**p))
		(*p)++;
}

static int scan_cpu(const char **p, uint64_t *ret)
{
	int r = scan_u64(p, ret);

	return r == 0 && *ret >= MSCG_CPUS_MAX ? -ERANGE : r;
}

/* One "N" or "N-M" at *p. A range is one word: no blanks in it. */
static int scan_item(const char **p, struct mscg_cpuset *set)
{
	uint64_t first, last;
	int r = scan_cpu(p, &first);

	if (r < 0)
		return r;
	last = first;
	if (**p == '-') {
		(*p)++;
		r = scan_cpu(p, &last);
		if (r < 0)
			return r;
		if (last < first)
			return -EINVAL;
	}
	mscg_cpuset_add_range(set, (unsigned)first, (unsigned)last);
	return 0;
}

static int scan_list(const char *p, struct mscg_cpuset *set)
{
	int r;

	skip_blanks(&p);
	if (*p && *p != '\n') {
		for (;;) {
			skip_blanks(&p);
			r = scan_item(&p, set);
			if (r < 0)
				return r;
			skip_blanks(&p);
			if (*p != ',')
				break;
			p++;
		}
	}
	if (*p == '\n')
		p++;
	return *p ? -EINVAL : 0;
}

int mscg_cpuset_parse(const char *text, struct mscg_cpuset *ret, struct mscg_error *error)
{
	struct mscg_cpuset set = {0};
	int r = scan_list(text, &set);

	if (r == -ERANGE)
		return mscg_error_set(error, r, "CPU list '%.80s' is out of range: CPUs go from 0 to %d", text,
		                      MSCG_CPUS_MAX - 1);
	if (r < 0)
		return mscg_error_set(error, r, "invalid CPU list '%.80s': expected numbers and ranges, for example 0-3,8",
		                      text);
	*ret = set;
	return 0;
}

/* What snprintf would do, without its cost: counts everything, writes what fits. */
struct out {
	char  *text;
	size_t size, length;
};

static void out_char(struct out *o, char c)
{
	if (o->length + 1 < o->size)
		o->text[o->length] = c;
	o->length++;
}

static void out_number(struct out *o, unsigned v)
{
	char digits[10];
	unsigned n = 0;

	do {
		digits[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	while (n)
		out_char(o, digits[--n]);
}

size_t mscg_cpuset_format(const struct mscg_cpuset *set, char *text, size_t size)
{
	struct out o = {.text = text, .size = size};
	unsigned first, end;

	for (first = next_bit(set, 0, 0); first < MSCG_CPUS_MAX; first = next_bit(set, end, 0)) {
		end = next_bit(set, first, UINT64_MAX);
		if (o.length)
			out_char(&o, ',');
		out_number(&o, first);
		if (end - first > 1) {
			out_char(&o, '-');
			out_number(&o, end - 1);
		}
	}
	if (size)
		text[MIN_OF(o.length, size - 1)] = '\0';
	return o.length;
}
