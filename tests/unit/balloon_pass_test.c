// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/balloon/pass.c libhvctl/balloon/share.c libhvctl/balloon/figure.c
// sources: libhvctl/budget.c
// bits: 64 32
/*
 * hvballoond's pass around its decision: who takes part, what a guest may say, what is not known,
 * and what becomes of it. The library is a small world here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balloon/pass.h"
#include "suite.h"

static struct domain {
	struct hvctl_domain d;
	uint64_t target, static_max; /* KiB; 0: it has none in the store */
	const char *word;
	uint64_t floor;
	int config_error;
} world[4];
static unsigned int count;
static struct hvctl_host machine;
static int host_error, list_error, store_error, set_error;
static unsigned int sets, lines, configs, reads;
static char said[4096];
static struct pass pass;
static uint64_t now;

const char *hvctl_error(const struct hvctl_ctx *c) { return "the world says no"; }

void hvctl_one_line(char *to, size_t size, const char *text) { snprintf(to, size, "%s", text); }

int hvctl_host(struct hvctl_ctx *c, struct hvctl_host *h)
{
	*h = machine;
	return host_error;
}

int hvctl_list(struct hvctl_ctx *c, struct hvctl_domain **list, size_t *n)
{
	if (list_error)
		return list_error;
	*list = calloc(count + 1, sizeof(**list));
	for (*n = 0; *n < count; ++*n)
		(*list)[*n] = world[*n].d;
	return 0;
}

static struct domain *find(uint32_t domid)
{
	for (unsigned int i = 0; i < count; i++)
		if (world[i].d.domid == domid)
			return &world[i];
	return NULL;
}

int hvctl_config_of(struct hvctl_ctx *c, uint32_t domid, struct hvctl_config **config)
{
	struct domain *d = find(domid);

	configs++;
	if (d->config_error)
		return d->config_error;
	*config = calloc(1, sizeof(**config));
	(*config)->min_memory_mib = d->floor;
	return 0;
}

void hvctl_config_free(struct hvctl_config *c) { free(c); }

int hvctl_store(struct hvctl_ctx *c, const char *path, hvctl_store_fn fn, void *data)
{
	char value[64];
	unsigned int domid;
	char key[16];
	struct domain *d;
	int result;

	CU_ASSERT_EQUAL_FATAL(sscanf(path, "/local/domain/%u/memory/%15s", &domid, key), 2);
	reads++;
	if (store_error)
		return store_error;
	d = find(domid);
	if (!strcmp(key, "meminfo")) {
		if (!d->word)
			return -ENOENT;
		result = fn(data, path, d->word);
		/* There may be thousands below it. */
		CU_ASSERT_EQUAL_FATAL(result, 1);
		return result;
	}
	if (!(strcmp(key, "target") ? d->static_max : d->target))
		return -ENOENT;
	snprintf(value, sizeof(value), "%llu",
		 (unsigned long long)(strcmp(key, "target") ? d->static_max : d->target));
	return fn(data, path, value);
}

int hvctl_set_memory(struct hvctl_ctx *c, uint32_t domid, uint64_t mib)
{
	struct domain *d = find(domid);

	sets++;
	if (set_error)
		return set_error;
	CU_ASSERT_TRUE(domid && mib <= d->static_max >> 10);
	d->target = mib << 10;
	return 0;
}

static void say(const char *line)
{
	lines++;
	snprintf(said, sizeof(said), "%s", line);
}

static struct domain *add(uint32_t domid, uint64_t mib, uint64_t floor, const char *word)
{
	struct domain *d = &world[count++];

	*d = (struct domain){ .d = { .domid = domid, .state = HVCTL_BLOCKED,
				     .memory_kib = mib << 10, .max_memory_kib = mib << 10 },
			      .target = mib << 10, .static_max = 1 << 20, .word = word,
			      .floor = floor };
	snprintf(d->d.name, sizeof(d->d.name), "g%u", domid);
	d->d.uuid[0] = (uint8_t)domid;
	return d;
}

static void begin(void)
{
	pass_end(&pass);
	pass = (struct pass){ .say = say };
	count = sets = lines = configs = reads = 0;
	host_error = list_error = store_error = set_error = 0;
	machine = (struct hvctl_host){ 0 };
	said[0] = 0;
	now += 3600000;
	add(0, 512, 0, NULL);
}

static void end(void) { pass_end(&pass); }

/* Guests do as they are told, and time passes. */
static void run(unsigned int passes)
{
	while (passes--) {
		pass_run(&pass, now);
		now += 5000;
		for (unsigned int i = 0; i < count; i++) {
			struct hvctl_domain *d = &world[i].d;

			machine.free_kib += d->memory_kib - world[i].target;
			d->memory_kib = world[i].target;
		}
	}
}

TEST(test_flows, "memory goes to the one that needs it")
{
	struct domain *a = add(1, 64, 16, "8192"), *b = add(2, 32, 16, "49152 1\n");

	run(10);
	CU_ASSERT_EQUAL(b->target, 60 << 10);
	CU_ASSERT_TRUE(a->target <= 36 << 10 && a->target >= 16 << 10);
	CU_ASSERT_TRUE(lines > 1 && strstr(said, "domain "));
	CU_ASSERT_EQUAL(configs, 2);
	sets = 0;
	run(20);
	CU_ASSERT_EQUAL(sets, 0);
	/* The same number is another domain's by now. */
	b->d.uuid[1] = 1;
	b->floor = 0;
	b->word = "999999";
	run(10);
	CU_ASSERT_EQUAL(sets, 0);
	CU_ASSERT_EQUAL(configs, 3);
	CU_ASSERT_EQUAL(pass.count, 3);
	count = 2;
	run(1);
	CU_ASSERT_EQUAL(pass.count, 2);
}

TEST(test_left_alone, "who takes no part")
{
	struct domain *d;

	add(1, 64, 16, "60000");
	/* Without a floor, of another tool, paused, silent. */
	for (unsigned int way = 0; way < 4; way++) {
		count = 2;
		d = add(2, 256, way ? 16 : 0, way == 3 ? "" : "1000");
		d->d.uuid[1] = (uint8_t)way;
		d->config_error = way == 1 ? -EINVAL : 0;
		d->d.state = way == 2 ? HVCTL_PAUSED : HVCTL_RUNNING;
		run(10);
		CU_ASSERT_EQUAL(sets, 0);
	}
	/* Its promise counts all the same. */
	machine.free_kib = 100 << 10;
	d->d.state = HVCTL_PAUSED;
	d->target = 356 << 10;
	pass_run(&pass, now);
	CU_ASSERT_EQUAL(sets, 0);
	/* And so does what a domain claims that is being made. */
	d->target = 256 << 10;
	machine.claimed_kib = 100 << 10;
	pass_run(&pass, now);
	CU_ASSERT_EQUAL(sets, 0);
	machine.claimed_kib = 0;
	pass_run(&pass, now);
	CU_ASSERT_EQUAL(sets, 1);
}

TEST(test_words, "whatever a guest writes")
{
	static const char *const nothing[] = {
		"", " ", "-5", "x", "12x", "12 x", "12 ", "12 3 4", "0x10", "1e9", "\n", "12\n\n",
		"0", "1234567890123456789012345678901234567890", " 12",
	};
	struct figure f = { 0 };
	char most[FIGURE_SIZE];

	for (unsigned int i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++)
		CU_ASSERT_EQUAL(figure_take(&f, nothing[i], 0, 1000), 0);
	CU_ASSERT_EQUAL(figure_take(&f, NULL, 0, 1000), 0);
	CU_ASSERT_EQUAL(figure_take(&f, "1", 0, 1000), 1);
	CU_ASSERT_EQUAL(figure_take(&f, "1024\n", 0, 1000), 1);
	CU_ASSERT_EQUAL(figure_take(&f, "1025 77", 0, 1000), 2);
	CU_ASSERT_EQUAL(figure_take(&f, "18446744073709551615", 0, 1000), 1000);
	CU_ASSERT_EQUAL(figure_take(&f, "18446744073709551616", 0, 1000), 1000);
	memset(most, '9', sizeof(most));
	most[FIGURE_SIZE - 1] = 0;
	CU_ASSERT_EQUAL(figure_take(&f, most, 0, 1000), 1000);
	CU_ASSERT_EQUAL(figure_take(&f, most, 0, HVCTL_MIB_MAX), HVCTL_MIB_MAX);
}

TEST(test_age, "a figure that does not change any more")
{
	struct figure f = { 0 };

	CU_ASSERT_EQUAL(figure_take(&f, "1024 1", 1000, 100), 1);
	CU_ASSERT_EQUAL(figure_take(&f, "1024 1", 1000 + FIGURE_OLD_MS - 1, 100), 1);
	CU_ASSERT_EQUAL(figure_take(&f, "1024 1", 1000 + FIGURE_OLD_MS, 100), 0);
	CU_ASSERT_EQUAL(figure_take(&f, "1024 2", 1001 + FIGURE_OLD_MS, 100), 1);
	/* Without a number behind it, it counts as long as it stands there. */
	CU_ASSERT_EQUAL(figure_take(&f, "2048", 1000, 100), 2);
	CU_ASSERT_EQUAL(figure_take(&f, "2048", 1000000000, 100), 2);
}

TEST(test_unknown, "what cannot be read changes nothing")
{
	add(1, 64, 16, "8192");
	add(2, 32, 16, "49152");
	host_error = -EIO;
	run(100);
	host_error = 0;
	list_error = -EIO;
	run(100);
	list_error = 0;
	store_error = -ECONNREFUSED;
	run(100);
	store_error = 0;
	world[1].config_error = -EPIPE;
	run(100);
	CU_ASSERT_EQUAL(sets, 0);
	/* One line for all of that. */
	CU_ASSERT_EQUAL(lines, 1);
	CU_ASSERT_STRING_EQUAL(said, "the world says no; will try again");
	world[1].config_error = 0;
	run(10);
	CU_ASSERT_EQUAL(world[2].target, 60 << 10);
	/* What is refused is said, but not without end. */
	begin();
	add(1, 64, 16, "8192");
	add(2, 32, 16, "49152");
	set_error = -EINVAL;
	run(240);
	CU_ASSERT_EQUAL(sets, 240);
	CU_ASSERT_TRUE(lines <= 2 * (20 + 20 * 20));
	CU_ASSERT_EQUAL(world[2].target, 32 << 10);
}

TEST(test_being_made, "one that is first seen while it is made")
{
	add(1, 64, 16, "8192");
	add(2, 32, 16, "49152");
	world[1].config_error = -EINVAL;
	run(3);
	CU_ASSERT_EQUAL(sets, 0);
	world[1].config_error = 0;
	run(50);
	CU_ASSERT_EQUAL(world[2].target, 60 << 10);
}

TEST(test_stopped, "what one that has stopped would still be given is not kept for it")
{
	add(1, 64, 16, "8192");
	add(2, 32, 16, "49152");
	add(3, 16, 0, NULL);
	world[3].target = 64 << 10;
	world[3].d.state = HVCTL_CRASHED;
	for (unsigned int i = 0; i < 50; i++) {
		count = 3;	/* it stays as it is */
		run(1);
		count = 4;
		pass_run(&pass, now);
	}
	CU_ASSERT_EQUAL(world[2].target, 60 << 10);
}

TEST(test_dry, "a dry run")
{
	add(1, 64, 16, "8192");
	add(2, 32, 16, "49152");
	pass.dry = true;
	run(50);
	CU_ASSERT_EQUAL(sets, 0);
	CU_ASSERT_EQUAL(lines, 1);
	CU_ASSERT_STRING_EQUAL(said, "domain 1 (g1): would be told to have 56 MiB instead of 64; "
				     "it has 64 and wants 10");
}

SUITE("passes of hvballoond", .begin = begin, .end = end)
