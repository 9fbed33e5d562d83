// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest.h"

struct start_info *start_info;
struct shared_info *shared_info;
bool (*trap_hook)(struct trap_frame *f);
uint64_t probe_error, probe_cr2;

void guest_main(struct start_info *si);
void guest_trap(struct trap_frame *f);

extern char trap_0[], trap_1[], trap_3[], trap_4[], trap_5[], trap_6[], trap_7[], trap_10[], trap_11[], trap_12[], trap_13[],
	trap_14[], trap_16[], trap_17[], trap_19[], trap_128[], trap_200[];
extern char event_entry[], failsafe_entry[], syscall_entry_point[], _end[];

void *memcpy(void *d, const void *s, size_t n)
{
	void *r = d;

	__asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n) :: "memory");
	return r;
}

void *memset(void *d, int c, size_t n)
{
	void *r = d;

	__asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
	return r;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

static char line[512];
static size_t fill;

static void out(char c)
{
	if (fill < sizeof(line))
		line[fill++] = c;
}

static void out_number(uint64_t v, unsigned base, int width, bool zero)
{
	char digits[24];
	int n = 0;

	do {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	for (; width > n; width--)
		out(zero ? '0' : ' ');
	while (n)
		out(digits[--n]);
}

/* %d %u %x %p %s %c with l, #, 0 and a width: what tests need. */
static void format(const char *fmt, va_list ap)
{
	for (; *fmt; fmt++) {
		bool is_long = false, alt = false, zero = false;
		int width = 0;

		if (*fmt != '%') {
			out(*fmt);
			continue;
		}
		for (fmt++; *fmt == '#' || *fmt == '0'; fmt++) {
			alt |= *fmt == '#';
			zero |= *fmt == '0';
		}
		for (; *fmt >= '0' && *fmt <= '9'; fmt++)
			width = width * 10 + *fmt - '0';
		for (; *fmt == 'l'; fmt++)
			is_long = true;
		switch (*fmt) {
		case 'd': {
			long v = is_long ? va_arg(ap, long) : va_arg(ap, int);

			if (v < 0)
				out('-');
			out_number(v < 0 ? -(uint64_t)v : (uint64_t)v, 10, width, zero);
			break;
		}
		case 'u':
			out_number(is_long ? va_arg(ap, uint64_t) : va_arg(ap, unsigned int), 10, width, zero);
			break;
		case 'p':
			is_long = alt = true;
			/* fall through */
		case 'x':
			if (alt) {
				out('0');
				out('x');
			}
			out_number(is_long ? va_arg(ap, uint64_t) : va_arg(ap, unsigned int), 16, width, zero);
			break;
		case 's':
			for (const char *s = va_arg(ap, const char *); *s; s++)
				out(*s);
			break;
		case 'c':
			out(va_arg(ap, int));
			break;
		default:
			out(*fmt);
		}
	}
}

static void flush(void)
{
	hypercall(console_io, (long)CONSOLEIO_write, (long)fill, line);
	fill = 0;
}

void print(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	format(fmt, ap);
	va_end(ap);
	flush();
}

void guest_shutdown(unsigned reason)
{
	struct sched_shutdown s = { .reason = reason };

	for (;;)
		hypercall(sched_op, (long)SCHEDOP_shutdown, &s);
}

static void result(const char *what)
{
	print("RESULT %s %s\n", test_name, what);
}

static void end(const char *what, const char *fmt, va_list ap)
{
	fill = 0;
	print("RESULT %s %s ", test_name, what);
	format(fmt, ap);
	out('\n');
	flush();
	guest_shutdown(SHUTDOWN_poweroff);
}

void fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	end("FAIL", fmt, ap);
	__builtin_unreachable();
}

void skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	end("SKIP", fmt, ap);
	__builtin_unreachable();
}

void expect_crash(void)
{
	result("DIES");
}

void survived(void)
{
	fail("the guest survived what should have ended it");
}

/* ---- traps ---- */

static bool probing;
static int probe_vector;
extern uint64_t probe_rsp;
extern char probe_resume[];
void probe_call(void (*fn)(void *), void *arg);

void guest_trap(struct trap_frame *f)
{
	if (trap_hook && trap_hook(f))
		return;
	if (probing) {
		probing = false;
		probe_vector = f->vector;
		probe_error = f->error_code;
		probe_cr2 = shared_info->vcpu_info[0].arch.cr2;
		f->rip = (uint64_t)probe_resume;
		f->rsp = probe_rsp;
		f->cs = FLAT_KERNEL_CS64 & ~3;
		f->ss = FLAT_KERNEL_SS64;
		return;
	}
	fail("unexpected trap %ld, error %#lx, rip %p, cr2 %p", f->vector, f->error_code, (void *)f->rip,
	     (void *)shared_info->vcpu_info[0].arch.cr2);
}

int probe(void (*fn)(void *), void *arg)
{
	probe_vector = -1;
	probing = true;
	probe_call(fn, arg);
	probing = false;
	return probe_vector;
}

static void install_traps(void)
{
	static struct trap_info table[] = {
		{ 0, 0, FLAT_KERNEL_CS64, (uint64_t)trap_0 }, { 1, 0, FLAT_KERNEL_CS64, (uint64_t)trap_1 },
		{ 3, 3, FLAT_KERNEL_CS64, (uint64_t)trap_3 }, { 4, 3, FLAT_KERNEL_CS64, (uint64_t)trap_4 },
		{ 5, 0, FLAT_KERNEL_CS64, (uint64_t)trap_5 }, { 6, 0, FLAT_KERNEL_CS64, (uint64_t)trap_6 },
		{ 7, 0, FLAT_KERNEL_CS64, (uint64_t)trap_7 }, { 10, 0, FLAT_KERNEL_CS64, (uint64_t)trap_10 },
		{ 11, 0, FLAT_KERNEL_CS64, (uint64_t)trap_11 }, { 12, 0, FLAT_KERNEL_CS64, (uint64_t)trap_12 },
		{ 13, 0, FLAT_KERNEL_CS64, (uint64_t)trap_13 }, { 14, 0, FLAT_KERNEL_CS64, (uint64_t)trap_14 },
		{ 16, 0, FLAT_KERNEL_CS64, (uint64_t)trap_16 }, { 17, 0, FLAT_KERNEL_CS64, (uint64_t)trap_17 },
		{ 19, 0, FLAT_KERNEL_CS64, (uint64_t)trap_19 }, { 128, 3, FLAT_KERNEL_CS64, (uint64_t)trap_128 },
		{ 200, 3, FLAT_KERNEL_CS64, (uint64_t)trap_200 },
		{ 0, 0, 0, 0 },
	};

	check_eq(hypercall(set_trap_table, table), 0);
	check_eq(hypercall(set_callbacks, event_entry, failsafe_entry, syscall_entry_point), 0);
}

/* ---- memory ---- */

uint64_t pfn_to_mfn(uint64_t pfn)
{
	if (pfn >= start_info->nr_pages)
		fail("pfn %#lx is not ours", pfn);
	return ((uint64_t *)start_info->mfn_list)[pfn];
}

void *page_alloc(void)
{
	static uint64_t next;
	char *va;

	/* The initial mapping ends 512 KiB or more behind the boot stack, which follows the page tables: that is ours. */
	if (!next)
		next = start_info->pt_base + (start_info->nr_pt_frames + 1) * PAGE_SIZE;
	va = (char *)next;
	next += PAGE_SIZE;
	memset(va, 0, PAGE_SIZE);
	return va;
}

/* Tables lie linearly in the initial mapping, at the pfn that the M2P gives for their frames. */
static uint64_t *table_of(uint64_t entry)
{
	uint64_t mfn = (entry & PTE_ADDR) >> 12;

	return (uint64_t *)(VIRT_BASE + (((uint64_t *)0xffff800000000000UL)[mfn] << 12));
}

uint64_t *pte_of(const void *va)
{
	uint64_t a = (uint64_t)va, *t = (uint64_t *)start_info->pt_base;

	for (int shift = 39; shift > 12; shift -= 9) {
		uint64_t e = t[(a >> shift) & 511];

		if (!(e & PTE_P))
			fail("no page table for %p", va);
		t = table_of(e);
	}
	return &t[(a >> 12) & 511];
}

uint64_t pte_maddr(const void *va)
{
	uint64_t *e = pte_of(va);

	return virt_to_mfn(e) << 12 | ((uint64_t)e & 0xfff);
}

long map_page(const void *va, uint64_t mfn, uint64_t flags)
{
	return hypercall(update_va_mapping, va, mfn << 12 | flags, (long)UVMF_INVLPG);
}

long make_readonly(const void *va)
{
	return map_page(va, virt_to_mfn(va), PTE_P | PTE_US | PTE_AD);
}

long make_writable(const void *va)
{
	return map_page(va, virt_to_mfn(va), PTE_P | PTE_RW | PTE_US | PTE_AD);
}

long mmuext(unsigned cmd, uint64_t mfn)
{
	struct mmuext_op op = { .cmd = cmd };

	op.arg1.mfn = mfn;
	return hypercall(mmuext_op, &op, 1L, (long *)0, (long)DOMID_SELF);
}

long mmu_update(uint64_t ptr, uint64_t val)
{
	struct mmu_update u = { ptr, val };

	return hypercall(mmu_update, &u, 1L, (long *)0, (long)DOMID_SELF);
}

static char shared_page[PAGE_SIZE] __attribute__((aligned(4096)));

void guest_main(struct start_info *si)
{
	start_info = si;
	if (map_page(shared_page, si->shared_info >> 12, PTE_P | PTE_RW | PTE_US | PTE_AD))
		fail("the shared info page cannot be mapped");
	shared_info = (struct shared_info *)shared_page;
	install_traps();
	test_main();
	result("PASS");
	guest_shutdown(SHUTDOWN_poweroff);
}
