/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our headers, seen by the assembler: all of them must be readable, their numbers the same. */
#include "pv-abi/errno.h"
#include "pv-abi/xen.h"
#include "pv-abi/features.h"
#include "pv-abi/elfnote.h"
#include "pv-abi/version.h"
#include "pv-abi/memory.h"
#include "pv-abi/event_channel.h"
#include "pv-abi/grant_table.h"
#include "pv-abi/sched.h"
#include "pv-abi/vcpu.h"
#include "pv-abi/physdev.h"
#include "pv-abi/platform.h"
#include "pv-abi/callback.h"
#include "pv-abi/console.h"
#include "pv-abi/nmi.h"
#include "pv-abi/domctl.h"
#include "pv-abi/sysctl.h"
#include "abi_layout_asm.h"

	.section .rodata
	.balign 8
	.globl layout_asm_numbers
layout_asm_numbers:
	.quad ABI_ASM_NUMBERS

	.section .note.GNU-stack, "", @progbits
