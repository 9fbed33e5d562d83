// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine/efi.h"

#include "cpu/cpu.h"
#include "cpu/debugreg.h"
#include "cpu/layout.h"
#include "cpu/msr.h"
#include "cpu/pte.h"
#include "cpu/tlb.h"
#include "lib/cmdline.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "machine/efi_map.h"
#include "memory/e820.h"
#include "memory/heap.h"
#include "memory/ioremap.h"
#include "memory/paging.h"
#include "pv-abi/errno.h"

#define SYSTEM_SIGNATURE  0x5453595320494249ULL /* "IBI SYST" (UEFI 2.10, 4.3.1) */
#define RUNTIME_SIGNATURE 0x56524553544e5552ULL /* "RUNTSERV" (4.5.1) */
#define LOW_HALF          0x800000000000ULL
#define RESET_COLD        0
#define RESET_SHUTDOWN    2
/* What a call that faulted leaves in place of a status: no service's. */
#define FAULTED           (EFI_ERROR_BIT | 0x7fffffff)

struct table_header {
	u64 signature;
	u32 revision, size, crc32, reserved;
};
struct system_table {
	struct table_header head;
	u64 vendor;
	u32 firmware_revision, pad;
	u64 consoles[6], runtime, boot;
	u64 nr_config, config;
};
struct runtime_table {
	struct table_header head;
	u64 service[EFI_SERVICES];
};

struct efi_info efi_info;
static paddr_t runtime_table_pa __initdata;
/* Why there are no services, for the line at boot. */
static const char *refusal __initdata;

static bool opt_services = true;

static const char *set_efi(const char *v)
{
	if (!strcmp(v, "no-rs") || !strcmp(v, "rs=0") || !strcmp(v, "rs=off"))
		opt_services = false;
	else if (!strcmp(v, "rs") || !strcmp(v, "rs=1") || !strcmp(v, "rs=on"))
		opt_services = true;
	else
		return "use rs or no-rs";
	return NULL;
}
OPTION_FN("efi", set_efi);

/* Under efi_lock, but for efi_reset(). */
static struct spinlock efi_lock = SPINLOCK_INIT;
static u64 service[EFI_SERVICES]; /* constant; 0: not there */
static u64 *root;                 /* of all calls; NULL: none was made */
static struct efi_buffer *buffer;
static volatile bool usable;
/*
 * The CPU that is in a call: taken by exchange, since a machine that goes down asks no locks.
 */
static struct cpu *volatile inside;

/* efi_call.S */
u64 efi_stack;
u64 efi_enter(u64 function, const u64 args[5]);
extern const u8 efi_left[];
extern const u8 _start[], _text_end[];

/* Memory as the firmware left it; NULL where the boot tables do not lead. */
static __init const void *at_boot(paddr_t pa, u64 size)
{
	if (!pa || pa >= MAPPED_AT_BOOT || size > MAPPED_AT_BOOT - pa)
		return NULL;
	return paddr_to_va(pa);
}

/* The text may lie in memory that is the heap's in a moment. */
static __init void keep_vendor(paddr_t pa)
{
	const u16 *s = at_boot(pa, sizeof(efi_info.vendor));

	for (unsigned i = 0; s && i < ARRAY_SIZE(efi_info.vendor) - 1; i++) {
		memcpy(&efi_info.vendor[i], &s[i], sizeof(s[i]));
		if (!efi_info.vendor[i])
			return;
	}
}

void __init efi_keep_tables(paddr_t pa)
{
	const struct system_table *t = at_boot(pa, sizeof(*t));

	if (!t) {
		refusal = "its system table is above 4 GiB";
		return;
	}
	if (t->head.signature != SYSTEM_SIGNATURE || t->head.size < sizeof(*t)) {
		refusal = "what should be its system table is none";
		return;
	}
	efi_info.present = true;
	efi_info.revision = t->head.revision;
	efi_info.firmware_revision = t->firmware_revision;
	efi_info.config_table = t->config;
	efi_info.nr_config = (u32)min(t->nr_config, (u64)UINT32_MAX);
	keep_vendor(t->vendor);
	runtime_table_pa = t->runtime;
}

/*
 * Each service that lies where the firmware's map says that it keeps code. A pointer that leads
 * elsewhere is as good as none.
 */
static __init const char *find_services(void)
{
	const struct runtime_table *t;

	if (!efi_map_is_runtime(runtime_table_pa, sizeof(*t)))
		return "its runtime services are in no memory of theirs";
	t = map_firmware(runtime_table_pa, sizeof(*t));
	if (!t)
		return "no memory";
	if (t->head.signature != RUNTIME_SIGNATURE)
		return "what should be its runtime services are none";
	efi_info.runtime_revision = t->head.revision;
	for (unsigned i = 0; i < EFI_SERVICES; i++) {
		u64 end = sizeof(t->head) + (i + 1) * sizeof(u64);

		if (end <= t->head.size && efi_map_is_runtime(t->service[i], 1))
			service[i] = t->service[i];
	}
	return NULL;
}

/* The types of memory that the entry allows, the best first; PTE_PAT etc.: features.c's PAT. */
static __init u64 cache_bits(u64 attributes)
{
	if (attributes & EFI_MEMORY_WB)
		return 0;
	if (attributes & EFI_MEMORY_WT)
		return PTE_PWT;
	return PTE_PCD | PTE_PWT;
}

static __init const char *map_runtime(void)
{
	root = paging_new_root();
	if (!root)
		return "no memory";
	for (unsigned i = 0; i < efi_map.n; i++) {
		const struct efi_descriptor *d = &efi_map.e[i];
		u64 size = d->pages << PAGE_SHIFT, flags = cache_bits(d->attributes) | PTE_RW;

		if (!(d->attributes & EFI_MEMORY_RUNTIME))
			continue;
		if (d->start + size > LOW_HALF)
			return "it wants more than the lower half of the address space";
		for (unsigned k = 0; k < machine_e820.n; k++) {
			const struct e820_range *e = &machine_e820.e[k];

			if (e->type == E820_RAM && e->start < d->start + size &&
			    d->start < e->start + e->size)
				return "memory of its is said to be free";
		}
		if (d->type != EFI_RUNTIME_CODE)
			flags |= cpu_features.nx ? PTE_NX : 0;
		if (!paging_map_in(root, d->start, d->start, size, flags))
			return "no memory";
	}
	buffer = zalloc(ALLOC_MISC, sizeof(*buffer));
	if (!buffer || !paging_map_in(root, va_to_paddr(buffer), va_to_paddr(buffer),
				      ALIGN_UP(sizeof(*buffer), PAGE_SIZE),
				      PTE_RW | (cpu_features.nx ? PTE_NX : 0)))
		return "no memory";
	return NULL;
}

void __init efi_init(void)
{
	if (efi_info.present && !refusal) {
		refusal = !opt_services    ? "efi=no-rs"
			  : !efi_map.n     ? "the boot loader gave no map of its memory"
			  : !efi_map.whole ? "its memory map does not hold together"
					   : find_services();
		if (!refusal)
			refusal = map_runtime();
		usable = !refusal;
	}
	if (!efi_info.present && !refusal)
		return;
	printk(LOG_INFO "efi: UEFI %u.%u, %s%s\n", efi_info.revision >> 16,
	       (efi_info.revision & 0xffff) / 10,
	       usable ? "runtime services" : "no runtime services: ", usable ? "" : refusal);
	if (usable)
		printk(LOG_DEBUG "efi: runtime services at %#llx\n",
		       (unsigned long long)runtime_table_pa);
}

struct efi_buffer *efi_begin(void)
{
	if (!usable)
		return NULL;
	spin_lock(&efi_lock);
	if (usable)
		return buffer;
	spin_unlock(&efi_lock);
	return NULL;
}

void efi_end(void)
{
	spin_unlock(&efi_lock);
}

u64 efi_pointer(const void *in_buffer)
{
	return va_to_paddr(in_buffer);
}

/*
 * Interrupts off, `inside` taken. What guests made global is in the way of addresses that are the
 * firmware's, and so are breakpoints: nothing else in the lower half is executed in ring 0.
 */
static u64 call_on_root(u64 function, const u64 args[5])
{
	u64 cr3 = read_cr3(), dr7, status;

	READ_DR(7, dr7);
	if (dr7 & DR7_ENABLED)
		WRITE_DR(7, DR7_FIXED);
	write_cr3(va_to_paddr(root));
	tlb_flush_local(TLB_GLOBAL);
	status = efi_enter(function, args);
	write_cr3(cr3);
	if (dr7 & DR7_ENABLED)
		WRITE_DR(7, dr7);
	return status;
}

static bool take_inside(void)
{
	struct cpu *nobody = NULL;

	return atomic_cmpxchg(&inside, &nobody, this_cpu());
}

int efi_call(enum efi_service s, const u64 args[5], u64 *status)
{
	u64 flags;

	if (!usable)
		return -EIO;
	if (!service[s])
		return -EOPNOTSUPP;
	flags = local_irq_save();
	/* Who is in it without the lock resets the machine. */
	while (!take_inside())
		cpu_relax();
	*status = call_on_root(service[s], args);
	atomic_set(&inside, NULL);
	local_irq_restore(flags);
	if (*status != FAULTED)
		return 0;
	usable = false;
	printk(LOG_ERR "efi: a runtime service faulted; there are none from now on\n");
	return -EIO;
}

void efi_reset(bool power_off)
{
	const u64 args[5] = { power_off ? RESET_SHUTDOWN : RESET_COLD, EFI_SUCCESS, 0, 0, 0 };

	/* The stacks of NMI and machine checks are smaller than what firmware may ask for. */
	if (!usable || !service[EFI_RESET_SYSTEM] ||
	    (u64)__builtin_frame_address(0) % STACK_SIZE < STACK_SIZE / 2 || !take_inside())
		return;
	call_on_root(service[EFI_RESET_SYSTEM], args);
	atomic_set(&inside, NULL);
}

bool efi_fault(struct regs *r)
{
	if (!inside || inside != this_cpu() ||
	    (r->rip >= (u64)_start && r->rip < (u64)_text_end))
		return false;
	printk(LOG_ERR "efi: exception %u, error code %#x, at %#llx, address %#llx\n",
	       r->vector & 0xff, r->error_code, (unsigned long long)r->rip,
	       (unsigned long long)read_cr2());
	r->rax = FAULTED;
	r->rip = (u64)efi_left;
	r->rsp = efi_stack;
	r->rflags &= ~(RFLAGS_TF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC);
	return true;
}
