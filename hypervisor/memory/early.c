// SPDX-License-Identifier: GPL-2.0-or-later
#include "cpu/layout.h"
#include "lib/printk.h"
#include "memory/early.h"

/* Free ranges, sorted, disjoint, whole frames. Boot CPU only. */
static struct {
	paddr_t start, end;
} ranges[EARLY_RANGES];
static unsigned nr_ranges;
static paddr_t limit = MAPPED_AT_BOOT;

static void range_insert(unsigned at, paddr_t start, paddr_t end)
{
	if (nr_ranges == EARLY_RANGES)
		panic("The memory map has more than %d pieces of RAM\n", EARLY_RANGES);
	for (unsigned i = nr_ranges; i > at; i--)
		ranges[i] = ranges[i - 1];
	ranges[at].start = start;
	ranges[at].end = end;
	nr_ranges++;
}

static void range_drop(unsigned at)
{
	nr_ranges--;
	for (unsigned i = at; i < nr_ranges; i++)
		ranges[i] = ranges[i + 1];
}

void early_ranges_add(paddr_t start, paddr_t end)
{
	unsigned at = 0;

	start = ALIGN_UP(start, PAGE_SIZE);
	end = ALIGN_DOWN(end, PAGE_SIZE);
	if (start >= end)
		return;
	while (at < nr_ranges && ranges[at].start < start)
		at++;
	range_insert(at, start, end);
}

void early_ranges_reserve(paddr_t start, paddr_t end)
{
	unsigned i = 0;

	start = ALIGN_DOWN(start, PAGE_SIZE);
	end = ALIGN_UP(end, PAGE_SIZE);
	while (i < nr_ranges) {
		paddr_t s = ranges[i].start, e = ranges[i].end;

		if (e <= start || s >= end) {
			i++;
			continue;
		}
		if (s >= start && e <= end) {
			range_drop(i);
			continue;
		}
		if (s < start && e > end) {
			ranges[i].end = start;
			range_insert(i + 1, end, e);
			return;
		}
		if (s < start)
			ranges[i].end = start;
		else
			ranges[i].start = end;
		i++;
	}
}

void early_end(paddr_t end)
{
	limit = end;
}

paddr_t early_alloc(u64 frames, u64 align_frames)
{
	u64 size = frames << PAGE_SHIFT, align = align_frames << PAGE_SHIFT;

	for (unsigned i = nr_ranges; i-- > 0;) {
		paddr_t end = min(ranges[i].end, limit), at;

		if (end < ranges[i].start || end - ranges[i].start < size)
			continue;
		at = ALIGN_DOWN(end - size, align);
		if (at < ranges[i].start)
			continue;
		early_ranges_reserve(at, at + size);
		return at;
	}
	panic("Not enough memory to start: %llu KiB wanted below %llu MiB\n",
	      (unsigned long long)size >> 10, (unsigned long long)limit >> 20);
}

void early_ranges_drain(void (*fn)(paddr_t start, paddr_t end))
{
	for (unsigned i = 0; i < nr_ranges; i++)
		fn(ranges[i].start, ranges[i].end);
	nr_ranges = 0;
}
