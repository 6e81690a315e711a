/* screen.h: a picture of text that is drawn anew, for `top` and `queue --watch`. On a terminal it has the other screen,
 * and keys are read at once; elsewhere pictures follow each other with an empty line between.
 *
 *     screen_start(&s);
 *     do {
 *             screen_begin(&s);
 *             printf(...);            // what is printed to stdout is the picture
 *             screen_draw(&s);
 *     } while (screen_wait(&s, 2000) != SCREEN_QUIT);
 *     screen_end(&s);                 // before anything else is printed
 */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include <stdio.h>
#include <termios.h>

#include "cli.h"

struct screen {
	bool   terminal, keys;
	struct termios before;
	int    signals; /* a signalfd */
	FILE  *out;     /* stdout, while a picture is printed */
	char  *text;
	size_t size;
	unsigned drawn;
};
enum screen_event { SCREEN_TIME, SCREEN_RESIZED, SCREEN_KEY, SCREEN_QUIT };

void screen_start(struct screen *s);
void screen_begin(struct screen *s);
/* Draws what was printed since screen_begin, as much of it as the window holds. Keeps it for screen_redraw. */
void screen_draw(struct screen *s);
void screen_redraw(struct screen *s);
/* Waits for a key (other than q: SCREEN_KEY), another size of the window, or `ms` to pass. q, Ctrl-C, SIGTERM: SCREEN_QUIT. */
enum screen_event screen_wait(struct screen *s, int ms);
void screen_end(struct screen *s);

#endif
