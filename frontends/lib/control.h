/* SPDX-License-Identifier: MIT */
/* What the toolstack asks the kernel for in control/shutdown. */
#ifndef FRONTENDS_LIB_CONTROL_H
#define FRONTENDS_LIB_CONTROL_H

#include "frontends/lib/store.h"

enum control_request { CONTROL_POWEROFF, CONTROL_REBOOT };

struct control {
	struct store *store;
	struct store_watch watch;
	/* It was asked for and the toolstack has its acknowledgement. */
	void (*requested)(struct control *c, enum control_request what);
};

/*
 * control_open - watches control/shutdown and says in the store what this kernel knows: poweroff
 * (halt is the same to it) and reboot, as far as the toolstack lets it. Set c->requested before.
 * What the store says.
 */
int control_open(struct control *c, struct store *s);

#endif
