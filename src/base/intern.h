/* intern.h: short texts that many have in common, each kept once and never freed: equal texts are one pointer. For texts of
 * which there are few (what jobs ask for), not for what anybody can make up. Any thread. */
#ifndef BASE_INTERN_H
#define BASE_INTERN_H

const char *intern(const char *text); /* NULL stays NULL */

#endif
