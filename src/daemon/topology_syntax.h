/* topology_syntax.h: the lines of a topology file, and where everything stood in it. */
#ifndef DAEMON_TOPOLOGY_SYNTAX_H
#define DAEMON_TOPOLOGY_SYNTAX_H

#include "topology.h"

enum key { KEY_PLUGIN, KEY_SWITCH, KEY_NODES, KEY_SWITCHES, KEY_SPEED, KEYS };

/* Of the text. at 0: there is none. */
struct span {
	uint32_t at, n;
};

/* A switch as its line has it: its name, and nodes or switches. */
struct line {
	struct span value[KEYS];
};

struct syntax {
	const char  *path, *raw; /* borrowed */
	char        *text;       /* without comments and joins */
	uint32_t    *origin;     /* of each byte of the text: where it stands in raw */
	uint32_t     n;
	struct line *lines; uint32_t lines_n, lines_cap;
	uint32_t    *by_name; /* lines in order of their names; no two are equal */
	struct span  plugin;
	struct topology   *topology; /* for syntax_each: the caller's */
	struct mscg_error *error;
};

int  syntax_read(struct syntax *syntax, const char *path, const char *text, size_t size, struct mscg_error *error);
void syntax_clear(struct syntax *syntax); /* also after a failure */

/* The line of a place in the text, and its column. Both begin with 1. */
uint32_t syntax_line(const struct syntax *syntax, uint32_t at, uint32_t *ret_column);
/* -EINVAL with path, line and column before the text. */
__attribute__((format(printf, 3, 4))) int syntax_bad(const struct syntax *syntax, uint32_t at, const char *format, ...);

/* Place in lines[]; UINT32_MAX: no such switch. */
uint32_t syntax_find(const struct syntax *syntax, const char *name);

/* Calls each for every name of "a,b[1-3,07]c", as long as it returns 0. */
typedef int syntax_each(struct syntax *syntax, uint32_t line, const char *name, uint32_t at);
int syntax_expand(struct syntax *syntax, uint32_t line, const struct span *list, syntax_each *each);

#endif
