/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Access rights of a node. The first entry names the owner, who may do everything, and carries the
 * rights of everybody who has no entry; each further entry gives one domain its rights.
 * A struct perms never changes once made and is shared by reference count.
 */
#ifndef HVSTORE_PERM_H
#define HVSTORE_PERM_H

#include <stdbool.h>
#include <stddef.h>

#include "pv-abi/xen.h"

#define PERM_NONE	0u
#define PERM_READ	1u
#define PERM_WRITE	2u
#define PERM_OWNER	4u	/* may change the permissions */

struct perm {
	domid_t domid;
	unsigned char rights;
};

struct perms {
	unsigned int refs;
	unsigned int count;	/* at least 1 */
	struct perm entry[];
};

/* Who asks: a domain, and the domain it acts for (device models), or DOMID_INVALID. */
struct subject {
	domid_t domid;
	domid_t target;
};

/*
 * perms_new - permissions with the @count entries at @entry, one reference, or NULL without memory.
 */
struct perms *perms_new(const struct perm *entry, unsigned int count);

/* perms_get - take a reference and return @perms. */
struct perms *perms_get(struct perms *perms);

/* perms_put - drop a reference. NULL is allowed. */
void perms_put(struct perms *perms);

/* perms_owner - the owner's domain. */
static inline domid_t perms_owner(const struct perms *perms)
{
	return perms->entry[0].domid;
}

/*
 * perms_with_owner - @perms with another owner and the same rights for the rest.
 * Returns a reference, or NULL without memory.
 */
struct perms *perms_with_owner(struct perms *perms, domid_t owner);

/*
 * perms_without - @perms as they must be once @gone no longer exists: its nodes fall to domain 0,
 * its entries disappear, so that a later domain of the same number inherits nothing.
 * Returns a reference (to @perms itself if nothing changes), or NULL without memory.
 */
struct perms *perms_without(struct perms *perms, domid_t gone);

/* perms_rights - PERM_ bits that @who has. Domain 0 has all of them. */
unsigned int perms_rights(const struct perms *perms, const struct subject *who);

/*
 * perms_parse - decode the wire form: strings like "r5", each with its terminator.
 * @data: @length bytes
 * @result: receives a reference
 * Returns 0, -EINVAL for a malformed list, -ENOMEM.
 */
int perms_parse(const char *data, size_t length, struct perms **result);

/*
 * perms_format - encode to the wire form.
 * Returns the number of bytes written, or -E2BIG if they do not fit in @size.
 */
int perms_format(const struct perms *perms, char *out, size_t size);

#endif
