/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_TESTS_UNIT_FIRMWARE_H
#define ANNULUS_TESTS_UNIT_FIRMWARE_H

/*
 * The firmware's memory, of PHYS_SIZE bytes, which whoever includes this has defined. Each mapping
 * is a copy of its own, so that the sanitizers see a step beyond it.
 */
static u8 phys[PHYS_SIZE];
static void *maps[4096];
static unsigned nr_maps;

void *map_firmware(paddr_t pa, size_t len)
{
	void *p;

	if (pa >= PHYS_SIZE || len > PHYS_SIZE - pa || nr_maps == ARRAY_SIZE(maps))
		return NULL;
	p = malloc(len);
	if (!p)
		abort();
	memcpy(p, phys + pa, len);
	maps[nr_maps++] = p;
	return p;
}

static void unmap_all(void)
{
	while (nr_maps)
		free(maps[--nr_maps]);
}

#endif
