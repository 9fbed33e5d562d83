/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_DOMAIN_REFUSAL_H
#define ANNULUS_DOMAIN_REFUSAL_H

#include "lib/types.h"

/*
 * refused() - current's domain asked for what is not there or not its to have: a line of the lowest
 * level names the call, the number of the operation and the error, so that whoever runs a tool that
 * gives up sees what it asked for. The privileged domain's are all told; another's up to
 * REFUSAL_BURST at once and one each REFUSAL_NS, so that no guest fills the log, and beyond its
 * first REFUSAL_BURST only one in 1024 is a candidate. Returns `error`, a negative errno. No lock
 * of the console's or the scheduler's is held.
 */
#define REFUSAL_BURST 10
#define REFUSAL_NS    6000000000ULL
s64 refused(const char *call, u64 number, s64 error);

#endif
