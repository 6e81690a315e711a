/* fake.h: an engine that runs nothing, for tests of everything above it. Jobs "run" by what their command says:
 * `sleep S` ends after S seconds, `exit N` and `false` with that code, everything else at once with 0. A cancelled
 * one ends at once. Output files are not written; no user changes. */
#ifndef ENGINE_FAKE_H
#define ENGINE_FAKE_H

#include "engine.h"

int fake_open(struct engine **ret, struct mscg_error *error);

#endif
