// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/control/efi_runtime.c hypervisor/machine/efi_map.c tests/unit/sim/sim.c
//
// UEFI's services for dom0, on firmware of the test's own: what it is asked, what dom0's memory and
// structure hold afterwards, and what is refused before it is asked anything.

#include <string.h>

#include "suite.h"

#include "sim/sim.h"

#include "control/efi_runtime.h"
#include "cpu/cpu.h"
#include "domain/fpu.h"
#include "machine/efi.h"
#include "machine/efi_map.h"
#include "pv-abi/errno.h"

struct efi_info efi_info;

static struct efi_buffer buffer;
static bool off;
static int taken, saved;

/* ---- the firmware ---- */

static u64 status;
static int error;
static unsigned calls;
static enum efi_service last;
static u64 arg[5];
static void (*perform)(void);

struct efi_buffer *efi_begin(void)
{
	if (off)
		return NULL;
	taken++;
	return &buffer;
}

void efi_end(void)
{
	taken--;
}

u64 efi_pointer(const void *p)
{
	CU_ASSERT_TRUE((const u8 *)p >= (u8 *)&buffer && (const u8 *)p < (u8 *)(&buffer + 1));
	return (u64)p;
}

int efi_call(enum efi_service s, const u64 args[5], u64 *st)
{
	CU_ASSERT_EQUAL(taken, 1);
	CU_ASSERT_EQUAL(saved, 1);
	calls++;
	last = s;
	memcpy(arg, args, sizeof(arg));
	if (perform && !error)
		perform();
	*st = status;
	return error;
}

void fpu_save(struct vcpu *v)
{
	CU_ASSERT_PTR_EQUAL(v, sim_current);
	saved++;
}

void fpu_restore(struct vcpu *v)
{
	CU_ASSERT_PTR_EQUAL(v, sim_current);
	saved--;
}

/* ---- dom0 ---- */

static struct xenpf_efi_runtime_call op;
static u16 name[EFI_NAME_MAX + 8];
static u8 data[EFI_DATA_MAX + 64];

static void clean(void)
{
	sim_reset();
	sim_current = sim_domain(0, 1, true)->vcpu[0];
	memset(&op, 0, sizeof(op));
	memset(&buffer, 0xdd, sizeof(buffer));
	memset(name, 0, sizeof(name));
	memset(data, 0x11, sizeof(data));
	memset(&efi_info, 0, sizeof(efi_info));
	efi_info.present = true;
	memset(&efi_map, 0, sizeof(efi_map));
	off = false;
	status = 0;
	error = 0;
	calls = 0;
	perform = NULL;
	name[0] = 'B';
	name[1] = 'o';
}

static int ask(u32 function)
{
	int ret;

	op.function = function;
	ret = efi_runtime_call(&op);
	CU_ASSERT_EQUAL(taken, 0);
	CU_ASSERT_EQUAL(saved, 0);
	return ret;
}

TEST(test_none, "no firmware, no such service")
{
	for (u32 f = 0; f < 16; f++) {
		off = false;
		if (f == 0 || f > XEN_EFI_query_variable_info)
			CU_ASSERT_EQUAL(ask(f), -EOPNOTSUPP);
		off = true;
		CU_ASSERT_EQUAL(ask(f), -EOPNOTSUPP);
	}
	CU_ASSERT_EQUAL(ask(~0U), -EOPNOTSUPP);
	efi_info.present = off = false;
	CU_ASSERT_EQUAL(ask(XEN_EFI_get_time), -ENOSYS);
	CU_ASSERT_EQUAL(calls, 0);
}

static void fill_variable(void)
{
	memcpy((void *)arg[4], "hello", 5);
	*(u64 *)arg[3] = 5;
	*(u32 *)arg[2] = 7;
}

static void too_small(void)
{
	*(u64 *)arg[3] = 500;
}

static void larger_than_all(void)
{
	*(u64 *)arg[3] = EFI_DATA_MAX + 1;
}

static void get(u64 size)
{
	memset(&op, 0, sizeof(op));
	op.u.get_variable.name = (u64)name;
	op.u.get_variable.data = (u64)data;
	op.u.get_variable.size = size;
	op.u.get_variable.vendor_guid.data1 = 0x12345678;
}

TEST(test_get_variable, "get_variable")
{
	get(100);
	perform = fill_variable;
	CU_ASSERT_EQUAL(ask(XEN_EFI_get_variable), 0);
	CU_ASSERT_TRUE(last == EFI_GET_VARIABLE && !memcmp((void *)arg[0], name, 6));
	CU_ASSERT_TRUE(*(u32 *)arg[1] == 0x12345678);
	CU_ASSERT_TRUE(op.status == 0 && op.misc == 7 && op.u.get_variable.size == 5);
	CU_ASSERT_TRUE(!memcmp(data, "hello\x11", 6));
	/* How large is it? Nothing is written. */
	get(0);
	memset(data, 0x11, sizeof(data));
	perform = too_small;
	status = EFI_BUFFER_TOO_SMALL;
	CU_ASSERT_EQUAL(ask(XEN_EFI_get_variable), 0);
	CU_ASSERT_TRUE(op.status == EFI_BUFFER_TOO_SMALL && op.u.get_variable.size == 500);
	CU_ASSERT_TRUE(op.misc == 0 && data[0] == 0x11);
	/* More than will ever fit. */
	get(~0ULL);
	perform = larger_than_all;
	CU_ASSERT_EQUAL(ask(XEN_EFI_get_variable), 0);
	CU_ASSERT_TRUE(op.status == EFI_OUT_OF_RESOURCES && op.u.get_variable.size == ~0ULL);
	/* The firmware was told of no more room than there is. */
	get(~0ULL);
	perform = NULL;
	status = EFI_INVALID_PARAMETER;
	CU_ASSERT_EQUAL(ask(XEN_EFI_get_variable), 0);
	CU_ASSERT_TRUE(*(u64 *)arg[3] == EFI_DATA_MAX && op.status == EFI_INVALID_PARAMETER);
	/* Firmware that says more than it was given room for. */
	get(3);
	perform = larger_than_all;
	status = 0;
	CU_ASSERT_EQUAL(ask(XEN_EFI_get_variable), 0);
	CU_ASSERT_TRUE(op.u.get_variable.size == 3 && data[2] == 'l' && data[3] == 0x11);
}

TEST(test_bad_memory, "names without an end, memory that is not there")
{
	get(100);
	for (unsigned i = 0; i < ARRAY_SIZE(name); i++)
		name[i] = 'x';
	CU_ASSERT_EQUAL(ask(XEN_EFI_get_variable), -EINVAL);
	CU_ASSERT_EQUAL(ask(XEN_EFI_set_variable), -EINVAL);
	name[EFI_NAME_MAX - 1] = 0;
	CU_ASSERT_EQUAL(calls, 0);
	CU_ASSERT_EQUAL(ask(XEN_EFI_get_variable), 0);
	op.u.get_variable.name = 16;
	CU_ASSERT_EQUAL(ask(XEN_EFI_get_variable), -EFAULT);
	CU_ASSERT_EQUAL(ask(XEN_EFI_set_variable), -EFAULT);
	CU_ASSERT_EQUAL(calls, 1);
	/* The answer has no place: the call was made. */
	get(100);
	perform = fill_variable;
	op.u.get_variable.data = 16;
	CU_ASSERT_EQUAL(ask(XEN_EFI_get_variable), -EFAULT);
	/* A value that is not there: it was not. */
	calls = 0;
	CU_ASSERT_EQUAL(ask(XEN_EFI_set_variable), -EFAULT);
	CU_ASSERT_EQUAL(calls, 0);
}

TEST(test_set_variable, "set_variable")
{
	get(11);
	op.misc = 7;
	memcpy(data, "something", 10);
	CU_ASSERT_EQUAL(ask(XEN_EFI_set_variable), 0);
	CU_ASSERT_TRUE(last == EFI_SET_VARIABLE && arg[2] == 7 && arg[3] == 11);
	CU_ASSERT_TRUE(!memcmp((void *)arg[4], data, 11) && !memcmp((void *)arg[0], name, 6));
	/* Deleting: nothing is read. */
	get(0);
	op.u.set_variable.data = 0;
	CU_ASSERT_EQUAL(ask(XEN_EFI_set_variable), 0);
	CU_ASSERT_EQUAL(arg[3], 0);
	get(EFI_DATA_MAX);
	CU_ASSERT_EQUAL(ask(XEN_EFI_set_variable), 0);
	CU_ASSERT_EQUAL(op.status, 0);
	calls = 0;
	get(EFI_DATA_MAX + 1);
	CU_ASSERT_EQUAL(ask(XEN_EFI_set_variable), 0);
	CU_ASSERT_TRUE(op.status == EFI_OUT_OF_RESOURCES && !calls);
	get(1);
	error = -EIO;
	CU_ASSERT_EQUAL(ask(XEN_EFI_set_variable), -EIO);
}

static void next_name(void)
{
	memcpy((void *)arg[1], u"Next", 10);
	*(u64 *)arg[0] = 10;
	((u8 *)arg[2])[0] = 0x99;
}

TEST(test_next_name, "get_next_variable_name")
{
	op.u.get_next_variable_name.name = (u64)name;
	op.u.get_next_variable_name.size = 1024;
	perform = next_name;
	CU_ASSERT_EQUAL(ask(XEN_EFI_get_next_variable_name), 0);
	CU_ASSERT_TRUE(*(u64 *)arg[0] == 10 && op.u.get_next_variable_name.size == 10);
	CU_ASSERT_TRUE(!memcmp(name, u"Next", 10));
	CU_ASSERT_EQUAL(op.u.get_next_variable_name.vendor_guid.data1 & 0xff, 0x99);
	/* The name that it goes on from has to end in the room that there is. */
	op.u.get_next_variable_name.size = 8;
	CU_ASSERT_EQUAL(ask(XEN_EFI_get_next_variable_name), -EINVAL);
	op.u.get_next_variable_name.size = 0;
	CU_ASSERT_EQUAL(ask(XEN_EFI_get_next_variable_name), -EINVAL);
	/* Firmware that writes a longer one than it may: no more than that reaches dom0. */
	name[0] = 0;
	name[1] = name[2] = name[3] = name[4] = 0x7777;
	op.u.get_next_variable_name.size = 4;
	CU_ASSERT_EQUAL(ask(XEN_EFI_get_next_variable_name), 0);
	CU_ASSERT_TRUE(name[0] == 'N' && name[1] == 'e' && name[2] == 0x7777);
	/* No more of them. */
	name[0] = 0;
	op.u.get_next_variable_name.size = 1024;
	status = EFI_ERROR_BIT | 14;
	CU_ASSERT_EQUAL(ask(XEN_EFI_get_next_variable_name), 0);
	CU_ASSERT_TRUE(op.status == status && name[0] == 0);
}

static void give_info(void)
{
	*(u64 *)arg[1] = 1000;
	*(u64 *)arg[2] = 600;
	*(u64 *)arg[3] = 50;
}

TEST(test_query, "query_variable_info")
{
	perform = give_info;
	op.u.query_variable_info.attr = 7;
	CU_ASSERT_EQUAL(ask(XEN_EFI_query_variable_info), 0);
	CU_ASSERT_EQUAL(arg[0], 7);
	CU_ASSERT_TRUE(op.u.query_variable_info.max_store_size == 1000 &&
		       op.u.query_variable_info.remain_store_size == 600 &&
		       op.u.query_variable_info.max_size == 50);
	op.misc = 2;
	CU_ASSERT_EQUAL(ask(XEN_EFI_query_variable_info), -EINVAL);
}

static const struct efi_time when = { 2026, 11, 30, 12, 34, 56, 0, 789, -60, 1, 0 };

static void give_when(void)
{
	if (last == EFI_GET_TIME) {
		memcpy((void *)arg[0], &when, sizeof(when));
		memset((void *)arg[1], 1, sizeof(buffer.time_capabilities));
	} else {
		*(u8 *)arg[0] = 1;
		*(u8 *)arg[1] = 1;
		memcpy((void *)arg[2], &when, sizeof(when));
	}
}

TEST(test_time, "the clock and its alarm")
{
	struct xenpf_efi_time t;

	perform = give_when;
	CU_ASSERT_EQUAL(ask(XEN_EFI_get_time), 0);
	t = op.u.get_time.time;
	CU_ASSERT_TRUE(t.year == 2026 && t.month == 11 && t.day == 30 && t.hour == 12 &&
		       t.min == 34 && t.sec == 56 && t.ns == 789 && t.tz == -60 && t.daylight == 1);
	CU_ASSERT_TRUE(op.misc == XEN_EFI_GET_TIME_SET_CLEARS_NS &&
		       op.u.get_time.resolution == 0x01010101);
	op.misc = 0;
	CU_ASSERT_EQUAL(ask(XEN_EFI_get_wakeup_time), 0);
	CU_ASSERT_EQUAL(op.misc, 3);
	CU_ASSERT_EQUAL(op.u.get_wakeup_time.year, 2026);
	perform = NULL;
	op.misc = 0;
	op.u.set_time = t;
	CU_ASSERT_EQUAL(ask(XEN_EFI_set_time), 0);
	CU_ASSERT_TRUE(!memcmp((void *)arg[0], &when, sizeof(when)));
	op.misc = XEN_EFI_SET_WAKEUP_TIME_ENABLE;
	op.u.set_wakeup_time = t;
	CU_ASSERT_EQUAL(ask(XEN_EFI_set_wakeup_time), 0);
	CU_ASSERT_TRUE(arg[0] == 1 && !memcmp((void *)arg[1], &when, sizeof(when)));
	CU_ASSERT_EQUAL(op.misc, 0);
	op.misc = XEN_EFI_SET_WAKEUP_TIME_ENABLE | XEN_EFI_SET_WAKEUP_TIME_ENABLE_ONLY;
	CU_ASSERT_EQUAL(ask(XEN_EFI_set_wakeup_time), 0);
	CU_ASSERT_TRUE(arg[0] == 1 && arg[1] == 0);
	op.misc = 4;
	CU_ASSERT_EQUAL(ask(XEN_EFI_set_wakeup_time), -EINVAL);
	op.misc = 1;
	CU_ASSERT_EQUAL(ask(XEN_EFI_get_time), -EINVAL);
	CU_ASSERT_EQUAL(ask(XEN_EFI_set_time), -EINVAL);
	CU_ASSERT_EQUAL(ask(XEN_EFI_get_wakeup_time), -EINVAL);
	CU_ASSERT_EQUAL(ask(XEN_EFI_get_next_high_monotonic_count), -EINVAL);
	CU_ASSERT_EQUAL(ask(XEN_EFI_get_variable), -EINVAL);
	CU_ASSERT_EQUAL(ask(XEN_EFI_get_next_variable_name), -EINVAL);
}

static void count_on(void)
{
	*(u32 *)arg[0] = 42;
}

TEST(test_count, "get_next_high_monotonic_count")
{
	perform = count_on;
	CU_ASSERT_EQUAL(ask(XEN_EFI_get_next_high_monotonic_count), 0);
	CU_ASSERT_EQUAL(op.misc, 42);
	op.misc = 0;
	status = EFI_ERROR_BIT | 7;
	CU_ASSERT_EQUAL(ask(XEN_EFI_get_next_high_monotonic_count), 0);
	CU_ASSERT_TRUE(op.misc == 0 && op.status == status);
}

TEST(test_info, "what the firmware is")
{
	struct xenpf_firmware_info f = { .type = XEN_FW_EFI_INFO };
	struct efi_descriptor d = { 5, 0, 0x100000, 0, 4, EFI_MEMORY_RUNTIME };
	u16 text[8] = { 9, 9, 9, 9, 9, 9, 9, 9 };

	efi_info.present = false;
	CU_ASSERT_EQUAL(efi_firmware_info(&f), -ENOSYS);
	efi_info.present = true;
	efi_info.revision = 0x20046;
	efi_info.config_table = 0x5000;
	efi_info.nr_config = 9;
	efi_info.firmware_revision = 3;
	memcpy(efi_info.vendor, u"EDK II", 14);
	efi_map_keep(&d, sizeof(d), sizeof(d));
	CU_ASSERT_EQUAL(efi_firmware_info(&f), 0);
	CU_ASSERT_EQUAL(f.u.efi_info.version, 0x20046);
	f.index = XEN_FW_EFI_RT_VERSION;
	CU_ASSERT_EQUAL(efi_firmware_info(&f), -EOPNOTSUPP);
	efi_info.runtime_revision = 0x20000;
	CU_ASSERT_EQUAL(efi_firmware_info(&f), 0);
	CU_ASSERT_EQUAL(f.u.efi_info.version, 0x20000);
	f.index = XEN_FW_EFI_CONFIG_TABLE;
	CU_ASSERT_EQUAL(efi_firmware_info(&f), 0);
	CU_ASSERT_TRUE(f.u.efi_info.cfg.addr == 0x5000 && f.u.efi_info.cfg.nent == 9);
	f.index = XEN_FW_EFI_VENDOR;
	f.u.efi_info.vendor.name = (u64)text;
	f.u.efi_info.vendor.bufsz = 7; /* three characters, the end being one */
	CU_ASSERT_EQUAL(efi_firmware_info(&f), 0);
	CU_ASSERT_TRUE(text[0] == 'E' && text[1] == 'D' && text[2] == 0 && text[3] == 9);
	CU_ASSERT_EQUAL(f.u.efi_info.vendor.revision, 3);
	f.u.efi_info.vendor.bufsz = 16;
	CU_ASSERT_EQUAL(efi_firmware_info(&f), 0);
	CU_ASSERT_TRUE(!memcmp(text, u"EDK II", 14) && text[7] == 9);
	f.u.efi_info.vendor.name = 16;
	CU_ASSERT_EQUAL(efi_firmware_info(&f), -EFAULT);
	f.u.efi_info.vendor.bufsz = 1;
	CU_ASSERT_EQUAL(efi_firmware_info(&f), 0);
	f.index = XEN_FW_EFI_MEM_INFO;
	f.u.efi_info.mem.addr = 0x101000;
	f.u.efi_info.mem.size = ~0ULL;
	CU_ASSERT_EQUAL(efi_firmware_info(&f), 0);
	CU_ASSERT_TRUE(f.u.efi_info.mem.type == 5 && f.u.efi_info.mem.size == 0x3000 &&
		       f.u.efi_info.mem.attr == EFI_MEMORY_RUNTIME);
	f.u.efi_info.mem.addr = 0x104000;
	CU_ASSERT_EQUAL(efi_firmware_info(&f), -ESRCH);
	f.index = XEN_FW_EFI_PCI_ROM;
	CU_ASSERT_EQUAL(efi_firmware_info(&f), -ESRCH);
	f.index = XEN_FW_EFI_APPLE_PROPERTIES;
	CU_ASSERT_EQUAL(efi_firmware_info(&f), -ENODATA);
	f.index = 7;
	CU_ASSERT_EQUAL(efi_firmware_info(&f), -EINVAL);
}

SUITE("efi_runtime", .begin = clean)
