/* parse.h: text to numbers and back, strictly: the whole text must be the value. All return 0 or -EINVAL / -ERANGE
 * with a text that names the value and what would be right; *ret is untouched on failure. */
#ifndef BASE_PARSE_H
#define BASE_PARSE_H

#include <mscg/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret, struct mscg_error *error);
int parse_i64(const char *text, int64_t min, int64_t max, int64_t *ret, struct mscg_error *error);
/* "8GB" "1024MB" "2g" "512m" "1.5G" "100K" "1TiB", powers of 1024; a bare number is MiB. Bytes. */
int parse_size(const char *text, uint64_t *ret_bytes, struct mscg_error *error);
/* Slurm's: "90" minutes, "1:30" MM:SS, "HH:MM:SS", "D-HH", "D-HH:MM", "D-HH:MM:SS", "UNLIMITED"/"INFINITE"/"0"
 * (no limit: 0). Also "90s" "10m" "2h" "1d" for people. Seconds. */
int parse_time_limit(const char *text, uint64_t *ret_seconds, struct mscg_error *error);
/* A number of CPUs with up to three decimals ("2", "0.5"), in thousandths. */
int parse_cpus(const char *text, uint32_t *ret_milli, struct mscg_error *error);
/* Points in time as sacct reads them: "now", "now-2hours", "today", "yesterday", "2026-01-31", "2026-01-31T12:00[:00]",
 * "12:00", "01/31/26"; local time. Microseconds since the epoch. `now` is given so that tests are repeatable. */
int parse_time_point(const char *text, int64_t now_usec, int64_t *ret_usec, struct mscg_error *error);
/* Whether it is a word for an hour of any day: noon, midnight, fika, teatime. */
bool parse_is_hour_word(const char *text);
/* "TERM" "SIGTERM" "15" "usr1". */
int parse_signal(const char *text, int *ret, struct mscg_error *error);
/* yes/no, true/false, on/off, 1/0. */
int parse_bool(const char *text, bool *ret, struct mscg_error *error);

/* A number for a name of the configuration, the same for ever: 0 for NULL and "", never for others. */
uint32_t name_key(const char *name);

/* Text for people. Each writes at most `size` bytes, NUL ended, and returns `text`. */
char *format_size(uint64_t bytes, char *text, size_t size);       /* "1.5G", "512M" */
char *format_size_whole(uint64_t bytes, char *text, size_t size); /* the same, and nothing is rounded: "1536M" */
char *format_elapsed(uint64_t seconds, char *text, size_t size);  /* "D-HH:MM:SS", without days "HH:MM:SS" */
char *format_cpus(uint32_t milli, char *text, size_t size);       /* "2", "0.5" */
char *format_rfc3339(int64_t usec, char *text, size_t size);      /* "2026-01-31T12:00:00.123456Z" */
char *format_local(int64_t usec, char *text, size_t size);        /* "2026-01-31 12:00:00", local time */
const char *signal_name(int sig);                                 /* "SIGTERM"; "SIG40" style in a static table */

#endif
