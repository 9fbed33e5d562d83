// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The instructions of SVM in a PV guest: invalid opcodes, in its kernel and in its user mode, on
 * CPUs that have them too, as EFER.SVME is clear while a PV guest runs; CPUID does not show them,
 * and the bit cannot be set. VMMCALL is none of a PV guest's ways to the hypervisor.
 * bits: 64 32
 * ring1: yes
 * cpu: qemu64,+svm,+npt
 * alone: yes
 */
#include "guest.h"

const char test_name[] = "evil-svm";

static struct user user;

#define INSN(name, text)                                                         \
	static void name(void *arg)                                              \
	{                                                                        \
		__asm__ volatile(text ::"a"(0L), "c"(0L) : "memory");            \
	}
INSN(vmrun, "vmrun")
INSN(vmload, "vmload")
INSN(vmsave, "vmsave")
INSN(vmmcall, "vmmcall")
INSN(stgi, "stgi")
INSN(clgi, "clgi")
INSN(skinit, "skinit")
INSN(invlpga, "invlpga")

static void set_svme(void *arg)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(0xc0000080));
	__asm__ volatile("wrmsr" ::"a"(low | 1u << 12), "d"(high), "c"(0xc0000080));
}

void test_main(void)
{
	static void (*const insns[])(void *) = { vmrun, vmload, vmsave, vmmcall,
						 stgi, clgi, skinit, invlpga };
	uint32_t a = 0x80000001, b, c = 0, d;
	static const uint8_t code[] = { 0xd8, 0xda, 0xdb, 0xd9, 0xdc, 0xdd, 0xde, 0xdf };

	__asm__ volatile(XEN_CPUID : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	check(!(c & 4));
	/* It may be refused or mean nothing; what follows tells that it was not obeyed. */
	(void)probe(set_svme, NULL);
	user_new(&user);
	for (unsigned i = 0; i < sizeof(insns) / sizeof(insns[0]); i++) {
		const uint8_t bytes[] = { 0x0f, 0x01, code[i] };

		check_eq(probe(insns[i], NULL), 6);
		check_eq(user_run(&user, bytes, sizeof(bytes)), 6);
	}
}
