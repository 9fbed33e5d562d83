// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/save/cpu.c libhvctl/cpuid_features.c
// bits: 64 32
/*
 * A guest that comes from another CPU: what this one lacks is named, whether the guest was shown it
 * or its programs may have found it; with force it is taken out, but registers are not.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hypercall.h"
#include "internal.h"
#include "save/cpu.h"
#include "suite.h"

#define NONE HVCTL_NO_SUBLEAF

static struct hvctl_ctx ctx;
static char warned[1024];
static int host_fails;

int hvctl_fail(struct hvctl_ctx *c, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(c->error, sizeof(c->error), format, args);
	va_end(args);
	return -error;
}

void hvctl_warn(struct hvctl_ctx *c, const char *format, ...)
{
	size_t len = strlen(warned);
	va_list args;

	(void)c;
	va_start(args, format);
	vsnprintf(warned + len, sizeof(warned) - len, format, args);
	va_end(args);
}

/* SSE3 and AVX; BMI1 is in the CPU, but no guest is shown it. */
static const struct hvctl_cpuid_leaf most[] = {
	{ 0, NONE, { 0xd, 1, 2, 3 } }, { 1, NONE, { 0, 0, 1u | 1u << 28, 0 } },
	{ 7, 0, { 0, 0, 0, 0 } }, { 0xd, 0, { 7, 0, 0, 0 } }, { 0x80000000, NONE, { 0x80000008 } },
}, raw[] = {
	{ 0, NONE, { 0x16, 1, 2, 3 } }, { 1, NONE, { 0, 0, 1u | 1u << 28, 0 } },
	{ 7, 0, { 1, 1u << 3, 0, 0 } },
};

int cpuid_of_host(struct hvctl_ctx *c, uint32_t index, struct hvctl_cpuid_leaf **list,
		  size_t *count)
{
	bool is_raw = index == XEN_SYSCTL_cpu_policy_raw;

	(void)c;
	CU_ASSERT(is_raw || index == XEN_SYSCTL_cpu_policy_pv_max);
	*list = NULL;
	if (host_fails)
		return host_fails;
	*count = is_raw ? sizeof(raw) / sizeof(raw[0]) : sizeof(most) / sizeof(most[0]);
	*list = malloc(sizeof(raw) + sizeof(most));
	memcpy(*list, is_raw ? raw : most, is_raw ? sizeof(raw) : sizeof(most));
	return 0;
}

static struct hvctl_cpuid_leaf policy[5], seen[2];

static int fits(bool force)
{
	struct cpu_wanted w = { policy, seen, 5, 2 };

	warned[0] = ctx.error[0] = 0;
	return cpu_fits(&ctx, "it", &w, force);
}

static void begin(void)
{
	host_fails = 0;
	memcpy(policy, most, sizeof(policy));
	memset(seen, 0, sizeof(seen));
	seen[0] = (struct hvctl_cpuid_leaf){ 7, 0, { 0, 1u << 3, 0, 0 } };
	seen[1] = (struct hvctl_cpuid_leaf){ 1, NONE, { 0 } };
}

TEST(test_fits, "one like this, and less")
{
	CU_ASSERT_EQUAL(fits(false), 0);
	policy[1].reg[2] = 1;
	policy[3].reg[0] = 3;
	CU_ASSERT_EQUAL(fits(false), 0);
	/* What a kernel alone uses its programs do not miss: SVM, x2APIC, SMEP. */
	seen[0].reg[1] |= 1u << 7;
	seen[1].reg[2] = 1u << 21 | 1u << 5;
	CU_ASSERT_EQUAL(fits(false), 0);
	CU_ASSERT_EQUAL(fits(true), 0);
	CU_ASSERT_STRING_EQUAL(warned, "");
	host_fails = -EPERM;
	CU_ASSERT_EQUAL(fits(false), -EPERM);
	CU_ASSERT_EQUAL(fits(true), -EPERM);
}

TEST(test_shown, "what it was shown and is not here has a name")
{
	policy[1].reg[2] |= 1u << 23;
	policy[2].reg[1] = 1u << 3 | 1u << 10;
	CU_ASSERT_EQUAL(fits(false), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(ctx.error, "was shown: popcnt, bmi1, invpcid; "));
	CU_ASSERT_PTR_NOT_NULL(strstr(ctx.error, "--force-cpu"));
	CU_ASSERT_EQUAL(fits(true), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(warned, "was shown: popcnt, bmi1, invpcid; "));
	/* It is not shown that any more; all else is as it was. */
	CU_ASSERT_EQUAL(memcmp(policy, most, sizeof(policy)), 0);
	/* One without a name. */
	policy[1].reg[2] |= 1u << 16;
	CU_ASSERT_EQUAL(fits(false), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(ctx.error, "bit 16 of ECX in leaf 0x1"));
}

TEST(test_many, "more than a line has room for")
{
	memset(policy[1].reg, 0xff, sizeof(policy[1].reg));
	CU_ASSERT_EQUAL(fits(false), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(ctx.error, "fpu, vme, "));
	CU_ASSERT_PTR_NOT_NULL(strstr(ctx.error, "...; choose one"));
}

TEST(test_vendor, "another vendor's guest")
{
	policy[0].reg[0] = 0x16;
	policy[0].reg[2]++;
	policy[4].reg[0] = 0x80000021;
	CU_ASSERT_EQUAL(fits(false), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(ctx.error, "its vendor"));
	CU_ASSERT_EQUAL(fits(true), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(warned, "its vendor"));
	CU_ASSERT_EQUAL(memcmp(policy, most, sizeof(policy)), 0);
}

TEST(test_seen, "what its programs may have found and is not here has a name, too")
{
	seen[0].reg[1] |= 1u << 5 | 1u << 20;
	CU_ASSERT_EQUAL(fits(false), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(ctx.error, "programs of the guest"));
	CU_ASSERT_PTR_NOT_NULL(strstr(ctx.error, ": avx2; "));
	CU_ASSERT_EQUAL(fits(true), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(warned, "found: avx2; "));
}

TEST(test_states, "registers that are not here are no matter of force")
{
	policy[3].reg[0] = 0xe7;
	CU_ASSERT_EQUAL(fits(true), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(ctx.error, "XCR0 0xe0"));
	CU_ASSERT_STRING_EQUAL(warned, "");
}

SUITE("cpu fits", .begin = begin)
