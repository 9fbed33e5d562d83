/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A pass of hvballoond: looks at all domains, has share.c decide, tells them. */
#ifndef HVBALLOON_PASS_H
#define HVBALLOON_PASS_H

#include "../budget.h"
#include "../include/hvctl.h"
#include "figure.h"
#include "share.h"

struct pass_domain;

/* Zero but for what is the caller's. */
struct pass {
	/* The caller's. */
	struct hvctl_ctx *ctx;
	uint64_t reserve;		/* MiB that are left free */
	bool dry;			/* nobody is told, it is only said */
	void (*say)(const char *line);	/* for the log */
	/* Ours. */
	struct pass_domain *domains;
	size_t count;
	struct line_budget lines;
	bool failed;			/* the last one, which has been said */
};

/*
 * pass_run - one pass, at @now (ms of a clock that does not go back). 0, or -errno when the
 * hypervisor or the store did not answer: then nothing was changed, and the next one may go well.
 */
int pass_run(struct pass *p, uint64_t now);
void pass_end(struct pass *p);

#endif
