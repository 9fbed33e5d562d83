// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whether this machine has what HVM guests need. Nothing is turned on here: who runs PV guests only
 * pays for some CPUIDs and MSRs at boot.
 */
#include "hvm/hvm.h"
#include "cpu/cpu.h"
#include "hvm/svm.h"
#include "hvm/vcpu.h"
#include "hvm/vmx.h"
#include "lib/cmdline.h"
#include "lib/printk.h"
#include "memory/p2m.h"

struct hvm_caps hvm_caps;
const struct hvm_ops *hvm_ops;

static bool opt_hvm = true;
OPTION_BOOL("hvm", opt_hvm);
bool hvm_unsafe;
OPTION_BOOL("hvm-unsafe", hvm_unsafe);

static const char *why_none = "not looked for";
static bool differs; /* set by any CPU as it starts, which happens one after the other */

void __init hvm_init(void)
{
	if (!opt_hvm) {
		why_none = "hvm=0";
		return;
	}
	if (cpu_features.vendor == CPU_VENDOR_OTHER) {
		why_none = "the CPU is neither AMD's nor Intel's";
		return;
	}
	hvm_ops = cpu_features.vendor == CPU_VENDOR_AMD ? &svm_ops : &vmx_ops;
	why_none = hvm_ops->detect(&hvm_caps);
	if (why_none) {
		hvm_ops = NULL;
		return;
	}
	p2m_use_ept(hvm_ops == &vmx_ops, hvm_caps.large);
	hvm_vcpu_register();
}

void hvm_init_cpu(void)
{
	struct hvm_caps caps;

	if (!hvm_ops || differs)
		return;
	differs = hvm_ops->detect(&caps) || caps.nested_paging != hvm_caps.nested_paging ||
		  caps.asids != hvm_caps.asids || caps.tags != hvm_caps.tags;
}

void __init hvm_report(void)
{
	if (differs) {
		hvm_ops = NULL;
		why_none = "the CPUs of this machine are not all alike";
	}
	if (!hvm_ops)
		printk(LOG_INFO "hvm: none: %s\n", why_none);
	else if (hvm_caps.asids)
		printk(LOG_INFO "hvm: %s with nested paging, %u ASIDs\n", hvm_caps.name,
		       hvm_caps.asids);
	else
		printk(LOG_INFO "hvm: %s with nested paging%s\n", hvm_caps.name,
		       hvm_caps.tags ? ", VPID" : "");
}

bool hvm_available(void)
{
	return hvm_ops;
}
