// SPDX-License-Identifier: GPL-2.0-or-later
#include "boot/start_domains.h"
#include "boot/multiboot.h"
#include "control/audit.h"
#include "control/control.h"
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "hvm/hvm.h"
#include "image/build.h"
#include "image/pvh_acpi.h"
#include "lib/cmdline.h"
#include "lib/latency.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "machine/power.h"
#include "machine/timer.h"
#include "memory/heap.h"
#include "pv-abi/errno.h"

static char opt_dom0_mem[64];
static u64 opt_dom0_max_vcpus;
OPTION_STRING("dom0_mem", opt_dom0_mem);
OPTION_U64("dom0_max_vcpus", opt_dom0_max_vcpus);

#define BOOT_DOMAINS_MAX 48
#define BOOT_DOMU_MEM	 (32ULL << 20)

/* What runs after the init sections are gone. Written at boot only. */
static struct domain *started[BOOT_DOMAINS_MAX];
static unsigned nr_started, nr_unprivileged;

/* dom0_mem=SIZE or a list of min:SIZE, max:SIZE and SIZE. Bytes; 0 where nothing is said. */
static const char *__init parse_dom0_mem(u64 *size, u64 *least, u64 *most)
{
	const char *p = opt_dom0_mem;

	*size = *least = *most = 0;
	while (*p) {
		u64 *out = size, v;

		if (!strncmp(p, "min:", 4)) {
			out = least;
			p += 4;
		} else if (!strncmp(p, "max:", 4)) {
			out = most;
			p += 4;
		}
		if (!parse_size(p, &p, &v) || (*p && *p != ','))
			return "dom0_mem= takes sizes such as 512M or 1G,max:2G";
		/* Xen's rule, kept: a number without a unit is KiB. */
		*out = (p[-1] >= '0' && p[-1] <= '9') ? v << 10 : v;
		p += *p == ',';
	}
	return NULL;
}

static struct domain *__init create(domid_t id, const char *name, u32 vcpus, bool privileged,
				    bool hvm)
{
	struct domain_config cfg = {
		.max_vcpus = vcpus,
		.max_ports = ~0U,
		.max_grant_frames = 64,
		.max_maptrack_frames = 1024,
		.privileged = privileged,
		.hvm = hvm,
	};
	struct domain *d;
	int err;

	d = domain_create(id, &cfg, &err);
	if (!d)
		panic("boot: %s cannot be created (error %d): give the machine more memory\n", name,
		      err);
	return d;
}

static void __init build_dom0(const struct boot_module *kernel, const struct boot_module *initrd,
			      u64 keep)
{
	u64 size, least, most;
	const char *wrong = parse_dom0_mem(&size, &least, &most);
	struct boot_kernel k = {
		.name = "dom0",
		.image = kernel->start,
		.image_len = kernel->len,
		.initrd = initrd ? initrd->start : 0,
		.initrd_len = initrd ? initrd->len : 0,
		.initrd_adopt = true,
		.cmdline = kernel->cmdline,
		.keep_pages = keep >> PAGE_SHIFT,
		.nr_vcpus = opt_dom0_max_vcpus ? min(opt_dom0_max_vcpus, (u64)MAX_VCPUS) : nr_cpus,
		.is_initial = true,
	};
	bool adopted = false;

	if (wrong)
		printk(LOG_WARN "command line: %s; ignored\n", wrong);
	size = max(size, least);
	k.nr_pages = size >> PAGE_SHIFT;
	k.max_pages = most >> PAGE_SHIFT;
	dom0 = create(0, "dom0", k.nr_vcpus, true, false);
	if (pv_build_domain(dom0, &k, &adopted))
		panic("boot: dom0 cannot be built: the line above says why\n");
	started[nr_started++] = dom0;
	heap_add_range(kernel->start, kernel->start + kernel->len);
	if (initrd && !adopted)
		heap_add_range(initrd->start, initrd->start + initrd->len);
	printk(LOG_INFO "boot: dom0 has %llu MiB and %u vCPUs\n",
	       (unsigned long long)(dom0->tot_pages >> 8), k.nr_vcpus);
}

/* domU=NAME[,mem=SIZE][,vcpus=N]; what follows the first blank is the guest's own command line. */
static bool __init parse_domu(const char *line, char *name, size_t name_size, u64 *mem, u64 *vcpus,
			      bool *pvh, const char **rest)
{
	const char *p = line + 5;
	size_t n = 0;

	*mem = BOOT_DOMU_MEM;
	*vcpus = 1;
	*pvh = false;
	while (p[n] && p[n] != ',' && p[n] != ' ')
		n++;
	if (!n)
		return false;
	strlcpy(name, p, min(n + 1, name_size));
	p += n;
	while (*p == ',') {
		char *end;

		p++;
		if (!strncmp(p, "mem=", 4)) {
			if (!parse_size(p + 4, &p, mem))
				return false;
		} else if (!strncmp(p, "vcpus=", 6)) {
			*vcpus = strtou64(p + 6, &end, 10);
			p = end;
		} else if (!strncmp(p, "pvh", 3)) {
			p += 3;
			*pvh = true;
		} else {
			return false;
		}
		if (*p && *p != ',' && *p != ' ')
			return false;
	}
	while (*p == ' ')
		p++;
	*rest = p;
	return *vcpus >= 1 && *vcpus <= MAX_VCPUS;
}

/*
 * A loader's configuration may put a word of its own before the module's (a file name, a
 * placeholder): take it off if one of ours follows.
 */
static const char *__init module_line(const struct boot_module *m)
{
	const char *second = strchr(m->cmdline, ' ');

	while (second && *second == ' ')
		second++;
	if (second && (!strncmp(second, "domU=", 5) || !strncmp(second, "initrd=", 7)))
		return second;
	if (!strncmp(m->cmdline, "placeholder", 11) && (m->cmdline[11] == ' ' || !m->cmdline[11]))
		return second ? second : "";
	return m->cmdline;
}

static bool __init is_domu(const struct boot_module *m)
{
	return !strncmp(m->cmdline, "domU=", 5);
}

static void __init build_domu(const struct boot_module *m, domid_t id)
{
	struct boot_kernel k = { .image = m->start, .image_len = m->len };
	char name[32];
	u64 mem, vcpus;
	bool adopted = false, pvh;
	struct domain *d;

	if (!parse_domu(m->cmdline, name, sizeof(name), &mem, &vcpus, &pvh, &k.cmdline)) {
		printk(LOG_ERR "boot: module line '%s': use domU=NAME[,mem=SIZE][,vcpus=N][,pvh] "
			       "[guest's command line]\n",
		       m->cmdline);
		return;
	}
	for (unsigned i = 0; i < boot_info.nr_modules; i++) {
		const char *line = boot_info.modules[i].cmdline;

		if (!strncmp(line, "initrd=", 7) && !strcmp(line + 7, name)) {
			k.initrd = boot_info.modules[i].start;
			k.initrd_len = boot_info.modules[i].len;
		}
	}
	k.name = name;
	k.nr_pages = mem >> PAGE_SHIFT;
	k.nr_vcpus = vcpus;
	if (pvh && (!vcpus || vcpus > PVH_MAX_VCPUS || !hvm_available())) {
		printk(LOG_ERR "%s cannot be started: a PVH guest has 1 to %u vCPUs, and needs "
			       "what the line 'hvm:' says\n",
		       name, PVH_MAX_VCPUS);
		return;
	}
	d = create(id, name, vcpus, false, pvh);
	if (pvh ? pvh_build_domain(d, &k) : pv_build_domain(d, &k, &adopted)) {
		while (domain_kill(d) == -ERESTART)
			;
		return;
	}
	printk(LOG_INFO "boot: d%u is %s, %llu MiB, %llu vCPU%s\n", id, name,
	       (unsigned long long)(mem >> 20), (unsigned long long)vcpus, vcpus == 1 ? "" : "s");
	started[nr_started++] = d;
	nr_unprivileged++;
}

void __init start_domains_build(void)
{
	const struct boot_module *kernel = NULL, *initrd = NULL;
	unsigned domus = 0;
	u64 keep = 0;

	for (unsigned i = 0; i < boot_info.nr_modules; i++)
		boot_info.modules[i].cmdline = module_line(&boot_info.modules[i]);
	for (unsigned i = 0; i < boot_info.nr_modules; i++) {
		const struct boot_module *m = &boot_info.modules[i];
		char name[32];
		const char *rest;
		u64 mem, vcpus;
		bool pvh;

		if (is_domu(m)) {
			domus++;
			/* Page tables, grant tables and the like come on top. */
			if (parse_domu(m->cmdline, name, sizeof(name), &mem, &vcpus, &pvh,
				       &rest))
				keep += mem + (2 << 20);
		} else if (!strncmp(m->cmdline, "initrd=", 7)) {
			continue;
		} else if (!kernel) {
			kernel = m;
		} else if (!initrd) {
			initrd = m;
		} else {
			printk(LOG_WARN "boot: module '%s' is one too many, ignored\n", m->cmdline);
		}
	}
	if (!kernel && !domus)
		panic("boot: no kernel: name dom0's as the first boot module (GRUB: module2 "
		      "/boot/vmlinuz ...)\n");
	if (kernel)
		build_dom0(kernel, initrd, keep);
	domus = 0;
	for (unsigned i = 0; i < boot_info.nr_modules && domus + 1 < BOOT_DOMAINS_MAX; i++)
		if (is_domu(&boot_info.modules[i]))
			build_domu(&boot_info.modules[i], ++domus);
	/* Kernels and initrds of domUs were copied. */
	for (unsigned i = 0; i < boot_info.nr_modules; i++) {
		const struct boot_module *m = &boot_info.modules[i];

		if (m != kernel && m != initrd)
			heap_add_range(m->start, m->start + m->len);
	}
	if (!nr_started)
		panic("boot: no domain could be started\n");
}

static struct timer reap_timer;
#define REAP_DELAY 1000000 /* ns */

/* Destroy what has ended; the last one takes the machine with it. Timer softirq. */
static void reap(void *arg)
{
	unsigned left = 0;

	(void)arg;
	/* Destruction waits for vCPUs, and must not meet a debug key that does (control/keys.c). */
	if (!control_trylock()) {
		timer_set(&reap_timer, system_time() + REAP_DELAY);
		return;
	}
	for (unsigned i = 0; i < nr_started; i++) {
		struct domain *d = started[i];

		if (!d)
			continue;
		/* Not from a vCPU of its own: it has yet to be scheduled away. */
		if (!d->shut_down || current->domain == d || domain_kill(d)) {
			left++;
			continue;
		}
		started[i] = NULL;
	}
	control_unlock();
	if (!left) {
		printk(LOG_INFO "all domains have ended\n");
		audit_run();
		if (latency_wanted())
			latency_show();
		machine_power_off();
	}
	for (unsigned i = 0; i < nr_started; i++)
		if (started[i] && started[i]->shut_down)
			timer_set(&reap_timer, system_time() + REAP_DELAY);
}

static void ended(struct domain *d)
{
	(void)d;
	timer_set(&reap_timer, system_time() + REAP_DELAY);
}

void start_domains_run(void)
{
	timer_init(&reap_timer, reap, NULL, cpu_id());
	domain_ended = ended;
	for (unsigned i = 0; i < nr_started; i++)
		(void)domain_unpause_by_control(started[i]);
}
