/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MACHINE_EFI_H
#define ANNULUS_MACHINE_EFI_H

#include "lib/types.h"

/*
 * UEFI firmware's runtime services (UEFI 2.10, chapter 8), called where they lie: the firmware is
 * never told of virtual addresses (SetVirtualAddressMap), so its pointers are machine addresses.
 * Each call runs on a root of its own, on which all that the firmware wants at run time is mapped
 * one to one, beside our own slots; interrupts are off, one CPU at a time is in it. A fault inside
 * ends the call, and the services are off from then on.
 */
struct regs;

/* What the system table says, copied at boot; all 0 where there is none. */
struct efi_info {
	bool present;
	u32 revision, runtime_revision, firmware_revision;
	u64 config_table; /* machine address */
	u32 nr_config;
	u16 vendor[64];   /* UCS-2, ends with 0 */
};
extern struct efi_info efi_info;

/* In the order of EFI_RUNTIME_SERVICES (8.1), behind its header. */
enum efi_service {
	EFI_GET_TIME,
	EFI_SET_TIME,
	EFI_GET_WAKEUP_TIME,
	EFI_SET_WAKEUP_TIME,
	EFI_SET_VIRTUAL_ADDRESS_MAP,
	EFI_CONVERT_POINTER,
	EFI_GET_VARIABLE,
	EFI_GET_NEXT_VARIABLE_NAME,
	EFI_SET_VARIABLE,
	EFI_GET_NEXT_HIGH_MONOTONIC_COUNT,
	EFI_RESET_SYSTEM,
	EFI_UPDATE_CAPSULE,
	EFI_QUERY_CAPSULE_CAPABILITIES,
	EFI_QUERY_VARIABLE_INFO,
	EFI_SERVICES
};

#define EFI_ERROR_BIT         BIT(63)
#define EFI_SUCCESS           0ULL
#define EFI_INVALID_PARAMETER (EFI_ERROR_BIT | 2)
#define EFI_BUFFER_TOO_SMALL  (EFI_ERROR_BIT | 5)
#define EFI_OUT_OF_RESOURCES  (EFI_ERROR_BIT | 9)

/* UEFI 2.10, 8.3.1 */
struct efi_time {
	u16 year;
	u8 month, day, hour, minute, second, pad1;
	u32 nanosecond;
	s16 zone; /* minutes */
	u8 daylight, pad2;
};
_Static_assert(sizeof(struct efi_time) == 16, "UEFI 2.10, 8.3.1");

struct efi_guid {
	u8 b[16];
};

/*
 * What a call's pointers lead to: memory that is mapped one to one as well. It is whoever's that
 * has taken it by efi_begin(), and holds what the last call left.
 */
#define EFI_NAME_MAX 1024 /* characters, the 0 at the end among them */
#define EFI_DATA_MAX 0x1e000
struct efi_buffer {
	u16 name[EFI_NAME_MAX];
	struct efi_guid guid;
	struct efi_time time;
	u64 size, numbers[3];
	u32 attributes, count;
	u8 flags[4];
	struct {
		u32 resolution, accuracy;
		u8 sets_to_zero;
	} time_capabilities;
	u8 data[EFI_DATA_MAX];
};
_Static_assert(sizeof(struct efi_buffer) <= 0x20000, "what one allocation has room for");

/*
 * Boot: what the boot loader handed over, while memory is as the firmware left it (before
 * paging_init()); then, with a heap, what the calls need. One line in the log says what there is.
 */
void efi_keep_tables(paddr_t system_table);
void efi_init(void);

/*
 * efi_begin() - take the services and their buffer. NULL, with nothing taken, if there are none
 * (any more). Interrupts on; not while any other lock is held, and no other is taken before
 * efi_end().
 */
struct efi_buffer *efi_begin(void);
void efi_end(void);

/*
 * efi_call() - one service, between the two. Arguments are numbers or pointers into the buffer as
 * efi_pointer() gives them. The FPU's state is lost: the caller has saved it. *status is the
 * service's. 0; -EOPNOTSUPP: the firmware does not have this one; -EIO: it faulted, and is off.
 */
int efi_call(enum efi_service s, const u64 args[5], u64 *status);
u64 efi_pointer(const void *in_buffer);

/*
 * For the two ways out of a machine that has no better: reset (or switch off) by the firmware.
 * Returns if it did not. Any context, interrupts off; locks are not asked.
 */
void efi_reset(bool power_off);

/*
 * A fault in ring 0, on this CPU: true if it was the firmware's, and r leads out of the call now.
 */
bool efi_fault(struct regs *r);

#endif
