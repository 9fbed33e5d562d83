// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest.h"

struct start_info *start_info;
struct shared_info *shared_info;
bool (*trap_hook)(struct trap_frame *f);
void (*event_hook)(unsigned port);
uint64_t probe_error, probe_cr2;
struct trap_frame probe_frame;

void guest_main(struct start_info *si);
void guest_trap(struct trap_frame *f);

extern char trap_0[], trap_1[], trap_2[], trap_3[], trap_4[], trap_5[], trap_6[], trap_7[],
	trap_8[], trap_9[], trap_10[], trap_11[], trap_12[], trap_13[], trap_14[], trap_15[],
	trap_16[], trap_17[], trap_18[], trap_19[], trap_128[], trap_200[];
extern char event_entry[], failsafe_entry[], syscall_entry_point[], vcpu_entry[];

void *memcpy(void *d, const void *s, size_t n)
{
	void *r = d;

	__asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n)::"memory");
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

/* One per vcpu: a line is written by one hypercall. */
static struct {
	char text[512];
	size_t fill;
} lines[MAX_TEST_VCPUS];

unsigned vcpu_id(void)
{
	unsigned id = ((uint64_t)__builtin_frame_address(0) - (uint64_t)stacks) / STACK_SIZE;

	return id < MAX_TEST_VCPUS ? id : 0;
}

static void out(char c)
{
	unsigned id = vcpu_id();

	if (lines[id].fill < sizeof(lines[id].text))
		lines[id].text[lines[id].fill++] = c;
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
			out_number(is_long ? va_arg(ap, uint64_t) : va_arg(ap, unsigned int), 10,
				   width, zero);
			break;
		case 'p':
			is_long = alt = true;
			/* fall through */
		case 'x':
			if (alt) {
				out('0');
				out('x');
			}
			out_number(is_long ? va_arg(ap, uint64_t) : va_arg(ap, unsigned int), 16,
				   width, zero);
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
	unsigned id = vcpu_id();

	hypercall(console_io, (long)CONSOLEIO_write, (long)lines[id].fill, lines[id].text);
	lines[id].fill = 0;
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
	lines[vcpu_id()].fill = 0;
	for (const char *p = "RESULT "; *p; p++)
		out(*p);
	for (const char *p = test_name; *p; p++)
		out(*p);
	out(' ');
	for (const char *p = what; *p; p++)
		out(*p);
	out(' ');
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
static uint64_t probe_rsp;
extern char probe_resume[];
void probe_call(void (*fn)(void *), void *arg, uint64_t *save);

static void upcall(void)
{
	struct vcpu_info *vi = vcpu_info();
	uint64_t words;

	vi->evtchn_upcall_pending = 0;
	words = __atomic_exchange_n(&vi->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
	while (words) {
		unsigned w = __builtin_ctzll(words);
		uint64_t bits = shared_info->evtchn_pending[w] & ~shared_info->evtchn_mask[w];

		words &= words - 1;
		while (bits) {
			unsigned port = w * 64 + __builtin_ctzll(bits);

			bits &= bits - 1;
			clear_event(port);
			if (!event_hook)
				fail("unexpected event on port %u", port);
			event_hook(port);
		}
	}
}

void guest_trap(struct trap_frame *f)
{
	if (trap_hook && trap_hook(f))
		return;
	if (f->vector == TRAP_EVENT) {
		upcall();
		return;
	}
	if (probing && vcpu_id() == 0) {
		probing = false;
		probe_vector = f->vector;
		probe_error = f->error_code;
		probe_cr2 = vcpu_info()->arch.cr2;
		probe_frame = *f;
		f->rip = (uint64_t)probe_resume;
		f->rsp = probe_rsp;
		f->cs = FLAT_KERNEL_CS64 & ~3;
		f->ss = FLAT_KERNEL_SS64;
		f->rflags &= ~0x500UL; /* TF, DF */
		return;
	}
	fail("unexpected trap %ld, error %#lx, rip %p, cr2 %p", f->vector, f->error_code,
	     (void *)f->rip, (void *)vcpu_info()->arch.cr2);
}

int probe(void (*fn)(void *), void *arg)
{
	probe_vector = -1;
	probing = true;
	probe_call(fn, arg, &probe_rsp);
	probing = false;
	return probe_vector;
}

static void read_byte(void *p)
{
	(void)*(volatile char *)p;
}

static void write_byte(void *p)
{
	*(volatile char *)p = 1;
}

int probe_read(const void *p)
{
	return probe(read_byte, (void *)p);
}

int probe_write(void *p)
{
	return probe(write_byte, p);
}

static void enter(void *arg)
{
	raw_iret(arg);
}

int probe_user(uint64_t rip, uint64_t rsp)
{
	struct iret_context c = {
		.rip = rip,
		.cs = FLAT_USER_CS64,
		.rflags = 0x202,
		.rsp = rsp,
		.ss = FLAT_USER_SS64,
	};

	return probe(enter, &c);
}

/* Entry addresses and DPLs: what interrupts and breakpoints user mode may raise itself. */
static const struct trap_info traps[] = {
	{ 0, 0, FLAT_KERNEL_CS64, (uint64_t)trap_0 },
	{ 1, 0, FLAT_KERNEL_CS64, (uint64_t)trap_1 },
	{ 2, 0, FLAT_KERNEL_CS64, (uint64_t)trap_2 },
	{ 3, 3, FLAT_KERNEL_CS64, (uint64_t)trap_3 },
	{ 4, 3, FLAT_KERNEL_CS64, (uint64_t)trap_4 },
	{ 5, 0, FLAT_KERNEL_CS64, (uint64_t)trap_5 },
	{ 6, 0, FLAT_KERNEL_CS64, (uint64_t)trap_6 },
	{ 7, 0, FLAT_KERNEL_CS64, (uint64_t)trap_7 },
	{ 8, 0, FLAT_KERNEL_CS64, (uint64_t)trap_8 },
	{ 9, 0, FLAT_KERNEL_CS64, (uint64_t)trap_9 },
	{ 10, 0, FLAT_KERNEL_CS64, (uint64_t)trap_10 },
	{ 11, 0, FLAT_KERNEL_CS64, (uint64_t)trap_11 },
	{ 12, 0, FLAT_KERNEL_CS64, (uint64_t)trap_12 },
	{ 13, 0, FLAT_KERNEL_CS64, (uint64_t)trap_13 },
	{ 14, 0, FLAT_KERNEL_CS64, (uint64_t)trap_14 },
	{ 15, 0, FLAT_KERNEL_CS64, (uint64_t)trap_15 },
	{ 16, 0, FLAT_KERNEL_CS64, (uint64_t)trap_16 },
	{ 17, 0, FLAT_KERNEL_CS64, (uint64_t)trap_17 },
	{ 18, 0, FLAT_KERNEL_CS64, (uint64_t)trap_18 },
	{ 19, 0, FLAT_KERNEL_CS64, (uint64_t)trap_19 },
	{ 128, 3, FLAT_KERNEL_CS64, (uint64_t)trap_128 },
	{ 200, 3, FLAT_KERNEL_CS64, (uint64_t)trap_200 },
	{ 0, 0, 0, 0 },
};

static void install_traps(void)
{
	check_eq(hypercall(set_trap_table, traps), 0);
	check_eq(hypercall(set_callbacks, event_entry, failsafe_entry, syscall_entry_point), 0);
	/* What comes from user mode finds the lower half of the stack free: the upper one is in use
	 * by whoever entered it. */
	check_eq(hypercall(stack_switch, (long)FLAT_KERNEL_SS64, stacks[0] + STACK_SIZE / 2), 0);
}

void events_on(void)
{
	struct vcpu_info *vi = vcpu_info();

	__atomic_store_n(&vi->evtchn_upcall_mask, 0, __ATOMIC_SEQ_CST);
	/* What came while the mask was set is delivered on the way back from any hypercall. */
	if (vi->evtchn_upcall_pending)
		hypercall(xen_version, (long)XENVER_version);
}

void events_off(void)
{
	__atomic_store_n(&vcpu_info()->evtchn_upcall_mask, 1, __ATOMIC_SEQ_CST);
}

/* ---- vcpus ---- */

struct vcpu_guest_context *vcpu_context(unsigned id, void (*fn)(void))
{
	static struct vcpu_guest_context c;

	memset(&c, 0, sizeof(c));
	c.flags = VGCF_in_kernel;
	c.user_regs.rip = (uint64_t)vcpu_entry;
	c.user_regs.rdi = (uint64_t)fn;
	c.user_regs.rsp = (uint64_t)stacks[id] + STACK_SIZE;
	c.kernel_sp = (uint64_t)stacks[id] + STACK_SIZE / 2;
	c.user_regs.rflags = 0x202;
	c.user_regs.cs = FLAT_KERNEL_CS64;
	c.user_regs.ss = c.kernel_ss = FLAT_KERNEL_SS64;
	for (const struct trap_info *t = traps; t->address; t++)
		c.trap_ctxt[t->vector] = *t;
	c.ctrlreg[3] = xen_pfn_to_cr3(virt_to_mfn((void *)start_info->pt_base));
	c.event_callback_eip = (uint64_t)event_entry;
	c.failsafe_callback_eip = (uint64_t)failsafe_entry;
	c.syscall_callback_eip = (uint64_t)syscall_entry_point;
	return &c;
}

void vcpu_start(unsigned id, void (*fn)(void))
{
	check_eq(hypercall(vcpu_op, (long)VCPUOP_initialise, (long)id, vcpu_context(id, fn)), 0);
	shared_info->vcpu_info[id].evtchn_upcall_mask = 1;
	check_eq(hypercall(vcpu_op, (long)VCPUOP_up, (long)id, 0L), 0);
}

/* ---- time and events ---- */

uint64_t system_time(void)
{
	volatile struct vcpu_time_info *t = &vcpu_info()->time;
	uint32_t version, low, high;
	uint64_t ns;

	do {
		uint64_t delta;

		version = t->version;
		__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
		delta = ((uint64_t)high << 32 | low) - t->tsc_timestamp;
		delta = t->tsc_shift >= 0 ? delta << t->tsc_shift : delta >> -t->tsc_shift;
		ns = t->system_time +
		     (uint64_t)((unsigned __int128)delta * t->tsc_to_system_mul >> 32);
		__asm__ volatile("lfence" ::: "memory");
	} while ((version & 1) || version != t->version);
	return ns;
}

long evtchn_op(unsigned cmd, void *arg)
{
	return hypercall(event_channel_op, (long)cmd, arg);
}

unsigned bind_virq(unsigned virq, unsigned vcpu)
{
	struct evtchn_bind_virq b = { .virq = virq, .vcpu = vcpu };

	check_eq(evtchn_op(EVTCHNOP_bind_virq, &b), 0);
	return b.port;
}

unsigned bind_ipi(unsigned vcpu)
{
	struct evtchn_bind_ipi b = { .vcpu = vcpu };

	check_eq(evtchn_op(EVTCHNOP_bind_ipi, &b), 0);
	return b.port;
}

void send_event(unsigned port)
{
	struct evtchn_send s = { .port = port };

	check_eq(evtchn_op(EVTCHNOP_send, &s), 0);
}

void mask_event(unsigned port)
{
	__atomic_or_fetch(&shared_info->evtchn_mask[port / 64], 1UL << port % 64, __ATOMIC_SEQ_CST);
}

void unmask_event(unsigned port)
{
	struct evtchn_unmask u = { .port = port };

	check_eq(evtchn_op(EVTCHNOP_unmask, &u), 0);
}

bool event_pending(unsigned port)
{
	return __atomic_load_n(&shared_info->evtchn_pending[port / 64], __ATOMIC_SEQ_CST) >>
		       port % 64 &
	       1;
}

void clear_event(unsigned port)
{
	__atomic_and_fetch(&shared_info->evtchn_pending[port / 64], ~(1UL << port % 64),
			   __ATOMIC_SEQ_CST);
}

void close_event(unsigned port)
{
	struct evtchn_close c = { .port = port };

	check_eq(evtchn_op(EVTCHNOP_close, &c), 0);
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

	/* The initial mapping ends 512 KiB or more behind the boot stack, which follows the page
	 * tables: that is ours. */
	if (!next)
		next = start_info->pt_base + (start_info->nr_pt_frames + 1) * PAGE_SIZE;
	va = (char *)next;
	next += PAGE_SIZE;
	memset(va, 0, PAGE_SIZE);
	return va;
}

uint64_t pfn_alloc(void)
{
	static uint64_t next;

	if (!next)
		next = start_info->nr_pages;
	return --next;
}

/* Tables lie linearly in the initial mapping, at the pfn that the M2P gives for their frames. */
static uint64_t *table_of(uint64_t entry)
{
	return (uint64_t *)(VIRT_BASE + (m2p[(entry & PTE_ADDR) >> 12] << 12));
}

uint64_t *entry_of(const void *va, int level)
{
	uint64_t a = (uint64_t)va, *t = (uint64_t *)start_info->pt_base;

	for (int l = 4; l > level; l--) {
		uint64_t e = t[(a >> (l * 9 + 3)) & 511];

		if (!(e & PTE_P))
			fail("no page table for %p", va);
		t = table_of(e);
	}
	return &t[(a >> (level * 9 + 3)) & 511];
}

uint64_t entry_maddr(const void *va, int level)
{
	uint64_t *e = entry_of(va, level);

	return virt_to_mfn(e) << 12 | ((uint64_t)e & 0xfff);
}

uint64_t *pte_of(const void *va)
{
	return entry_of(va, 1);
}

uint64_t pte_maddr(const void *va)
{
	return entry_maddr(va, 1);
}

void space_new(struct space *s, uint64_t va)
{
	for (int l = 1; l <= 4; l++)
		s->table[l] = page_alloc();
	for (int l = 4; l > 1; l--)
		s->table[l][(va >> (l * 9 + 3)) & 511] = TABLE_ENTRY(s->table[l - 1]);
}

void space_readonly(struct space *s)
{
	for (int l = 1; l <= 4; l++)
		check_eq(make_readonly(s->table[l]), 0);
}

void space_writable(struct space *s)
{
	for (int l = 1; l <= 4; l++)
		check_eq(make_writable(s->table[l]), 0);
}

void user_new(struct user *u)
{
	uint64_t *l1;

	space_new(&u->space, USER_CODE);
	u->code = page_alloc();
	u->stack = page_alloc();
	u->data = page_alloc();
	l1 = u->space.table[1];
	l1[(USER_CODE >> 12) & 511] = LEAF(virt_to_mfn(u->code), PTE_P | PTE_US | PTE_AD);
	l1[(USER_STACK >> 12) & 511] =
		LEAF(virt_to_mfn(u->stack), PTE_P | PTE_RW | PTE_US | PTE_AD);
	l1[(USER_DATA >> 12) & 511] = LEAF(virt_to_mfn(u->data), PTE_P | PTE_RW | PTE_US | PTE_AD);
	space_readonly(&u->space);
	check_eq(mmuext(MMUEXT_PIN_L4_TABLE, virt_to_mfn(u->space.table[4])), 0);
	check_eq(mmuext(MMUEXT_NEW_USER_BASEPTR, virt_to_mfn(u->space.table[4])), 0);
}

uint64_t random_next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dUL;
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
