// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest.h"

struct start_info *start_info;
struct shared_info *shared_info;
bool (*trap_hook)(struct trap_frame *f);
void (*event_hook)(unsigned port);
uint64_t probe_error, probe_cr2;
struct trap_frame probe_frame;

#ifdef __i386__
#define SUFFIX "-32"
#elif defined(RING1)
/* What is made for ring 1 alone has none. */
extern const char test_form[] __attribute__((weak));
#define SUFFIX (test_form ? test_form : "")
#else
#define SUFFIX ""
#endif

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
	unsigned id = ((uintptr_t)__builtin_frame_address(0) - (uintptr_t)stacks) / STACK_SIZE;

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

static uint64_t next_number(va_list *ap, int longs)
{
	return longs > 1 ? va_arg(*ap, unsigned long long) :
	       longs ? va_arg(*ap, unsigned long) : va_arg(*ap, unsigned int);
}

/* %d %u %x %p %s %c with l, #, 0 and a width: what tests need. */
static void format(const char *fmt, va_list args)
{
	va_list ap;

	va_copy(ap, args);
	for (; *fmt; fmt++) {
		bool alt = false, zero = false;
		int width = 0, longs = 0;

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
			longs++;
		switch (*fmt) {
		case 'd': {
			long long v = longs > 1 ? va_arg(ap, long long) :
				      longs ? va_arg(ap, long) : va_arg(ap, int);

			if (v < 0)
				out('-');
			out_number(v < 0 ? -(uint64_t)v : (uint64_t)v, 10, width, zero);
			break;
		}
		case 'u':
			out_number(next_number(&ap, longs), 10, width, zero);
			break;
		case 'p':
			alt = true;
			longs = 1;
			/* fall through */
		case 'x':
			if (alt) {
				out('0');
				out('x');
			}
			out_number(next_number(&ap, longs), 16, width, zero);
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
	va_end(ap);
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
	print("RESULT %s%s %s\n", test_name, SUFFIX, what);
}

static void end(const char *what, const char *fmt, va_list ap)
{
	lines[vcpu_id()].fill = 0;
	for (const char *p = "RESULT "; *p; p++)
		out(*p);
	for (const char *p = test_name; *p; p++)
		out(*p);
	for (const char *p = SUFFIX; *p; p++)
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
	const unsigned bits_per_word = 8 * sizeof(xen_ulong_t);
	xen_ulong_t words;

	vi->evtchn_upcall_pending = 0;
	words = __atomic_exchange_n(&vi->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
	while (words) {
		unsigned w = __builtin_ctzl(words);
		xen_ulong_t bits = shared_info->evtchn_pending[w] & ~shared_info->evtchn_mask[w];

		words &= words - 1;
		while (bits) {
			unsigned port = w * bits_per_word + __builtin_ctzl(bits);

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
		f->rip = (uintptr_t)probe_resume;
		f->rsp = probe_rsp;
#ifdef __i386__
		f->ds = f->es = KERNEL_DS;
#endif
		f->cs = KERNEL_CS & ~(KERNEL_RING == 3 ? 3 : 0);
		f->ss = KERNEL_SS;
		f->rflags &= ~0x20500UL; /* TF, DF, VM */
		return;
	}
	fail("unexpected trap %ld, error %#lx, rip %p, cr2 %p", (long)f->vector, f->error_code,
	     (void *)f->rip, (void *)vcpu_info()->arch.cr2);
}

#ifdef __i386__
/* What trap_common pushed; esp and ss only if it came from another ring. */
struct raw_frame {
	uint32_t es, ds, edi, esi, ebp, esp_of_pushal, ebx, edx, ecx, eax;
	uint32_t vector, error_code, eip, cs, eflags, esp, ss;
};
/* What trap_common pops. */
struct way_back {
	uint32_t es, ds, edi, esi, ebp, ebx, edx, ecx;
	struct iret_context iret;
};
struct way_back *guest_trap_raw(struct raw_frame *r);

struct way_back *guest_trap_raw(struct raw_frame *r)
{
	bool inner = (r->cs & 3) == KERNEL_RING && !(r->eflags & 1 << 17);
	struct trap_frame f = {
		.es = r->es, .ds = r->ds, .rdi = r->edi, .rsi = r->esi, .rbp = r->ebp,
		.rbx = r->ebx, .rdx = r->edx, .rcx = r->ecx, .rax = r->eax,
		.vector = r->vector, .error_code = r->error_code, .rip = r->eip,
		.cs = r->cs, .rflags = r->eflags,
		.rsp = inner ? (uintptr_t)&r->esp : r->esp, .ss = inner ? KERNEL_SS : r->ss,
	};
	struct way_back *b = (struct way_back *)r;

	guest_trap(&f);
	/* Back to ring 1: the frame is taken off the stack that is returned to. */
	if ((f.cs & 3) == KERNEL_RING)
		b = (struct way_back *)(f.rsp - offsetof(struct way_back, iret.esp));
	b->es = f.es;
	b->ds = f.ds;
	b->edi = f.rdi;
	b->esi = f.rsi;
	b->ebp = f.rbp;
	b->ebx = f.rbx;
	b->edx = f.rdx;
	b->ecx = f.rcx;
	b->iret.eax = f.rax;
	b->iret.eip = f.rip;
	b->iret.cs = f.cs;
	b->iret.eflags = f.rflags;
	if ((f.cs & 3) != KERNEL_RING) {
		b->iret.esp = f.rsp;
		b->iret.ss = f.ss;
	}
	return b;
}
#endif

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

int probe_user(uint64_t rip, uint64_t rsp)
{
	struct iret_context c = iret_context(rip, USER_CS, 0x202, rsp, USER_SS, 0);

	return probe(user_iret, &c);
}

/* Entry addresses and DPLs: what interrupts and breakpoints user mode may raise itself. */
#define TRAP(n, dpl) { n, dpl, KERNEL_CS, (uintptr_t)trap_##n }
static const struct trap_info traps[] = {
	TRAP(0, 0), TRAP(1, 0), TRAP(2, 0), TRAP(3, 3), TRAP(4, 3), TRAP(5, 0), TRAP(6, 0),
	TRAP(7, 0), TRAP(8, 0), TRAP(9, 0), TRAP(10, 0), TRAP(11, 0), TRAP(12, 0), TRAP(13, 0),
	TRAP(14, 0), TRAP(15, 0), TRAP(16, 0), TRAP(17, 0), TRAP(18, 0), TRAP(19, 0), TRAP(128, 3),
	TRAP(200, 3),
	{ 0, 0, 0, 0 },
};

static void install_traps(void)
{
	check_eq(hypercall(set_trap_table, traps), 0);
#ifdef __i386__
	check_eq(hypercall(set_callbacks, (long)KERNEL_CS, event_entry, (long)KERNEL_CS,
			   failsafe_entry), 0);
#else
	check_eq(hypercall(set_callbacks, event_entry, failsafe_entry, syscall_entry_point), 0);
#endif
	/* What comes from user mode finds the lower half of the stack free: the upper one is in use
	 * by whoever entered it. */
	check_eq(hypercall(stack_switch, (long)KERNEL_SS, stacks[0] + STACK_SIZE / 2), 0);
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
#ifdef __i386__
	c.user_regs.eip = (uintptr_t)vcpu_entry;
	c.user_regs.edi = (uintptr_t)fn;
	c.user_regs.esp = (uintptr_t)stacks[id] + STACK_SIZE;
	c.user_regs.eflags = 0x202;
	c.user_regs.ds = c.user_regs.es = KERNEL_DS;
	c.event_callback_cs = c.failsafe_callback_cs = KERNEL_CS;
#else
	c.user_regs.rip = (uint64_t)vcpu_entry;
	c.user_regs.rdi = (uint64_t)fn;
	c.user_regs.rsp = (uint64_t)stacks[id] + STACK_SIZE;
	c.user_regs.rflags = 0x202;
	c.syscall_callback_eip = (uint64_t)syscall_entry_point;
#endif
	c.kernel_sp = (uintptr_t)stacks[id] + STACK_SIZE / 2;
	c.user_regs.cs = KERNEL_CS;
	c.user_regs.ss = c.kernel_ss = KERNEL_SS;
	for (const struct trap_info *t = traps; t->address; t++)
		c.trap_ctxt[t->vector] = *t;
	c.ctrlreg[3] = xen_pfn_to_cr3(virt_to_mfn((void *)start_info->pt_base));
	c.event_callback_eip = (uintptr_t)event_entry;
	c.failsafe_callback_eip = (uintptr_t)failsafe_entry;
	return &c;
}

long vcpu_op(long cmd, long id, const void *arg)
{
	return hypercall(vcpu_op, cmd, id, arg);
}

void vcpu_start(unsigned id, void (*fn)(void))
{
	check_eq(hypercall(vcpu_op, (long)VCPUOP_initialise, (long)id, vcpu_context(id, fn)), 0);
	shared_info->vcpu_info[id].evtchn_upcall_mask = 1;
	check_eq(vcpu_op(VCPUOP_up, id, NULL), 0);
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
		ns = t->system_time + (delta >> 32) * t->tsc_to_system_mul +
		     ((delta & 0xffffffff) * t->tsc_to_system_mul >> 32);
		__asm__ volatile("lfence" ::: "memory");
	} while ((version & 1) || version != t->version);
	return ns;
}

void sleep_ns(uint64_t ns)
{
	struct sched_poll nothing = { .timeout = system_time() + ns };

	hypercall(sched_op, (long)SCHEDOP_poll, &nothing);
}

long evtchn_op(unsigned cmd, void *arg)
{
	return hypercall(event_channel_op, (long)cmd, arg);
}

unsigned unbound_port(void)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };

	check_eq(evtchn_op(EVTCHNOP_alloc_unbound, &a), 0);
	return a.port;
}

unsigned bind_port(unsigned remote)
{
	struct evtchn_bind_interdomain b = { .remote_dom = DOMID_SELF, .remote_port = remote };

	check_eq(evtchn_op(EVTCHNOP_bind_interdomain, &b), 0);
	return b.local_port;
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

#define WORD_BITS (8 * sizeof(xen_ulong_t))

void mask_event(unsigned port)
{
	__atomic_or_fetch(&shared_info->evtchn_mask[port / WORD_BITS], 1UL << port % WORD_BITS,
			  __ATOMIC_SEQ_CST);
}

void unmask_event(unsigned port)
{
	struct evtchn_unmask u = { .port = port };

	check_eq(evtchn_op(EVTCHNOP_unmask, &u), 0);
}

bool event_pending(unsigned port)
{
	return __atomic_load_n(&shared_info->evtchn_pending[port / WORD_BITS], __ATOMIC_SEQ_CST) >>
		       port % WORD_BITS &
	       1;
}

void clear_event(unsigned port)
{
	__atomic_and_fetch(&shared_info->evtchn_pending[port / WORD_BITS],
			   ~(1UL << port % WORD_BITS),
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
		fail("pfn %#llx is not ours", (unsigned long long)pfn);
	return ((xen_ulong_t *)start_info->mfn_list)[pfn];
}

void *page_alloc(void)
{
	static uintptr_t next;
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
	return (uint64_t *)(VIRT_BASE + (uintptr_t)(m2p[(entry & PTE_ADDR) >> 12] << 12));
}

uint64_t *entry_of(const void *va, int level)
{
	uint64_t a = (uintptr_t)va, *t = (uint64_t *)start_info->pt_base;

	for (int l = ROOT_LEVEL; l > level; l--) {
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

	return virt_to_mfn(e) << 12 | ((uintptr_t)e & 0xfff);
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
	for (int l = 1; l <= ROOT_LEVEL; l++)
		s->table[l] = page_alloc();
	for (int l = ROOT_LEVEL; l > 1; l--)
		s->table[l][(va >> (l * 9 + 3)) & 511] = TABLE_ENTRY(s->table[l - 1]);
}

void space_readonly(struct space *s)
{
	for (int l = 1; l <= ROOT_LEVEL; l++)
		check_eq(make_readonly(s->table[l]), 0);
}

void space_writable(struct space *s)
{
	for (int l = 1; l <= ROOT_LEVEL; l++)
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
#if defined(__i386__) || defined(RING1)
	check_eq(mmu_update(entry_maddr((void *)USER_CODE, ROOT_LEVEL),
			    TABLE_ENTRY(u->space.table[ROOT_LEVEL - 1])), 0);
#else
	check_eq(mmuext(MMUEXT_PIN_L4_TABLE, virt_to_mfn(u->space.table[4])), 0);
	check_eq(mmuext(MMUEXT_NEW_USER_BASEPTR, virt_to_mfn(u->space.table[4])), 0);
#endif
}

uint64_t random_next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}

long map_page(const void *va, uint64_t mfn, uint64_t flags)
{
	return hypercall(update_va_mapping, va, mfn << 12 | flags, (long)UVMF_INVLPG);
}

long make_readonly(const void *va)
{
	return map_page(va, virt_to_mfn(va), PTE_P | PTE_USER_OF_KERNEL | PTE_AD);
}

long make_writable(const void *va)
{
	return map_page(va, virt_to_mfn(va), PTE_P | PTE_RW | PTE_USER_OF_KERNEL | PTE_AD);
}

long mmuext_ops(struct mmuext_op *ops, unsigned n)
{
	return hypercall(mmuext_op, ops, (long)n, 0L, (long)DOMID_SELF);
}

long mmuext(unsigned cmd, uint64_t mfn)
{
	return mmuext_ops(&(struct mmuext_op){ .cmd = cmd, .arg1.mfn = mfn }, 1);
}

long copy_page(uint64_t to, uint64_t from)
{
	return mmuext_ops(&(struct mmuext_op){ .cmd = MMUEXT_COPY_PAGE, .arg1.mfn = to,
					       .arg2.src_mfn = from }, 1);
}

long set_ldt(const void *base, unsigned entries)
{
	return mmuext_ops(&(struct mmuext_op){ .cmd = MMUEXT_SET_LDT,
					       .arg1.linear_addr = (uintptr_t)base,
					       .arg2.nr_ents = entries }, 1);
}

long reservation(unsigned op, xen_ulong_t *list, unsigned long n, unsigned order, unsigned flags)
{
	struct xen_memory_reservation r = { .extent_start = (uintptr_t)list, .nr_extents = n,
					    .extent_order = order, .mem_flags = flags,
					    .domid = DOMID_SELF };

	return hypercall(memory_op, (long)op, &r);
}

extern char touch_begin[], touch_end[], touch_return[];
__asm__(".pushsection .text\n"
	".globl touch_store, touch_load\n"
	"touch_begin:\n"
	"touch_store:\n"
#ifdef __i386__
	"	movl 4(%esp), %ecx\n"
	"	movl 8(%esp), %eax\n"
	"	movl %eax, (%ecx)\n"
	"	ret\n"
	"touch_load:\n"
	"	movl 4(%esp), %ecx\n"
	"	movl (%ecx), %eax\n"
#else
	"	movq %rsi, (%rdi)\n"
	"	ret\n"
	"touch_load:\n"
	"	movq (%rdi), %rax\n"
#endif
	"touch_end:\n"
	"touch_return:\n"
	"	ret\n"
	".popsection\n");

bool skip_touch(struct trap_frame *f)
{
	if (f->vector != 14 || f->rip < (uintptr_t)touch_begin || f->rip >= (uintptr_t)touch_end)
		return false;
	f->rip = (uintptr_t)touch_return;
	return true;
}

long mmu_update(uint64_t ptr, uint64_t val)
{
	struct mmu_update u = { ptr, val };

	return hypercall(mmu_update, &u, 1L, (long *)0, (long)DOMID_SELF);
}

static char shared_page[PAGE_SIZE] __attribute__((aligned(4096)));

void guest_main(struct start_info *si)
{
#ifdef RING1
	uint16_t cs;

	__asm__("movw %%cs, %0" : "=r"(cs));
	if ((cs & 3) != 1)
		skip("no 64-bit kernel in ring 1 on this machine");
#endif
	start_info = si;
	if (map_page(shared_page, si->shared_info >> 12,
		     PTE_P | PTE_RW | PTE_USER_OF_KERNEL | PTE_AD))
		fail("the shared info page cannot be mapped");
	shared_info = (struct shared_info *)shared_page;
	install_traps();
	test_main();
	result("PASS");
	guest_shutdown(SHUTDOWN_poweroff);
}

uint64_t random_state[MAX_TEST_VCPUS];

void random_seed(uint64_t seed)
{
	for (unsigned i = 0; i < MAX_TEST_VCPUS; i++)
		random_state[i] = seed * (i + 1);
}

uint64_t random_here(void)
{
	return random_next(&random_state[vcpu_id()]);
}

uint64_t below(uint64_t n)
{
	return (random_here() >> 9) % n;
}

/* ---- what many tests do ---- */

static void (*racing)(void);
static volatile unsigned racers, racers_begun, racers_ended;

void wait_for(const volatile uint64_t *counter, uint64_t value, const char *whom)
{
	uint64_t start = system_time();

	while (*counter < value) {
		yield();
		if (system_time() - start > 60000000000ULL)
			fail("%s stands still", whom);
	}
}

void vcpu_down(unsigned id)
{
	check_eq(vcpu_op(VCPUOP_down, id, NULL), 0);
}

void vcpu_stop(void)
{
	for (;;)
		vcpu_op(VCPUOP_down, vcpu_id(), NULL);
}

static void racer(void)
{
	__atomic_add_fetch(&racers_begun, 1, __ATOMIC_SEQ_CST);
	wait_until(racers_begun >= racers);
	racing();
	__atomic_add_fetch(&racers_ended, 1, __ATOMIC_SEQ_CST);
	if (vcpu_id())
		vcpu_stop();
}

void race(unsigned n, void (*fn)(void))
{
	racing = fn;
	racers = n;
	for (unsigned i = 1; i < n; i++)
		vcpu_start(i, racer);
	racer();
	wait_until(racers_ended == n);
}

bool swallow_events(struct trap_frame *f)
{
	if (f->vector != TRAP_EVENT)
		return false;
	vcpu_info()->evtchn_upcall_pending = 0;
	vcpu_info()->evtchn_pending_sel = 0;
	return true;
}

long grant_op(unsigned cmd, void *arg, unsigned n)
{
	return hypercall(grant_table_op, (long)cmd, arg, (long)n);
}

void grant_table_frames(xen_pfn_t *frames, unsigned n)
{
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = n,
					.frame_list = (uintptr_t)frames };

	check_eq(grant_op(GNTTABOP_setup_table, &s, 1), 0);
	check_eq(s.status, GNTST_okay);
}

xen_pfn_t grant_table_frame(void)
{
	xen_pfn_t frame = 0;

	grant_table_frames(&frame, 1);
	return frame;
}

struct grant_entry_v1 *grant_table_map(void)
{
	void *page = page_alloc();

	check_eq(map_page(page, grant_table_frame(), PTE_KERNEL), 0);
	return page;
}

domid_t own_domid(void)
{
	struct evtchn_status s = { .dom = DOMID_SELF, .port = unbound_port() };
	unsigned other = bind_port(s.port);

	check_eq(evtchn_op(EVTCHNOP_status, &s), 0);
	close_event(s.port);
	close_event(other);
	return s.u.interdomain.dom;
}

int user_run(struct user *u, const void *code, size_t n)
{
	memset(u->code, 0xcc, PAGE_SIZE);
	memcpy(u->code, code, n);
	return probe_user(USER_CODE, USER_STACK + PAGE_SIZE);
}

void check_user_frame(unsigned long rip)
{
	check_eq(probe_frame.rip, rip);
	check_eq(probe_frame.cs & 0xffff, USER_CS);
	check_eq(probe_frame.ss & 0xffff, USER_SS);
	check_eq(probe_frame.rflags & 0x202, 0x202);
}

void user_iret(void *context)
{
#ifdef __i386__
	/* The CPU takes ring 1's data segments away on the way to ring 3. */
	__asm__ volatile("movl %0, %%ds; movl %0, %%es" ::"r"(FLAT_USER_DS));
#endif
	raw_iret(context);
}

struct iret_context iret_context(uintptr_t rip, unsigned long cs, unsigned long rflags,
				 unsigned long rsp, unsigned long ss, unsigned long flags)
{
#ifdef __i386__
	return (struct iret_context){ 0, rip, cs, rflags, rsp, ss };
#else
	return (struct iret_context){
		.flags = flags, .rip = rip, .cs = cs, .rflags = rflags, .rsp = rsp, .ss = ss,
	};
#endif
}
