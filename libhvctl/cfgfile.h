/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The syntax of xl.cfg files: "key = value" with strings, numbers and lists, ended by newlines or
 * ';'. What the keys mean is config.c's. Pure: no files, no context; reentrant.
 */
#ifndef HVCTL_CFGFILE_H
#define HVCTL_CFGFILE_H

#include <stdbool.h>
#include <stddef.h>

struct cfg_item {
	char *text;		/* as written, quotes and escapes resolved */
	bool quoted;		/* a string, else a number or a word like none */
	unsigned int line, column;
};

struct cfg_entry {
	char *key;
	unsigned int line, column;	/* of the key */
	const char *file;		/* the name given to cfg_parse(), not copied */
	bool list;
	size_t nr_items;		/* 1 unless a list */
	struct cfg_item *items;
};

struct cfg {
	size_t nr_entries;
	struct cfg_entry
		*entries; /* a key occurs once: a later assignment replaces an earlier one */
};

/*
 * Parse @len bytes of @text and add what it assigns to @cfg (zeroed before the first call).
 * @file: what messages and entries call the text; has to outlive @cfg.
 * Returns 0, -EINVAL with a line like "dom.cfg:3:9: ..." in @error, or -ENOMEM.
 * @cfg is to be released with cfg_release() in every case.
 */
int cfg_parse(struct cfg *cfg, const char *file, const char *text, size_t len, char *error,
	      size_t error_size);

/* The entry of a key, or NULL. */
const struct cfg_entry *cfg_find(const struct cfg *cfg, const char *key);

void cfg_release(struct cfg *cfg);

#endif
