/* SPDX-License-Identifier: MIT */
/* What the toolstack asks the kernel for in control/shutdown. */
#ifndef FRONTENDS_LIB_CONTROL_H
#define FRONTENDS_LIB_CONTROL_H

#include "frontends/lib/store.h"

enum control_request { CONTROL_POWEROFF, CONTROL_REBOOT, CONTROL_SUSPEND };

struct control {
	struct store *store;
	struct store_watch watch;
	bool can_suspend;	/* the kernel has what suspend.h asks for */
	/* It was asked for and the toolstack has its acknowledgement. */
	void (*requested)(struct control *c, enum control_request what);
};

/*
 * control_open - watches control/shutdown and says in the store what this kernel knows: poweroff
 * (halt is the same to it), reboot and, if c->can_suspend, suspend, as far as the toolstack lets
 * it. Set c->requested before. Again after store_resume(). What the store says.
 */
int control_open(struct control *c, struct store *s);

#endif
