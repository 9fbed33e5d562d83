// SPDX-License-Identifier: GPL-2.0-or-later
#include "hvm/svm.h"

const char *svm_refusal(const struct svm_facts *f)
{
	if (!(f->ext_features & EXT_FEATURE_SVM))
		return "the CPU has no SVM";
	if (f->vm_cr & VM_CR_SVMDIS)
		return f->features & SVM_LOCK ?
			"SVM is disabled and locked by firmware: look there for it" :
			"SVM is disabled by firmware: look there for it";
	if (!(f->features & SVM_NP))
		return "the CPU's SVM has no nested paging";
	/* A guest sets CR4.PKE as it likes, and PKRU would be the next one's, too. */
	if (f->structured & STRUCTURED_PKU)
		return "the CPU has protection keys, which are not switched between guests yet";
	/* 0 is the host's. */
	if (f->asids < 2)
		return "the CPU's SVM has no ASID for a guest";
	return NULL;
}

bool svm_large(const struct svm_facts *f)
{
	return f->family != 0x10;
}
