/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whose a guest is when the process that saved it was killed: from the moment that its image may
 * count it must not go on, whoever finds it. Before that moment a mark is written into the store,
 * beside the guest's entries, and goes with them when the guest is destroyed. A checkpoint has
 * none: the guest goes on beside its image.
 *
 * The caller holds hvctl_lock_saving(). Functions return 0 or -errno with the context's message
 * set.
 */
#ifndef HVCTL_SAVE_OUTCOME_H
#define HVCTL_SAVE_OUTCOME_H

#include <stdint.h>

struct hvctl_ctx;

#define OUTCOME_MARK "/local/domain/%u/hvctl-saved"

/* Of a file's name until it is whole. */
#define OUTCOME_PART ".part"

enum {
	OUTCOME_NONE,		/* there is no image: the guest is nobody else's */
	OUTCOME_WHOLE,		/* there is one, on the disk and under its name: the guest goes */
	OUTCOME_PERHAPS,	/* the reader of a pipe may have taken all of it */
};

/*
 * outcome_mark - the image is about to count: the file @part is about to lose OUTCOME_PART of its
 * name, or the last record (@part NULL) to go to whoever reads.
 */
int outcome_mark(struct hvctl_ctx *ctx, uint32_t domid, const char *part);

/* outcome_forget - it does not count after all. */
int outcome_forget(struct hvctl_ctx *ctx, uint32_t domid);

/*
 * outcome_of - what came of the saving of @domid that its process did not end: OUTCOME_..., or
 * -errno: nobody knows. After OUTCOME_NONE there is no mark any more.
 */
int outcome_of(struct hvctl_ctx *ctx, uint32_t domid);

/*
 * outcome_marked - whether there is a mark, whatever it says: 1, 0, or -errno: nobody knows. Needs
 * no lock, and changes nothing.
 */
int outcome_marked(struct hvctl_ctx *ctx, uint32_t domid);

/* outcome_sync - what is in @fd, or the name @path in its directory, is on the disk. 0 or errno. */
int outcome_sync(int fd);
int outcome_sync_name(const char *path);

#endif
