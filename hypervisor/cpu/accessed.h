/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_ACCESSED_H
#define ANNULUS_CPU_ACCESSED_H

#include "lib/string.h"
#include "lib/types.h"

/*
 * What a clear A bit is worth. Let an L1 entry be written with A clear, and let nobody clear A
 * afterwards. If A is still clear in the value that an atomic exchange takes out, no TLB has
 * anything that was loaded from the entry since it was written, and nothing has to be flushed for
 * it. What a TLB may have of the address from before is whoever's who took the entry before out
 * (pv/grant_pte.c says why that is never a mapping that has ended).
 *
 *   Intel, SDM vol. 3A, 4.10.2.3 "Details of TLB Use" (4.10.1.3 in old editions): a translation is
 *   not cached unless A is 1 in every entry that was used; the CPU sets what is not set before it
 *   caches. Prefetches and accesses on paths not taken are named in the same section: they fill as
 *   well, and are no exception. 4.10.4.3 "Optional Invalidation" draws the conclusion for a change
 *   from 0 to 1, if there was an invalidation the last time that A went from 1 to 0. 8.1.2.1: A and
 *   D are set by locked cycles, so either the exchange finds the bit or the walk finds the entry
 *   gone.
 *
 *   AMD, APM vol. 2, 5.4.2 "Page-Translation-Table Entry Fields": the processor sets A at the first
 *   read or write through the entry. 5.5.3 "TLB Management" (5.5.2 in old editions), "Speculative
 *   Caching of Address Translations": loading a translation on a path not taken sets A as well, if
 *   it is not set; if D would have to be set, it is not loaded at all. That it sets A by a locked
 *   cycle, before it uses the translation, is not said in these words: taken for granted, as all
 *   operating systems do that age pages by A on several CPUs.
 *
 * accessed_first() - do the manuals say so of this processor? `vendor`: CPUID leaf 0's EBX, EDX,
 * ECX. Nobody else's manual is known to (Hygon, Centaur, Zhaoxin), and the first Xeon Phis may set
 * A in entries that are gone already (their specification update, KNL4), the first of AMD's family
 * 10h may lose what they set (revision guide, erratum 298; mended in a stepping of model 2): not by
 * the book.
 */
static inline bool accessed_first(const u32 vendor[3], u32 family, u32 model)
{
	if (!memcmp(vendor, "AuthenticAMD", 12))
		return !(family == 0x10 && model <= 2);
	return !memcmp(vendor, "GenuineIntel", 12) &&
	       !(family == 6 && (model == 0x57 || model == 0x85));
}

#endif
