/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hash table of strings. Entries are embedded in the caller's structures and own nothing.
 */
#ifndef HVSTORE_TABLE_H
#define HVSTORE_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct table_entry {
	struct table_entry *next;
	const char *key;	/* owned by the structure around the entry */
	uint64_t hash;
};

struct table {
	struct table_entry **bucket;
	size_t nr_buckets;	/* zero, or a power of two */
	size_t nr_entries;
};

/*
 * table_find - the entry whose key is the @length bytes at @key, or NULL.
 */
struct table_entry *table_find(const struct table *table, const char *key, size_t length);

/*
 * The beginning of a key, for looking up one prefix of it after the other in time that grows with
 * the key and not with its square. Starts as { 0 }.
 */
struct table_prefix {
	uint64_t hash;
	size_t length;
};

/* table_prefix_extend - go on to the first @length bytes of @key, which begins as before. */
void table_prefix_extend(struct table_prefix *prefix, const char *key, size_t length);

/* table_find_prefix - table_find() for the first @prefix->length bytes of @key. */
struct table_entry *table_find_prefix(const struct table *table, const char *key,
				      const struct table_prefix *prefix);

/*
 * table_insert - add @entry under @key. The key must not be in the table already and must stay
 * valid and unchanged until the entry is removed.
 * Returns 0 or -ENOMEM; the table is unchanged on error.
 */
int table_insert(struct table *table, struct table_entry *entry, const char *key);

/* table_remove - take @entry, which must be in the table, out of it. */
void table_remove(struct table *table, struct table_entry *entry);

/*
 * table_free - empty the table.
 * @release: called for every entry, which it may free; NULL if the entries are somebody else's
 * business
 */
void table_free(struct table *table, void (*release)(struct table_entry *entry));

#endif
