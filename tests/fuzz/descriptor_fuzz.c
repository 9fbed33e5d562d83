// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/pv/descriptor.c
// options: -max_len=4200
//
// Segment descriptors, one by one and as a page. The oracle is a second opinion, written from Intel
// SDM vol. 3A, 3.4.5 and 3.5: what of a descriptor can be loaded, and what it would give.

#include "tests/fuzz/fuzz.h"

#include "pv/descriptor.h"

struct seen {
	bool present, segment, code, wide;
	unsigned dpl, type;
};

static struct seen look(u64 d)
{
	const u8 *b = (const u8 *)&d;

	return (struct seen){
		.present = b[5] & 0x80, .segment = b[5] & 0x10, .code = b[5] & 0x08,
		.wide = b[6] & 0x20,
		.dpl = b[5] >> 5 & 3, .type = b[5] & 15,
	};
}

/* May a guest whose kernel runs in `ring` hold it? Every way to load it is considered. */
static bool harmless(u64 d, unsigned ring)
{
	struct seen s = look(d);

	if (!s.present)
		return true;
	if (!s.segment)
		return s.type == 0;
	if (ring == 1 && s.code && s.wide)
		return false;
	return s.dpl >= ring;
}

/* What the guest asked for, but for a DPL that is too low: can it have it? */
static bool mendable(u64 d, unsigned ring)
{
	((u8 *)&d)[5] |= (u8)(ring << 5);
	return harmless(d, ring);
}

static void check_one(u64 d, bool narrow)
{
	unsigned ring = narrow ? 1 : 3;
	u64 out = d, again;
	bool ok = descriptor_fix(&out, narrow);

	fuzz_say("descriptor %016lx, ring %u: %d, %016lx\n", d, ring, ok, out);
	FUZZ_CHECK(ok == (harmless(d, ring) || mendable(d, ring)), "descriptor %lx", d);
	if (!ok)
		return;
	FUZZ_CHECK(harmless(out, ring), "descriptor %lx becomes %lx", d, out);
	FUZZ_CHECK(!((d ^ out) & ~(3ULL << 45)), "descriptor %lx becomes %lx", d, out);
	FUZZ_CHECK(!harmless(d, ring) || d == out, "descriptor %lx becomes %lx", d, out);
	again = out;
	FUZZ_CHECK(descriptor_fix(&again, narrow) && again == out, "descriptor %lx", out);
}

static void check_page(const u8 *data, size_t size, bool narrow)
{
	static u64 page[DESCRIPTORS_PER_PAGE], was[DESCRIPTORS_PER_PAGE];
	unsigned bad = DESCRIPTORS_PER_PAGE;

	memset(page, 0, sizeof(page));
	memcpy(page, data, size < sizeof(page) ? size : sizeof(page));
	memcpy(was, page, sizeof(was));
	for (unsigned i = DESCRIPTORS_PER_PAGE; i--;) {
		u64 d = page[i];

		if (!descriptor_fix(&d, narrow))
			bad = i;
	}
	FUZZ_CHECK(descriptor_page_fix(page, narrow) == (bad == DESCRIPTORS_PER_PAGE),
		   "first bad one: %u", bad);
	for (unsigned i = 0; i < DESCRIPTORS_PER_PAGE; i++) {
		u64 d = was[i];

		if (i < bad)
			(void)descriptor_fix(&d, narrow);
		FUZZ_CHECK(page[i] == d, "descriptor %u of a page", i);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	bool narrow = fuzz_u8(&in) & 1;

	check_page(in.p, in.left, narrow);
	while (fuzz_more(&in))
		check_one(fuzz_u64(&in), narrow);
	return 0;
}
