// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/config.c libhvctl/cfgfile.c libhvctl/context.c libhvctl/kcache.c libhvctl/xs.c
// sources: libhvctl/cpuset.c libhvctl/cfgtext.c
// sources: hypervisor/image/unpack.c
// libs: -llzma -lz -lzstd -llz4
// options: -max_len=2048 -dict=tests/fuzz/config.dict
//
// Configuration files of guests. What the parser took from a text, written down again, is taken the
// same; what is refused is refused in one line that names the file; what is accepted is within the
// limits of a domain.

#include <errno.h>

#include "fuzz.h"

#include "cfgfile.h"
#include "hvctl.h"
#include "internal.h"

static struct hvctl_ctx *ctx;
static unsigned warnings;

static void take_warning(void *data, const char *line)
{
	FUZZ_CHECK(*line && !strchr(line, '\n'), "a warning is one line: %s", line);
	warnings++;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	ctx = hvctl_open();
	if (!ctx)
		return 1;
	hvctl_set_warning(ctx, take_warning, NULL);
	return 0;
}

struct text {
	char s[32768];
	size_t n;
	int full;
};

static void add(struct text *t, const char *s, size_t n)
{
	if (t->n + n > sizeof(t->s)) {
		t->full = 1;
		return;
	}
	memcpy(t->s + t->n, s, n);
	t->n += n;
}

static void add_item(struct text *t, const struct cfg_item *i)
{
	if (!i->quoted) {
		add(t, i->text, strlen(i->text));
		return;
	}
	add(t, "\"", 1);
	for (const char *p = i->text; *p; p++) {
		if (*p == '"' || *p == '\\')
			add(t, "\\", 1);
		add(t, p, 1);
	}
	add(t, "\"", 1);
}

/* Can it be written down? Strings may hold what only an escape can say. */
static int plain(const struct cfg *c)
{
	for (size_t e = 0; e < c->nr_entries; e++)
		for (size_t i = 0; i < c->entries[e].nr_items; i++)
			for (const char *p = c->entries[e].items[i].text; *p; p++)
				if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x7f)
					return 0;
	return 1;
}

static void round_trip(const struct cfg *c)
{
	static struct text t;
	struct cfg again = { 0 };
	char error[512] = "";
	int r;

	t.n = 0;
	t.full = 0;
	for (size_t e = 0; e < c->nr_entries; e++) {
		const struct cfg_entry *entry = &c->entries[e];

		add(&t, entry->key, strlen(entry->key));
		add(&t, " = ", 3);
		if (entry->list)
			add(&t, "[", 1);
		for (size_t i = 0; i < entry->nr_items; i++) {
			add_item(&t, &entry->items[i]);
			if (i + 1 < entry->nr_items)
				add(&t, ", ", 2);
		}
		if (entry->list)
			add(&t, "]", 1);
		add(&t, "\n", 1);
	}
	if (t.full)
		return;
	r = cfg_parse(&again, "again", t.s, t.n, error, sizeof(error));
	FUZZ_CHECK(!r, "%.*s\nis refused: %s", (int)t.n, t.s, error);
	FUZZ_CHECK(again.nr_entries == c->nr_entries, "%zu entries, not %zu", again.nr_entries,
		   c->nr_entries);
	for (size_t e = 0; e < c->nr_entries; e++) {
		const struct cfg_entry *a = &c->entries[e], *b = cfg_find(&again, a->key);

		FUZZ_CHECK(b && b->list == a->list && b->nr_items == a->nr_items, "%s", a->key);
		for (size_t i = 0; i < a->nr_items; i++)
			FUZZ_CHECK(!strcmp(a->items[i].text, b->items[i].text) &&
					   a->items[i].quoted == b->items[i].quoted,
				   "%s: %s", a->key, b->items[i].text);
	}
	cfg_release(&again);
}

static void check_meaning(const char *text, size_t n)
{
	struct hvctl_config *c = NULL;
	int r = hvctl_config_parse(ctx, "t.cfg", text, n, NULL, &c);
	const char *e = hvctl_error(ctx);

	if (r) {
		FUZZ_CHECK(!c, "refused, and there is one");
		FUZZ_CHECK(!strncmp(e, "t.cfg", 5) && !strchr(e, '\n'),
			   "what kind of message is this: %s", e);
		return;
	}
	FUZZ_CHECK(hvctl_good_name(c->name), "name %s", c->name);
	FUZZ_CHECK(c->vcpus >= 1 && c->vcpus <= c->max_vcpus, "%u of %u vCPUs", c->vcpus,
		   c->max_vcpus);
	FUZZ_CHECK(c->memory_mib && c->memory_mib <= c->max_memory_mib, "memory");
	hvctl_config_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char start[] = "name='g'\nkernel='/k'\nmemory=64\n";
	struct cfg cfg = { 0 };
	char error[512] = "", *copy = malloc(size + sizeof(start));
	int r;

	FUZZ_CHECK(copy, "no memory");
	if (size)
		memcpy(copy, data, size);
	copy = realloc(copy, size ? size : 1); /* of its size, for the address sanitizer */
	r = cfg_parse(&cfg, "t.cfg", copy, size, error, sizeof(error));
	FUZZ_CHECK(r == 0 || (r == -EINVAL && !strncmp(error, "t.cfg:", 6) && !strchr(error, '\n')),
		   "%d: %s", r, error);
	if (!r && plain(&cfg))
		round_trip(&cfg);
	cfg_release(&cfg);
	check_meaning(copy, size);
	free(copy);
	/* The same with what every guest needs, so that more of it is looked at. */
	copy = malloc(sizeof(start) - 1 + size);
	FUZZ_CHECK(copy, "no memory");
	memcpy(copy, start, sizeof(start) - 1);
	if (size)
		memcpy(copy + sizeof(start) - 1, data, size);
	check_meaning(copy, sizeof(start) - 1 + size);
	free(copy);
	return 0;
}
