// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/hvm/svm_refusal.c
//
// On which CPUs SVM is used, and what is said where it is not.

#include "suite.h"
#include <string.h>

#include "hvm/svm.h"

#define ALL (SVM_NP | SVM_LOCK)

static const struct row {
	struct svm_facts facts;
	const char *why; /* a piece of it; NULL: none */
} rows[] = {
	{ { 0, 0, 0, 0, 0, 0 }, "no SVM" },
	{ { ~4U, 64, ALL, 0, 0, 0 }, "no SVM" },
	{ { 4, 64, SVM_NP, 0, 0, 0 }, NULL },
	{ { ~0U, 64, ~0U, ~VM_CR_SVMDIS, 0, 0 }, NULL },
	{ { 4, 2, SVM_NP, 0, 0, 0 }, NULL },
	{ { 4, 1, SVM_NP, 0, 0, 0 }, "no ASID" },
	{ { 4, 0, SVM_NP, 0, 0, 0 }, "no ASID" },
	{ { 4, 64, (u32)~SVM_NP, 0, 0, 0 }, "no nested paging" },
	{ { 4, 64, SVM_NP, VM_CR_SVMDIS, 0, 0 }, "disabled by firmware" },
	{ { 4, 64, ALL, VM_CR_SVMDIS, 0, 0 }, "disabled and locked" },
	{ { 4, 0, 0, VM_CR_SVMDIS, 0, 0 }, "disabled by firmware" },
	{ { 4, 64, SVM_NP, 0, STRUCTURED_PKU, 0 }, "protection keys" },
	{ { 4, 64, SVM_NP, 0, (u32)~STRUCTURED_PKU, 0 }, NULL },
};

TEST(test_refusal, "which CPUs will do, and why the others do not")
{
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *why = svm_refusal(&rows[i].facts);

		CU_ASSERT_EQUAL(!why, !rows[i].why);
		if (why && rows[i].why)
			CU_ASSERT_PTR_NOT_NULL(strstr(why, rows[i].why));
	}
}

TEST(test_large, "large nested pages, but on the CPUs that they bring down")
{
	for (u32 family = 0xf; family <= 0x1a; family++) {
		struct svm_facts f = { 4, 64, SVM_NP, 0, 0, family };

		CU_ASSERT_EQUAL(svm_large(&f), family != 0x10);
	}
}

SUITE("svm")
