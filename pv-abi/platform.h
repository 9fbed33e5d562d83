/* SPDX-License-Identifier: MIT */
/* What only dom0's kernel asks of the host: __HYPERVISOR_platform_op(struct xen_platform_op). */
#ifndef PV_ABI_PLATFORM_H
#define PV_ABI_PLATFORM_H

#include "xen.h"

#define XENPF_INTERFACE_VERSION		0x03000001

#define XENPF_settime32			17
#define XENPF_add_memtype		31
#define XENPF_del_memtype		32
#define XENPF_read_memtype		33
#define XENPF_microcode_update		35
#define XENPF_platform_quirk		39
#define XENPF_get_cpu_version		48
#define XENPF_efi_runtime_call		49
#define XENPF_firmware_info		50
#define XENPF_enter_acpi_sleep		51
#define XENPF_change_freq		52
#define XENPF_getidletime		53
#define XENPF_set_processor_pminfo	54
#define XENPF_get_cpuinfo		55
#define XENPF_cpu_online		56
#define XENPF_cpu_offline		57
#define XENPF_cpu_hotadd		58
#define XENPF_mem_hotadd		59
#define XENPF_core_parking		60
#define XENPF_resource_op		61
#define XENPF_settime64			62
#define XENPF_get_symbol		63
#define XENPF_settime			XENPF_settime64

/* platform_quirk */
#define QUIRK_NOIRQBALANCING		1
#define QUIRK_IOAPIC_BAD_REGSEL		2
#define QUIRK_IOAPIC_GOOD_REGSEL	3

/* efi_runtime_call.function */
#define XEN_EFI_get_time			1
#define XEN_EFI_set_time			2
#define XEN_EFI_get_wakeup_time			3
#define XEN_EFI_set_wakeup_time			4
#define XEN_EFI_get_next_high_monotonic_count	5
#define XEN_EFI_get_variable			6
#define XEN_EFI_set_variable			7
#define XEN_EFI_get_next_variable_name		8
#define XEN_EFI_query_variable_info		9
#define XEN_EFI_query_capsule_capabilities	10
#define XEN_EFI_update_capsule			11

/* efi_runtime_call.misc, by function */
#define XEN_EFI_GET_TIME_SET_CLEARS_NS		0x1
#define XEN_EFI_GET_WAKEUP_TIME_ENABLED		0x1
#define XEN_EFI_GET_WAKEUP_TIME_PENDING		0x2
#define XEN_EFI_SET_WAKEUP_TIME_ENABLE		0x1
#define XEN_EFI_SET_WAKEUP_TIME_ENABLE_ONLY	0x2
#define XEN_EFI_VARIABLE_NON_VOLATILE		0x1
#define XEN_EFI_VARIABLE_BOOTSERVICE_ACCESS	0x2
#define XEN_EFI_VARIABLE_RUNTIME_ACCESS		0x4
#define XEN_EFI_VARINFO_BOOT_SNAPSHOT		0x1

/* firmware_info.type, and .index of XEN_FW_EFI_INFO */
#define XEN_FW_DISK_INFO		1	/* BIOS INT 13h, AH=48h; index: n-th disk */
#define XEN_FW_DISK_MBR_SIGNATURE	2
#define XEN_FW_VBEDDC_INFO		3
#define XEN_FW_EFI_INFO			4
#define XEN_FW_KBD_SHIFT_FLAGS		5	/* BIOS INT 16h, function 2 */
#define XEN_FW_EFI_VERSION		0
#define XEN_FW_EFI_CONFIG_TABLE		1
#define XEN_FW_EFI_VENDOR		2
#define XEN_FW_EFI_MEM_INFO		3
#define XEN_FW_EFI_RT_VERSION		4
#define XEN_FW_EFI_PCI_ROM		5
#define XEN_FW_EFI_APPLE_PROPERTIES	6

/* enter_acpi_sleep.flags: the registers are the hardware-reduced sleep registers. */
#define XENPF_ACPI_SLEEP_EXTENDED	0x1

/* set_processor_pminfo.type */
#define XEN_PM_CX			0
#define XEN_PM_PX			1
#define XEN_PM_TX			2
#define XEN_PM_PDC			3
/* Bits saying who manages what, start_info.flags bits 8 and up. */
#define XEN_PROCESSOR_PM_CX		1
#define XEN_PROCESSOR_PM_PX		2
#define XEN_PROCESSOR_PM_TX		4
/* xen_processor_performance.flags: which parts are filled in */
#define XEN_PX_PCT			1
#define XEN_PX_PSS			2
#define XEN_PX_PPC			4
#define XEN_PX_PSD			8
/* xen_processor_performance.shared_type */
#define XEN_CPUPERF_SHARED_TYPE_HW	1
#define XEN_CPUPERF_SHARED_TYPE_ALL	2
#define XEN_CPUPERF_SHARED_TYPE_ANY	3

/* xenpf_pcpuinfo.flags */
#define XEN_PCPU_FLAGS_ONLINE		1
#define XEN_PCPU_FLAGS_INVALID		2	/* no CPU with this number */

#define XEN_CORE_PARKING_SET		1
#define XEN_CORE_PARKING_GET		2

#define XEN_RESOURCE_OP_MSR_READ	0
#define XEN_RESOURCE_OP_MSR_WRITE	1

#ifndef __ASSEMBLER__

/* Wall clock (UTC) that belongs to a system time. */
struct xenpf_settime32 {
	uint32_t secs;
	uint32_t nsecs;
	uint64_t system_time;		/* ns */
};

struct xenpf_settime64 {
	uint64_t secs;
	uint32_t nsecs;
	uint32_t mbz;			/* 0 */
	uint64_t system_time;		/* ns */
};

#define xenpf_settime xenpf_settime64

struct xenpf_add_memtype {
	xen_pfn_t mfn;			/* IN */
	uint64_t nr_mfns;		/* IN */
	uint32_t type;			/* IN: MTRR type */
	uint32_t handle;		/* OUT */
	uint32_t reg;			/* OUT: variable MTRR used */
};

struct xenpf_del_memtype {
	uint32_t handle;		/* IN: 0 if reg identifies it */
	uint32_t reg;			/* IN */
};

struct xenpf_read_memtype {
	uint32_t reg;			/* IN: -EINVAL past the last one */
	xen_pfn_t mfn;			/* OUT */
	uint64_t nr_mfns;		/* OUT */
	uint32_t type;			/* OUT */
};

struct xenpf_microcode_update {
	XEN_GUEST_HANDLE(const_void) data;
	uint32_t length;		/* bytes */
};

struct xenpf_platform_quirk {
	uint32_t quirk_id;		/* QUIRK_* */
};

struct xenpf_efi_time {
	uint16_t year;
	uint8_t month;
	uint8_t day;
	uint8_t hour;
	uint8_t min;
	uint8_t sec;
	uint32_t ns;
	int16_t tz;			/* minutes */
	uint8_t daylight;
};

struct xenpf_efi_guid {
	uint32_t data1;
	uint16_t data2;
	uint16_t data3;
	uint8_t data4[8];
};

struct xenpf_efi_runtime_call {
	uint32_t function;		/* XEN_EFI_* */
	uint32_t misc;			/* flags, or attributes of a variable; IN and OUT */
	xen_ulong_t status;		/* OUT: EFI status */
	union {
		struct {
			struct xenpf_efi_time time;
			uint32_t resolution;
			uint32_t accuracy;
		} get_time;
		struct xenpf_efi_time set_time;
		struct xenpf_efi_time get_wakeup_time;
		struct xenpf_efi_time set_wakeup_time;
		struct {
			XEN_GUEST_HANDLE(void) name;	/* UCS-2, ends with 0 */
			xen_ulong_t size;		/* bytes of data */
			XEN_GUEST_HANDLE(void) data;
			struct xenpf_efi_guid vendor_guid;
		} get_variable, set_variable;
		struct {
			xen_ulong_t size;
			XEN_GUEST_HANDLE(void) name;
			struct xenpf_efi_guid vendor_guid;
		} get_next_variable_name;
		struct {
			uint32_t attr;
			uint64_t max_store_size;
			uint64_t remain_store_size;
			uint64_t max_size;
		} query_variable_info;
		struct {
			XEN_GUEST_HANDLE(void) capsule_header_array;
			xen_ulong_t capsule_count;
			uint64_t max_capsule_size;
			uint32_t reset_type;
		} query_capsule_capabilities;
		struct {
			XEN_GUEST_HANDLE(void) capsule_header_array;
			xen_ulong_t capsule_count;
			uint64_t sg_list;	/* machine address */
		} update_capsule;
	} u;
};

union xenpf_efi_info {
	uint32_t version;
	struct {
		uint64_t addr;			/* machine address of the table */
		uint32_t nent;
	} cfg;
	struct {
		uint32_t revision;
		uint32_t bufsz;			/* bytes */
		XEN_GUEST_HANDLE(void) name;	/* UCS-2 */
	} vendor;
	struct {
		uint64_t addr;			/* IN */
		uint64_t size;			/* IN and OUT: at most to its region's end */
		uint64_t attr;
		uint32_t type;
	} mem;
	struct {
		uint16_t segment;		/* IN */
		uint8_t bus;			/* IN */
		uint8_t devfn;			/* IN */
		uint16_t vendor;		/* IN */
		uint16_t devid;			/* IN */
		uint64_t address;		/* OUT */
		xen_ulong_t size;		/* OUT */
	} pci_rom;
	struct {
		uint64_t address;
		xen_ulong_t size;
	} apple_properties;
};

struct xenpf_firmware_info {
	uint32_t type;			/* IN: XEN_FW_* */
	uint32_t index;			/* IN */
	union {
		struct {
			uint8_t device;		/* BIOS drive, 0x80 and up */
			uint8_t version;	/* of the EDD extensions */
			uint16_t interface_support;
			uint16_t legacy_max_cylinder;
			uint8_t legacy_max_head;
			uint8_t legacy_sectors_per_track;
			XEN_GUEST_HANDLE(void) edd_params;	/* first word: bytes of room */
		} disk_info;
		struct {
			uint8_t device;
			uint32_t mbr_signature;
		} disk_mbr_signature;
		struct {
			uint8_t capabilities;
			uint8_t edid_transfer_time;	/* s per 64 bytes */
			XEN_GUEST_HANDLE(uint8) edid;	/* room for 128 bytes */
		} vbeddc_info;
		union xenpf_efi_info efi_info;
		uint8_t kbd_shift_flags;
	} u;				/* OUT */
};

/* Writes PM1a and PM1b control (or the reduced sleep registers) and powers down. */
struct xenpf_enter_acpi_sleep {
	uint16_t val_a;
	uint16_t val_b;
	uint32_t sleep_state;		/* 1 to 5 */
	uint32_t flags;			/* XENPF_ACPI_SLEEP_EXTENDED */
};

struct xenpf_change_freq {
	uint32_t flags;			/* 0 */
	uint32_t cpu;
	uint64_t freq;			/* Hz */
};

struct xenpf_getidletime {
	XEN_GUEST_HANDLE(uint8) cpumap_bitmap;	/* IN: CPUs wanted; OUT: CPUs answered */
	uint32_t cpumap_nr_cpus;		/* IN: bits in cpumap_bitmap */
	XEN_GUEST_HANDLE(uint64) idletime;	/* OUT: ns since boot, indexed by CPU */
	uint64_t now;				/* OUT: system time, ns */
};

/* An ACPI generic address. */
struct xen_power_register {
	uint32_t space_id;
	uint32_t bit_width;
	uint32_t bit_offset;
	uint32_t access_size;
	uint64_t address;
};

/* ACPI _CSD: which CPUs change their C-state together. */
struct xen_processor_csd {
	uint32_t domain;
	uint32_t coord_type;
	uint32_t num;
};

struct xen_processor_cx {
	struct xen_power_register reg;
	uint8_t type;			/* C1 = 1 ... */
	uint32_t latency;		/* us */
	uint32_t power;			/* mW */
	uint32_t dpcnt;
	XEN_GUEST_HANDLE(xen_processor_csd_t) dp;	/* dpcnt entries */
};

struct xen_processor_flags {
	uint32_t bm_control:1;
	uint32_t bm_check:1;
	uint32_t has_cst:1;
	uint32_t power_setup_done:1;
	uint32_t bm_rld_set:1;
};

struct xen_processor_power {
	uint32_t count;			/* C-states */
	struct xen_processor_flags flags;
	XEN_GUEST_HANDLE(xen_processor_cx_t) states;
};

/* ACPI _PCT register descriptor. */
struct xen_pct_register {
	uint8_t descriptor;
	uint16_t length;
	uint8_t space_id;
	uint8_t bit_width;
	uint8_t bit_offset;
	uint8_t reserved;
	uint64_t address;
};

/* ACPI _PSS entry. */
struct xen_processor_px {
	uint64_t core_frequency;	/* MHz */
	uint64_t power;			/* mW */
	uint64_t transition_latency;	/* us */
	uint64_t bus_master_latency;	/* us */
	uint64_t control;
	uint64_t status;
};

/* ACPI _PSD. */
struct xen_psd_package {
	uint64_t num_entries;
	uint64_t revision;
	uint64_t domain;
	uint64_t coord_type;
	uint64_t num_processors;
};

struct xen_processor_performance {
	uint32_t flags;			/* XEN_PX_* */
	uint32_t platform_limit;	/* fastest P-state allowed */
	struct xen_pct_register control_register;
	struct xen_pct_register status_register;
	uint32_t state_count;
	XEN_GUEST_HANDLE(xen_processor_px_t) states;
	struct xen_psd_package domain_info;
	uint32_t shared_type;		/* XEN_CPUPERF_SHARED_TYPE_* */
};

struct xenpf_set_processor_pminfo {
	uint32_t id;			/* ACPI processor id */
	uint32_t type;			/* XEN_PM_* */
	union {
		struct xen_processor_power power;
		struct xen_processor_performance perf;
		XEN_GUEST_HANDLE(uint32) pdc;	/* _PDC words, changed in place */
	} u;
};

struct xenpf_pcpuinfo {
	uint32_t xen_cpuid;		/* IN: CPU number; OUT likewise */
	uint32_t max_present;		/* OUT: highest CPU number */
	uint32_t flags;			/* OUT: XEN_PCPU_FLAGS_* */
	uint32_t apic_id;		/* OUT */
	uint32_t acpi_id;		/* OUT */
};

struct xenpf_pcpu_version {
	uint32_t xen_cpuid;		/* IN */
	uint32_t max_present;		/* OUT */
	char vendor_id[12];		/* OUT: not terminated */
	uint32_t family;		/* OUT */
	uint32_t model;			/* OUT */
	uint32_t stepping;		/* OUT */
};

struct xenpf_cpu_ol {
	uint32_t cpuid;
};

struct xenpf_cpu_hotadd {
	uint32_t apic_id;
	uint32_t acpi_id;
	uint32_t pxm;			/* proximity domain */
};

struct xenpf_mem_hotadd {
	uint64_t spfn;
	uint64_t epfn;			/* exclusive */
	uint32_t pxm;
	uint32_t flags;
};

struct xenpf_core_parking {
	uint32_t type;			/* XEN_CORE_PARKING_* */
	uint32_t idle_nums;		/* IN or OUT: CPUs forced idle */
};

struct xenpf_resource_entry {
	union {
		uint32_t cmd;		/* IN: XEN_RESOURCE_OP_* */
		int32_t ret;		/* OUT: negative errno */
	} u;
	uint32_t rsvd;			/* 0 */
	uint64_t idx;			/* MSR number */
	uint64_t val;
};

struct xenpf_resource_op {
	uint32_t nr_entries;		/* IN */
	uint32_t cpu;			/* IN: where to run them */
	XEN_GUEST_HANDLE(xenpf_resource_entry_t) entries;
};

struct xenpf_symdata {
	uint32_t namelen;		/* IN: room; OUT: length with NUL */
	uint32_t symnum;		/* IN: which; OUT: the next one */
	XEN_GUEST_HANDLE(char) name;
	uint64_t address;		/* OUT */
	char type;			/* OUT: as nm(1) prints it */
};


struct xen_platform_op {
	uint32_t cmd;			/* XENPF_* */
	uint32_t interface_version;	/* XENPF_INTERFACE_VERSION */
	union {
		struct xenpf_settime64 settime;
		struct xenpf_settime32 settime32;
		struct xenpf_settime64 settime64;
		struct xenpf_add_memtype add_memtype;
		struct xenpf_del_memtype del_memtype;
		struct xenpf_read_memtype read_memtype;
		struct xenpf_microcode_update microcode;
		struct xenpf_platform_quirk platform_quirk;
		struct xenpf_efi_runtime_call efi_runtime_call;
		struct xenpf_firmware_info firmware_info;
		struct xenpf_enter_acpi_sleep enter_acpi_sleep;
		struct xenpf_change_freq change_freq;
		struct xenpf_getidletime getidletime;
		struct xenpf_set_processor_pminfo set_pminfo;
		struct xenpf_pcpuinfo pcpu_info;
		struct xenpf_pcpu_version pcpu_version;
		struct xenpf_cpu_ol cpu_ol;
		struct xenpf_cpu_hotadd cpu_add;
		struct xenpf_mem_hotadd mem_add;
		struct xenpf_core_parking core_parking;
		struct xenpf_resource_op resource_op;
		struct xenpf_symdata symdata;
		uint8_t pad[128];
	} u;
};

#endif /* !__ASSEMBLER__ */

#endif /* PV_ABI_PLATFORM_H */
