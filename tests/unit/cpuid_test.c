// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/cpuid_features.c libhvctl/cli/builtin-cpuid.c libhvctl/cli/json.c
// sources: libhvctl/context.c
// libs: -ljansson
//
// `hvctl cpuid`: what programs see beyond a policy is what differs, the features in it have the
// names that they have elsewhere, and both are printed.

#include "suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cpuid.h"
#include "xs.h"

/* 4.17's public list, as its numbers in words of 32. */
#define XEN_CPUFEATURE(name, value) { #name, value },
static const struct {
	const char *name;
	unsigned int number;
} listed[] = {
#include <xen/arch-x86/cpufeatureset.h>
};

#define NONE HVCTL_NO_SUBLEAF

static const struct {
	uint32_t leaf, subleaf;
	unsigned int reg;
} words[] = {
	{ 1, NONE, 3 }, { 1, NONE, 2 }, { 0x80000001, NONE, 3 }, { 0x80000001, NONE, 2 },
	{ 0xd, 1, 0 }, { 7, 0, 1 }, { 7, 0, 2 }, { 0x80000007, NONE, 3 },
};

static const struct hvctl_cpuid_leaf policy[] = {
	{ 0, NONE, { 0xd, 1, 2, 3 } }, { 1, NONE, { 5, 6, 0x80000001, 0x10 } },
	{ 7, 0, { 0, 1, 0, 0 } }, { 0xd, 0, { 3, 0, 576, 0 } }, { 0xd, 1, { 1, 0, 0, 0 } },
	{ 0x40000000, NONE, { 5, 0, 0, 0 } },
};
static const struct hvctl_cpuid_leaf machine[] = {
	{ 0, NONE, { 0x16, 1, 2, 3 } }, { 1, NONE, { 5, 6, 0x10000021, 0x12 } },
	{ 7, 0, { 0, 1, 0, 0 } }, { 7, 1, { 0x10, 0, 0, 0 } }, { 0xd, 0, { 3, 832, 576, 0 } },
	{ 0xd, 1, { 9, 832, 0, 0 } }, { 0xd, 2, { 0, 7, 0, 0 } },
	{ 0x40000000, NONE, { 0, 0, 0, 0 } },
};

/* ---- what the verb calls ---- */

static bool json, faulting;

int cli_options(const struct command *cmd, int argc, char **argv, const char *letters, char set[8])
{
	memset(set, 0, 8);
	set[0] = json ? 'j' : 0;
	return 1;
}
bool cli_has(const char set[8], char letter) { return set[0] == letter; }
int cli_usage(const struct command *cmd, const char *format, ...) { return CLI_USAGE; }
int cli_failed(const struct hvctl_ctx *ctx) { return CLI_FAILED; }
bool cli_domain(struct hvctl_ctx *ctx, const char *text, uint32_t *domid)
{
	*domid = 3;
	return strcmp(text, "none");
}

int hvctl_cpuid(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_cpuid *c)
{
	CU_ASSERT_EQUAL(domid, 3);
	*c = (struct hvctl_cpuid){ .nr_policy = sizeof(policy) / sizeof(policy[0]) };
	c->policy = malloc(sizeof(policy));
	memcpy(c->policy, policy, sizeof(policy));
	c->faulting = faulting;
	c->beyond = malloc(sizeof(machine));
	if (!faulting)
		c->nr_beyond = cpuid_beyond(policy, c->nr_policy, machine,
					    sizeof(machine) / sizeof(machine[0]), c->beyond);
	return 0;
}

void hvctl_cpuid_free(struct hvctl_cpuid *c)
{
	free(c->policy);
	free(c->beyond);
}

/* Of the library's context, which has no store here. */
struct xs *xs_open(const char *socket) { return NULL; }
void xs_close(struct xs *xs) { }
void xs_keep(struct xs *xs, unsigned int ms, xs_waits_fn waits, void *data)
{
}

bool xs_lost(const struct xs *xs) { return false; }

/* What the verb prints, with a zero behind it. */
static const char *printed(const char *domain)
{
	static char text[16384];
	char *argv[] = { (char *)"cpuid", (char *)domain, NULL };
	int file = memfd_create("answer", MFD_CLOEXEC), out;
	ssize_t n;

	fflush(stdout);
	out = dup(STDOUT_FILENO);
	dup2(file, STDOUT_FILENO);
	CU_ASSERT_EQUAL(cmd_cpuid.run(NULL, &cmd_cpuid, 2, argv), CLI_OK);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	close(out);
	n = pread(file, text, sizeof(text) - 1, 0);
	CU_ASSERT_TRUE_FATAL(n >= 0);
	text[n] = 0;
	close(file);
	return text;
}

/* ---- tests ---- */

TEST(test_names, "each feature of 4.17's list has a name, and no two have the same")
{
	for (size_t i = 0; i < sizeof(listed) / sizeof(listed[0]); i++) {
		unsigned int w = listed[i].number / 32, bit = listed[i].number % 32;

		if (w >= sizeof(words) / sizeof(words[0]))
			continue;
		if (!hvctl_cpuid_feature(words[w].leaf, words[w].subleaf, words[w].reg, bit))
			fprintf(stderr, "%s has no name\n", listed[i].name);
		CU_ASSERT_PTR_NOT_NULL(hvctl_cpuid_feature(words[w].leaf, words[w].subleaf,
							   words[w].reg, bit));
	}
	for (unsigned int i = 0; i < 32 * 8 * 32 * 8; i++) {
		unsigned int a = i % 256, b = i / 256;
		const char *x, *y;

		x = hvctl_cpuid_feature(words[a / 32].leaf, words[a / 32].subleaf,
					words[a / 32].reg, a % 32);
		y = hvctl_cpuid_feature(words[b / 32].leaf, words[b / 32].subleaf,
					words[b / 32].reg, b % 32);
		CU_ASSERT_TRUE(a == b || !x || !y || strcmp(x, y));
	}
	CU_ASSERT_STRING_EQUAL(hvctl_cpuid_feature(1, NONE, 2, 28), "avx");
	CU_ASSERT_STRING_EQUAL(hvctl_cpuid_feature(7, 0, 1, 16), "avx512f");
	CU_ASSERT_STRING_EQUAL(hvctl_cpuid_feature(0x80000001, NONE, 3, 27), "rdtscp");
	CU_ASSERT_PTR_NULL(hvctl_cpuid_feature(1, NONE, 3, 10)); /* reserved */
	CU_ASSERT_PTR_NULL(hvctl_cpuid_feature(1, NONE, 0, 0));
	CU_ASSERT_PTR_NULL(hvctl_cpuid_feature(7, NONE, 1, 0));
	CU_ASSERT_PTR_NULL(hvctl_cpuid_feature(2, NONE, 0, 0));
	CU_ASSERT_PTR_NULL(hvctl_cpuid_feature(1, NONE, 3, 32));
}

TEST(test_beyond, "what differs, and nothing else")
{
	struct hvctl_cpuid_leaf out[8];
	size_t n = cpuid_beyond(policy, 6, machine, 8, out);

	CU_ASSERT_EQUAL_FATAL(n, 5);
	CU_ASSERT_EQUAL(out[0].leaf, 0);
	CU_ASSERT_TRUE(out[1].leaf == 1 && out[1].reg[2] == 0x10000021);
	CU_ASSERT_TRUE(out[2].leaf == 7 && out[2].subleaf == 1);
	/* The size for what is enabled now is no difference; another feature is. */
	CU_ASSERT_TRUE(out[3].leaf == 0xd && out[3].subleaf == 1 && out[3].reg[1] == 0);
	/* In other subleaves that register is where a state lies. */
	CU_ASSERT_TRUE(out[4].leaf == 0xd && out[4].subleaf == 2);
	CU_ASSERT_EQUAL(cpuid_beyond(policy, 6, policy, 6, out), 0);
	CU_ASSERT_EQUAL(cpuid_beyond(NULL, 0, machine, 0, out), 0);
}

/* A CPU of leaves 0 to 16h, of which the machine above has some, and 80000000h to 80000003h. */
static void read_leaf(uint32_t leaf, uint32_t reg[4])
{
	memset(reg, 0, 4 * sizeof(reg[0]));
	if (!leaf)
		reg[0] = 0x16;
	else if (leaf == 0x80000000)
		reg[0] = 0x80000003;
	else if (leaf == 0x14 || leaf == 7 || leaf == 0x17 || leaf == 0x80000004)
		reg[1] = leaf;
	else if (leaf == 0x80000003)
		reg[3] = leaf;
}

TEST(test_rest, "leaves that no policy knows")
{
	struct hvctl_cpuid_leaf all[16], out[16];
	size_t n;

	memcpy(all, machine, sizeof(machine));
	n = cpuid_rest(read_leaf, all, 8, 16);
	CU_ASSERT_EQUAL_FATAL(n, 11);
	/* Not 7, which is there; not 17h and 80000004h, which are beyond the limits. */
	CU_ASSERT_TRUE(all[8].leaf == 0x14 && all[8].subleaf == NONE && all[8].reg[1] == 0x14);
	CU_ASSERT_EQUAL(all[9].leaf, 0x80000000);
	CU_ASSERT_TRUE(all[10].leaf == 0x80000003 && all[10].reg[3] == 0x80000003);
	CU_ASSERT_EQUAL(cpuid_beyond(policy, 6, all, n, out), 5 + 3);
	CU_ASSERT_EQUAL(cpuid_rest(read_leaf, all, 8, 9), 9);
	/* A second time there is nothing new. */
	CU_ASSERT_EQUAL(cpuid_rest(read_leaf, all, 11, 16), 11);
}

TEST(test_text, "for people")
{
	const char *text;

	json = faulting = false;
	text = printed("d");
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n0000000d    0  00000003  00000000  00000240  "));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n00000001    -  00000005  00000006  10000021  "));
	/* vme by EDX; pclmulqdq is none of them, vmx and avx are; xsaves; avx_vnni */
	CU_ASSERT_PTR_NOT_NULL(strstr(text, " vmx avx vme avx_vnni xsaves\n"));
	CU_ASSERT_PTR_NULL(strstr(text, "pclmulqdq"));
	CU_ASSERT_PTR_NULL(strstr(text, "faults"));
	faulting = true;
	text = printed("d");
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "CPUID faults"));
	CU_ASSERT_PTR_NULL(strstr(text, "vmx"));
}

TEST(test_json, "for programs")
{
	json_t *value, *list;

	json = true;
	faulting = false;
	value = json_loads(printed("d"), 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(value);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(value, "domid")), 3);
	CU_ASSERT_TRUE(json_is_false(json_object_get(value, "faulting")));
	list = json_object_get(value, "policy");
	CU_ASSERT_EQUAL(json_array_size(list), 6);
	CU_ASSERT_PTR_NULL(json_object_get(json_array_get(list, 0), "subleaf"));
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(json_array_get(list, 4), "subleaf")), 1);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(json_array_get(list, 1), "ecx")),
			0x80000001);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(value, "beyond")), 5);
	list = json_object_get(value, "features_beyond");
	CU_ASSERT_EQUAL(json_array_size(list), 5);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_array_get(list, 0)), "vmx");
	json_decref(value);
}

TEST(test_nobody, "no such domain")
{
	char *argv[] = { (char *)"cpuid", (char *)"none", (char *)"more", NULL };

	CU_ASSERT_EQUAL(cmd_cpuid.run(NULL, &cmd_cpuid, 2, argv), CLI_FAILED);
	CU_ASSERT_EQUAL(cmd_cpuid.run(NULL, &cmd_cpuid, 3, argv), CLI_USAGE);
	CU_ASSERT_EQUAL(cmd_cpuid.run(NULL, &cmd_cpuid, 1, argv), CLI_USAGE);
}

SUITE("hvctl cpuid")
