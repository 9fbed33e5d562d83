/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A request on its way through a disk (job.c), as disk.c needs it. */
#ifndef BLOCK_JOB_H
#define BLOCK_JOB_H

#include "backends/block/disk.h"

/* job_take - takes the next request of @q. 0, or a negative errno: it stays there. */
int job_take(struct disk_queue *q);

/* job_resume - takes up journal entry @entry, which is owed an answer. 0 or -ENOMEM. */
int job_resume(struct disk_queue *q, uint16_t entry);

/* job_begin_ready - gives what was taken to the image, as far as barriers allow. */
void job_begin_ready(struct disk *d);

/* job_window_gone - for grants_init(): answers what waited for the window's end. */
void job_window_gone(struct grants *g, struct mapping *window);

/* job_drop_all - forgets what was resumed and not begun. job_drop_spare - frees spare ones. */
void job_drop_all(struct disk *d);
void job_drop_spare(struct disk *d);

#endif
