// SPDX-License-Identifier: GPL-2.0-or-later

#include "perm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"

struct perms *perms_new(const struct perm *entry, unsigned int count)
{
	struct perms *perms = malloc(sizeof(*perms) + count * sizeof(*entry));

	if (!perms)
		return NULL;
	perms->refs = 1;
	perms->count = count;
	memcpy(perms->entry, entry, count * sizeof(*entry));
	return perms;
}

struct perms *perms_get(struct perms *perms)
{
	perms->refs++;
	return perms;
}

void perms_put(struct perms *perms)
{
	if (perms && --perms->refs == 0)
		free(perms);
}

struct perms *perms_with_owner(struct perms *perms, domid_t owner)
{
	struct perms *copy;

	if (perms_owner(perms) == owner)
		return perms_get(perms);
	copy = perms_new(perms->entry, perms->count);
	if (copy)
		copy->entry[0].domid = owner;
	return copy;
}

struct perms *perms_without(struct perms *perms, domid_t gone)
{
	struct perms *copy;
	unsigned int kept = 1;
	unsigned int i;

	for (i = 0; i < perms->count; i++)
		if (perms->entry[i].domid == gone)
			break;
	if (i == perms->count)
		return perms_get(perms);

	copy = perms_new(perms->entry, perms->count);
	if (!copy)
		return NULL;
	if (perms_owner(perms) == gone)
		copy->entry[0].domid = 0;
	for (i = 1; i < perms->count; i++)
		if (perms->entry[i].domid != gone)
			copy->entry[kept++] = perms->entry[i];
	copy->count = kept;
	return copy;
}

static bool acts_for(const struct subject *who, domid_t domid)
{
	return who->domid == domid || (who->target != DOMID_INVALID && who->target == domid);
}

unsigned int perms_rights(const struct perms *perms, const struct subject *who)
{
	if (who->domid == 0 || acts_for(who, perms_owner(perms)))
		return PERM_READ | PERM_WRITE | PERM_OWNER;
	for (unsigned int i = 1; i < perms->count; i++)
		if (acts_for(who, perms->entry[i].domid))
			return perms->entry[i].rights;
	return perms->entry[0].rights;
}

static int parse_one(const char *text, struct perm *perm)
{
	uint64_t domid;

	switch (text[0]) {
	case 'r':
		perm->rights = PERM_READ;
		break;
	case 'w':
		perm->rights = PERM_WRITE;
		break;
	case 'b':
		perm->rights = PERM_READ | PERM_WRITE;
		break;
	case 'n':
		perm->rights = PERM_NONE;
		break;
	default:
		return -EINVAL;
	}
	if (number_parse(text + 1, DOMID_FIRST_RESERVED - 1, &domid))
		return -EINVAL;
	perm->domid = domid;
	return 0;
}

int perms_parse(const char *data, size_t length, struct perms **result)
{
	unsigned int count = 0;
	struct perms *perms;
	int error;

	if (length == 0 || data[length - 1] != '\0')
		return -EINVAL;
	for (size_t i = 0; i < length; i++)
		count += data[i] == '\0';

	perms = calloc(1, sizeof(*perms) + count * sizeof(perms->entry[0]));
	if (!perms)
		return -ENOMEM;
	perms->refs = 1;
	perms->count = count;
	for (unsigned int i = 0; i < count; i++) {
		error = parse_one(data, &perms->entry[i]);
		if (error) {
			perms_put(perms);
			return error;
		}
		data += strlen(data) + 1;
	}
	*result = perms;
	return 0;
}

int perms_format(const struct perms *perms, char *out, size_t size)
{
	static const char letter[4] = { 'n', 'r', 'w', 'b' };
	size_t used = 0;

	for (unsigned int i = 0; i < perms->count; i++) {
		const struct perm *perm = &perms->entry[i];
		int length = snprintf(out + used, size - used, "%c%u",
				      letter[perm->rights & 3], perm->domid);

		if ((size_t)length + 1 > size - used)
			return -E2BIG;
		used += length + 1;
	}
	return used;
}
