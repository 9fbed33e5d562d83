// SPDX-License-Identifier: LGPL-2.1-or-later
#include "image/start_info.h"

static void copy(char *to, const char *from, unsigned long n)
{
	while (n--)
		*to++ = *from++;
}

void start_info_narrow(struct compat_start_info *to, const struct wide_start_info *from)
{
	copy(to->magic, "xen-3.0-x86_32p", sizeof("xen-3.0-x86_32p"));
	to->nr_pages = (uint32_t)from->nr_pages;
	to->shared_info = (uint32_t)from->shared_info;
	to->flags = from->flags;
	to->store_mfn = (uint32_t)from->store_mfn;
	to->store_evtchn = from->store_evtchn;
	to->console.domU.mfn = (uint32_t)from->console.domU.mfn;
	to->console.domU.evtchn = from->console.domU.evtchn;
	to->pt_base = (uint32_t)from->pt_base;
	to->nr_pt_frames = (uint32_t)from->nr_pt_frames;
	to->mfn_list = (uint32_t)from->mfn_list;
	to->mod_start = (uint32_t)from->mod_start;
	to->mod_len = (uint32_t)from->mod_len;
	copy((char *)to->cmd_line, (const char *)from->cmd_line, sizeof(to->cmd_line));
	if (!(from->flags & SIF_INITDOMAIN))
		return;
	to->console.dom0.info_off = 0;
	to->console.dom0.info_size = from->console.dom0.info_size;
	if (!from->console.dom0.info_size)
		return;
	to->console.dom0.info_off = sizeof(*to);
	copy((char *)(to + 1), (const char *)from + from->console.dom0.info_off,
	     from->console.dom0.info_size);
}
