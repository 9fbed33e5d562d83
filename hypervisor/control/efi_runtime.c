// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * UEFI's runtime services for dom0. What a service's pointers lead to is the one buffer that the
 * firmware's root maps (machine/efi.h): everything is copied in, and out again.
 */
#include "control/efi_runtime.h"

#include "cpu/cpu.h"
#include "domain/domain.h"
#include "domain/fpu.h"
#include "domain/guest_access.h"
#include "lib/string.h"
#include "machine/efi.h"
#include "machine/efi_map.h"
#include "pv-abi/errno.h"

static int vendor_info(union xenpf_efi_info *info)
{
	u32 length = 0, room = info->vendor.bufsz / 2;

	while (efi_info.vendor[length])
		length++;
	info->vendor.revision = efi_info.firmware_revision;
	/* As much as there is room for, and always an end. */
	if (room) {
		u16 end = 0;

		length = min(length, room - 1);
		if (copy_to_guest(info->vendor.name, efi_info.vendor, length * 2UL) ||
		    put_guest_elem(end, info->vendor.name, length))
			return -EFAULT;
	}
	return 0;
}

/* The firmware's own words for the region of an address, from there on. */
static int memory_info(union xenpf_efi_info *info)
{
	const struct efi_descriptor *d = efi_map_find(info->mem.addr);

	if (!d)
		return -ESRCH;
	info->mem.size = min(info->mem.size, d->start + (d->pages << PAGE_SHIFT) - info->mem.addr);
	info->mem.type = d->type;
	info->mem.attr = d->attributes;
	return 0;
}

int efi_firmware_info(struct xenpf_firmware_info *op)
{
	union xenpf_efi_info *info = &op->u.efi_info;

	if (!efi_info.present)
		return -ENOSYS;
	switch (op->index) {
	case XEN_FW_EFI_VERSION:
		info->version = efi_info.revision;
		return 0;
	case XEN_FW_EFI_RT_VERSION:
		if (!efi_info.runtime_revision)
			return -EOPNOTSUPP;
		info->version = efi_info.runtime_revision;
		return 0;
	case XEN_FW_EFI_CONFIG_TABLE:
		info->cfg.addr = efi_info.config_table;
		info->cfg.nent = efi_info.nr_config;
		return 0;
	case XEN_FW_EFI_VENDOR:
		return vendor_info(info);
	case XEN_FW_EFI_MEM_INFO:
		return memory_info(info);
	case XEN_FW_EFI_PCI_ROM: /* these two were kept by loaders that we are not started by */
		return -ESRCH;
	case XEN_FW_EFI_APPLE_PROPERTIES:
		return -ENODATA;
	default:
		return -EINVAL;
	}
}

/*
 * A name of UCS-2 characters up to its 0, of at most `room`, into the buffer. -EINVAL: it has no
 * end there.
 */
static int take_name(struct efi_buffer *b, vaddr_t from, u64 room)
{
	room = min(room, (u64)EFI_NAME_MAX);
	for (u64 i = 0; i < room; i++) {
		if (get_guest_elem(b->name[i], from, i))
			return -EFAULT;
		if (!b->name[i])
			return 0;
	}
	return -EINVAL;
}

static void take_guid(struct efi_buffer *b, const struct xenpf_efi_guid *g)
{
	memcpy(&b->guid, g, sizeof(b->guid));
}

static void take_time(struct efi_buffer *b, const struct xenpf_efi_time *t)
{
	b->time = (struct efi_time){
		.year = t->year, .month = t->month, .day = t->day, .hour = t->hour,
		.minute = t->min, .second = t->sec, .nanosecond = t->ns, .zone = t->tz,
		.daylight = t->daylight,
	};
}

static void give_time(const struct efi_buffer *b, struct xenpf_efi_time *t)
{
	t->year = b->time.year;
	t->month = b->time.month;
	t->day = b->time.day;
	t->hour = b->time.hour;
	t->min = b->time.minute;
	t->sec = b->time.second;
	t->ns = b->time.nanosecond;
	t->tz = b->time.zone;
	t->daylight = b->time.daylight;
}

/* dom0's FPU state is the price of a call: the firmware may use what it likes. */
static int call(enum efi_service s, struct xenpf_efi_runtime_call *op, u64 a, u64 b, u64 c, u64 d,
		u64 e)
{
	const u64 args[5] = { a, b, c, d, e };
	u64 status = 0;
	int ret;

	fpu_save(current);
	ret = efi_call(s, args, &status);
	fpu_restore(current);
	op->status = status;
	return ret;
}

static u64 at(const void *in_buffer)
{
	return efi_pointer(in_buffer);
}

static int get_time(struct efi_buffer *b, struct xenpf_efi_runtime_call *op)
{
	int ret;

	if (op->misc)
		return -EINVAL;
	ret = call(EFI_GET_TIME, op, at(&b->time), at(&b->time_capabilities), 0, 0, 0);
	if (ret || op->status)
		return ret;
	give_time(b, &op->u.get_time.time);
	op->u.get_time.resolution = b->time_capabilities.resolution;
	op->u.get_time.accuracy = b->time_capabilities.accuracy;
	if (b->time_capabilities.sets_to_zero)
		op->misc |= XEN_EFI_GET_TIME_SET_CLEARS_NS;
	return 0;
}

static int set_time(struct efi_buffer *b, struct xenpf_efi_runtime_call *op)
{
	if (op->misc)
		return -EINVAL;
	take_time(b, &op->u.set_time);
	return call(EFI_SET_TIME, op, at(&b->time), 0, 0, 0, 0);
}

static int get_wakeup_time(struct efi_buffer *b, struct xenpf_efi_runtime_call *op)
{
	int ret;

	if (op->misc)
		return -EINVAL;
	ret = call(EFI_GET_WAKEUP_TIME, op, at(&b->flags[0]), at(&b->flags[1]), at(&b->time), 0, 0);
	if (ret || op->status)
		return ret;
	give_time(b, &op->u.get_wakeup_time);
	op->misc = (b->flags[0] ? XEN_EFI_GET_WAKEUP_TIME_ENABLED : 0) |
		   (b->flags[1] ? XEN_EFI_GET_WAKEUP_TIME_PENDING : 0);
	return 0;
}

static int set_wakeup_time(struct efi_buffer *b, struct xenpf_efi_runtime_call *op)
{
	bool enable = op->misc & XEN_EFI_SET_WAKEUP_TIME_ENABLE,
	     only = op->misc & XEN_EFI_SET_WAKEUP_TIME_ENABLE_ONLY;

	if (op->misc & ~(XEN_EFI_SET_WAKEUP_TIME_ENABLE | XEN_EFI_SET_WAKEUP_TIME_ENABLE_ONLY))
		return -EINVAL;
	take_time(b, &op->u.set_wakeup_time);
	op->misc = 0;
	return call(EFI_SET_WAKEUP_TIME, op, enable, only ? 0 : at(&b->time), 0, 0, 0);
}

static int get_next_high_monotonic_count(struct efi_buffer *b, struct xenpf_efi_runtime_call *op)
{
	int ret;

	if (op->misc)
		return -EINVAL;
	ret = call(EFI_GET_NEXT_HIGH_MONOTONIC_COUNT, op, at(&b->count), 0, 0, 0, 0);
	if (!ret && !op->status)
		op->misc = b->count;
	return ret;
}

static int get_variable(struct efi_buffer *b, struct xenpf_efi_runtime_call *op)
{
	u64 room = op->u.get_variable.size;
	int ret;

	if (op->misc)
		return -EINVAL;
	ret = take_name(b, op->u.get_variable.name, EFI_NAME_MAX);
	if (ret)
		return ret;
	take_guid(b, &op->u.get_variable.vendor_guid);
	b->size = min(room, (u64)EFI_DATA_MAX);
	b->attributes = 0;
	ret = call(EFI_GET_VARIABLE, op, at(b->name), at(&b->guid), at(&b->attributes),
		   at(&b->size), at(b->data));
	if (ret)
		return ret;
	/* Larger than the buffer: asking again with more room, as the status says, is no use. */
	if (op->status == EFI_BUFFER_TOO_SMALL && b->size > EFI_DATA_MAX)
		op->status = EFI_OUT_OF_RESOURCES;
	if (op->status && op->status != EFI_BUFFER_TOO_SMALL)
		return 0;
	if (!op->status) {
		b->size = min(b->size, min(room, (u64)EFI_DATA_MAX));
		if (copy_to_guest(op->u.get_variable.data, b->data, b->size))
			return -EFAULT;
		op->misc = b->attributes;
	}
	op->u.get_variable.size = b->size;
	return 0;
}

static int set_variable(struct efi_buffer *b, struct xenpf_efi_runtime_call *op)
{
	u64 size = op->u.set_variable.size;
	int ret = take_name(b, op->u.set_variable.name, EFI_NAME_MAX);

	if (ret)
		return ret;
	if (size > EFI_DATA_MAX) {
		op->status = EFI_OUT_OF_RESOURCES;
		return 0;
	}
	if (size && copy_from_guest(b->data, op->u.set_variable.data, size))
		return -EFAULT;
	take_guid(b, &op->u.set_variable.vendor_guid);
	return call(EFI_SET_VARIABLE, op, at(b->name), at(&b->guid), op->misc, size, at(b->data));
}

static int get_next_variable_name(struct efi_buffer *b, struct xenpf_efi_runtime_call *op)
{
	u64 room = min(op->u.get_next_variable_name.size, (u64)sizeof(b->name));
	int ret;

	if (op->misc)
		return -EINVAL;
	ret = take_name(b, op->u.get_next_variable_name.name, room / 2);
	if (ret)
		return ret;
	take_guid(b, &op->u.get_next_variable_name.vendor_guid);
	b->size = room;
	ret = call(EFI_GET_NEXT_VARIABLE_NAME, op, at(&b->size), at(b->name), at(&b->guid), 0, 0);
	if (ret)
		return ret;
	if (op->status == EFI_BUFFER_TOO_SMALL && b->size > sizeof(b->name))
		op->status = EFI_OUT_OF_RESOURCES;
	if (op->status && op->status != EFI_BUFFER_TOO_SMALL)
		return 0;
	if (!op->status) {
		b->size = min(b->size, room);
		if (copy_to_guest(op->u.get_next_variable_name.name, b->name, b->size))
			return -EFAULT;
		memcpy(&op->u.get_next_variable_name.vendor_guid, &b->guid, sizeof(b->guid));
	}
	op->u.get_next_variable_name.size = b->size;
	return 0;
}

/* A snapshot of the time before anything was set is nothing that we have: it is asked now. */
static int query_variable_info(struct efi_buffer *b, struct xenpf_efi_runtime_call *op)
{
	int ret;

	if (op->misc & ~XEN_EFI_VARINFO_BOOT_SNAPSHOT)
		return -EINVAL;
	ret = call(EFI_QUERY_VARIABLE_INFO, op, op->u.query_variable_info.attr, at(&b->numbers[0]),
		   at(&b->numbers[1]), at(&b->numbers[2]), 0);
	if (ret || op->status)
		return ret;
	op->u.query_variable_info.max_store_size = b->numbers[0];
	op->u.query_variable_info.remain_store_size = b->numbers[1];
	op->u.query_variable_info.max_size = b->numbers[2];
	return 0;
}

int efi_runtime_call(struct xenpf_efi_runtime_call *op)
{
	static int (*const functions[])(struct efi_buffer *, struct xenpf_efi_runtime_call *) = {
		[XEN_EFI_get_time] = get_time,
		[XEN_EFI_set_time] = set_time,
		[XEN_EFI_get_wakeup_time] = get_wakeup_time,
		[XEN_EFI_set_wakeup_time] = set_wakeup_time,
		[XEN_EFI_get_next_high_monotonic_count] = get_next_high_monotonic_count,
		[XEN_EFI_get_variable] = get_variable,
		[XEN_EFI_set_variable] = set_variable,
		[XEN_EFI_get_next_variable_name] = get_next_variable_name,
		[XEN_EFI_query_variable_info] = query_variable_info,
	};
	struct efi_buffer *b;
	int ret;

	if (!efi_info.present)
		return -ENOSYS;
	if (op->function >= ARRAY_SIZE(functions) || !functions[op->function])
		return -EOPNOTSUPP;
	b = efi_begin();
	if (!b)
		return -EOPNOTSUPP;
	ret = functions[op->function](b, op);
	efi_end();
	return ret;
}
