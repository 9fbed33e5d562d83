// SPDX-License-Identifier: GPL-2.0-or-later
#include "hvm/svm.h"
#include "cpu/cpu.h"
#include "cpu/msr.h"

static void read_facts(struct svm_facts *f)
{
	u32 max, a, b, c, d;

	*f = (struct svm_facts){ 0 };
	cpuid(0x80000000, 0, &max, &b, &c, &d);
	if (max < 0x80000001)
		return;
	cpuid(0x80000001, 0, &a, &b, &f->ext_features, &d);
	f->family = cpu_features.family;
	cpuid(0, 0, &a, &b, &c, &d);
	if (a >= 7)
		cpuid(7, 0, &a, &b, &f->structured, &d);
	if (!(f->ext_features & EXT_FEATURE_SVM))
		return;
	if (max >= 0x8000000a)
		cpuid(0x8000000a, 0, &a, &f->asids, &c, &f->features);
	if (rdmsr_safe(MSR_VM_CR, &f->vm_cr))
		f->vm_cr = VM_CR_SVMDIS;
}

const char *svm_detect(struct hvm_caps *caps)
{
	struct svm_facts f;

	read_facts(&f);
	*caps = (struct hvm_caps){
		.name = "SVM",
		.nested_paging = f.features & SVM_NP,
		.asids = f.asids,
		.large = svm_large(&f),
	};
	return svm_refusal(&f);
}
