/* machine.h: the table of states by events, for the core and for those who test it. */
#ifndef CORE_MACHINE_H
#define CORE_MACHINE_H

#include "src/core/core.h"

/* What the table says: 0 and *ret; 1 when the event itself names the final state; -EBADMSG for an empty cell. */
int core_transition(enum mscg_state from, bool is_new, enum mscg_event_kind event, enum mscg_state *ret);

#endif
