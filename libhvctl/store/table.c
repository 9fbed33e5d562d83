// SPDX-License-Identifier: GPL-2.0-or-later

#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/*
 * Keys come from guests, so the hash starts from a secret: without it a guest could choose names
 * that all fall into one bucket.
 */
static uint64_t secret(void)
{
	static uint64_t value;

	if (!value) {
		if (getrandom(&value, sizeof(value), GRND_NONBLOCK) != sizeof(value))
			value = (uintptr_t)&value * 0x9e3779b97f4a7c15ULL;
		value |= 1;
	}
	return value;
}

static uint64_t hash_more(uint64_t hash, const char *key, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		hash ^= (unsigned char)key[i];
		hash *= 0x9fb21c651e98df25ULL;
		hash ^= hash >> 29;
	}
	return hash;
}

static uint64_t hash_bytes(const char *key, size_t length)
{
	return hash_more(secret(), key, length);
}

void table_prefix_extend(struct table_prefix *prefix, const char *key, size_t length)
{
	uint64_t hash = prefix->length ? prefix->hash : secret();

	prefix->hash = hash_more(hash, key + prefix->length, length - prefix->length);
	prefix->length = length;
}

static int grow(struct table *table)
{
	size_t wanted = table->nr_buckets ? table->nr_buckets * 2 : 16;
	struct table_entry **bucket = calloc(wanted, sizeof(*bucket));

	if (!bucket)
		return -ENOMEM;
	for (size_t i = 0; i < table->nr_buckets; i++) {
		struct table_entry *entry = table->bucket[i];

		while (entry) {
			struct table_entry *next = entry->next;
			struct table_entry **slot = &bucket[entry->hash & (wanted - 1)];

			entry->next = *slot;
			*slot = entry;
			entry = next;
		}
	}
	free(table->bucket);
	table->bucket = bucket;
	table->nr_buckets = wanted;
	return 0;
}

static struct table_entry *find_hashed(const struct table *table, const char *key, size_t length,
				       uint64_t hash)
{
	struct table_entry *entry;

	for (entry = table->bucket[hash & (table->nr_buckets - 1)]; entry; entry = entry->next)
		if (entry->hash == hash && strncmp(entry->key, key, length) == 0 &&
		    entry->key[length] == '\0')
			return entry;
	return NULL;
}

struct table_entry *table_find(const struct table *table, const char *key, size_t length)
{
	return table->nr_entries ? find_hashed(table, key, length, hash_bytes(key, length)) : NULL;
}

struct table_entry *table_find_prefix(const struct table *table, const char *key,
				      const struct table_prefix *prefix)
{
	return table->nr_entries ? find_hashed(table, key, prefix->length, prefix->hash) : NULL;
}

int table_insert(struct table *table, struct table_entry *entry, const char *key)
{
	struct table_entry **slot;

	if (table->nr_entries >= table->nr_buckets && grow(table) && !table->nr_buckets)
		return -ENOMEM;
	entry->key = key;
	entry->hash = hash_bytes(key, strlen(key));
	slot = &table->bucket[entry->hash & (table->nr_buckets - 1)];
	entry->next = *slot;
	*slot = entry;
	table->nr_entries++;
	return 0;
}

void table_remove(struct table *table, struct table_entry *entry)
{
	struct table_entry **slot = &table->bucket[entry->hash & (table->nr_buckets - 1)];

	while (*slot != entry)
		slot = &(*slot)->next;
	*slot = entry->next;
	table->nr_entries--;
}

void table_free(struct table *table, void (*release)(struct table_entry *entry))
{
	for (size_t i = 0; release && i < table->nr_buckets; i++) {
		while (table->bucket[i]) {
			struct table_entry *entry = table->bucket[i];

			table->bucket[i] = entry->next;
			release(entry);
		}
	}
	free(table->bucket);
	*table = (struct table){ 0 };
}
