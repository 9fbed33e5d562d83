// SPDX-License-Identifier: LGPL-2.1-or-later
/* Sets of host CPUs as people write them. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "include/hvctl.h"

/* The number at *p, and blanks on both sides of it. */
static bool take_number(const char **p, unsigned long *n)
{
	char *end;

	*p += strspn(*p, " \t");
	if (!isdigit((unsigned char)**p))
		return false;
	*n = strtoul(*p, &end, 10);
	*p = end + strspn(end, " \t");
	return true;
}

int hvctl_cpus_parse(const char *p, uint64_t set[2])
{
	set[0] = set[1] = 0;
	do {
		unsigned long from = 0, to = 127, n;
		bool remove, nodes;

		p += strspn(p, " \t");
		remove = *p == '^';
		p += remove;
		nodes = !strncmp(p, "nodes:", 6) || !strncmp(p, "node:", 5);
		if (nodes)
			p = strchr(p, ':') + 1;
		if (!strncmp(p, "all", 3) && !remove) {
			p += 3 + strspn(p + 3, " \t");
		} else {
			if (!take_number(&p, &from))
				return -EINVAL;
			to = from;
			if (*p == '-' && (p++, !take_number(&p, &to)))
				return -EINVAL;
		}
		if (from > to || to >= 128 || (*p && *p != ','))
			return -EINVAL;
		/* There is one node, which has all of them. */
		if (nodes)
			to = from ? 0 : 127;
		for (n = from; n <= to; n++) {
			if (remove)
				set[n / 64] &= ~(1ull << n % 64);
			else
				set[n / 64] |= 1ull << n % 64;
		}
		p += *p == ',';
	} while (*p);
	return set[0] | set[1] ? 0 : -ENOENT;
}

static bool has(const uint64_t set[2], unsigned int n)
{
	return n < 128 && set[n / 64] >> n % 64 & 1;
}

void hvctl_cpus_text(const uint64_t set[2], char *to, size_t size)
{
	size_t at = 0;

	*to = '\0';
	for (unsigned int n = 0; n < 128; n++) {
		unsigned int last = n;
		int more;

		if (!has(set, n))
			continue;
		while (has(set, last + 1))
			last++;
		if (last == n)
			more = snprintf(to + at, size - at, "%s%u", at ? "," : "", n);
		else
			more = snprintf(to + at, size - at, "%s%u%c%u", at ? "," : "", n,
					last == n + 1 ? ',' : '-', last);
		if (more < 0 || (size_t)more >= size - at) {
			to[at] = '\0';
			return;
		}
		at += (size_t)more;
		n = last;
	}
}
