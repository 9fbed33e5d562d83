// SPDX-License-Identifier: GPL-2.0-or-later

#include "path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool valid_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c == '@';
}

bool path_valid(const char *path)
{
	size_t length = strnlen(path, PATH_BUFFER);
	char previous = 0;

	if (length == 0 || length > XENSTORE_ABS_PATH_MAX || path[0] != '/')
		return false;
	if (length > 1 && path[length - 1] == '/')
		return false;
	for (size_t i = 0; i < length; i++) {
		if (path[i] == '/' ? previous == '/' : !valid_byte(path[i]))
			return false;
		previous = path[i];
	}
	return true;
}

bool path_special(const char *path)
{
	return strcmp(path, "@introduceDomain") == 0 || strcmp(path, "@releaseDomain") == 0;
}

int path_canonical(const char *in, domid_t self, char *out, size_t *prefix)
{
	size_t length = strnlen(in, PATH_BUFFER);
	int lead = 0;

	if (in[0] != '/') {
		/* Reserved for events, of which there may be more one day. */
		if (in[0] == '@')
			return -EINVAL;
		if (length > XENSTORE_REL_PATH_MAX)
			return -EINVAL;
		lead = snprintf(out, PATH_BUFFER, "/local/domain/%u/", self);
	}
	if (lead + length > XENSTORE_ABS_PATH_MAX)
		return -EINVAL;
	memcpy(out + lead, in, length);
	out[lead + length] = '\0';
	if (prefix)
		*prefix = lead;
	return path_valid(out) ? 0 : -EINVAL;
}

size_t path_parent_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == path)
		return path[1] ? 1 : 0;
	return slash - path;
}

const char *path_next(const char **cursor, size_t *length)
{
	const char *start = *cursor;
	const char *end;

	if (*start == '/')
		start++;
	if (!*start)
		return NULL;
	end = strchrnul(start, '/');
	*length = end - start;
	*cursor = end;
	return start;
}
