/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_HVM_SVM_H
#define ANNULUS_HVM_SVM_H

#include "hvm/hvm.h"
#include "lib/types.h"

/* AMD's way: APM vol. 2, chapter 15. */
extern const struct hvm_ops svm_ops;
const char *svm_detect(struct hvm_caps *caps);

/* What a CPU says of its SVM. */
struct svm_facts {
	u32 ext_features;    /* CPUID 80000001H ECX */
	u32 asids, features; /* CPUID 8000000AH EBX and EDX, 0 if there is no such leaf */
	u64 vm_cr;           /* MSR VM_CR; 0 where there is no SVM */
	u32 structured;      /* CPUID 7 ECX, 0 if there is no such leaf */
	u32 family;
};
#define EXT_FEATURE_SVM BIT(2)
#define SVM_NP          BIT(0)
#define SVM_LOCK        BIT(2) /* VM_CR.SVMDIS may be unlocked by a key, else by firmware only */
#define VM_CR_SVMDIS    BIT(4)
#define STRUCTURED_PKU  BIT(3)

/*
 * svm_refusal() - why SVM cannot be used on a CPU that says this (APM vol. 2, 15.4), in words for
 * the boot log; NULL: it can.
 */
const char *svm_refusal(const struct svm_facts *f);
/*
 * svm_large - whether nested tables may map 2 MiB by an entry. Not by family 10h, where a large
 * page and the small ones that it became may be in one TLB, which is a machine check (revision
 * guide, erratum 383); a guest's pages are no larger to the TLB than the nested ones.
 */
bool svm_large(const struct svm_facts *f);

#endif
