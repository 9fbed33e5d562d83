/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The image is linked at IMAGE_VIRT_START and loaded at IMAGE_PHYS_START. Sections that get their
 * own page rights start on a page. .entry.text stays mapped while a guest of an unmapped hypervisor
 * runs; .init.* is freed before the first guest does.
 */
#include "cpu/entry_area.h"
#include "cpu/layout.h"

OUTPUT_FORMAT("elf64-x86-64")
OUTPUT_ARCH(i386:x86-64)
ENTRY(start32)

PHDRS
{
	text PT_LOAD;
}

SECTIONS
{
	. = IMAGE_VIRT_START;
	_start = .;
	.text : AT(ADDR(.text) - IMAGE_VIRT_START + IMAGE_PHYS_START) {
		KEEP(*(.multiboot))
		*(.text.start)
		*(.text .text.*)
		. = ALIGN(4096);
		_entry_start = .;
		*(.entry.text)
		*(.entry.rodata)
		. = ALIGN(4096);
		_entry_end = .;
	} :text
	_text_end = .;

	.rodata ALIGN(4096) : AT(ADDR(.rodata) - IMAGE_VIRT_START + IMAGE_PHYS_START) {
		*(.rodata .rodata.*)
		. = ALIGN(8);
		_extable_start = .;
		KEEP(*(.extable))
		_extable_end = .;
		_alternatives_start = .;
		KEEP(*(.alternatives))
		_alternatives_end = .;
		_options_start = .;
		KEEP(*(.options))
		_options_end = .;
		. = ALIGN(4);
		_build_id_start = .;
		KEEP(*(.note.gnu.build-id))
		_build_id_end = .;
		_symbols = .;
		KEEP(*(.symbols))
		. = ALIGN(4096);
	} :text
	_rodata_end = .;

	.data ALIGN(4096) : AT(ADDR(.data) - IMAGE_VIRT_START + IMAGE_PHYS_START) {
		. = ALIGN(8);
		_latency_start = .;
		KEEP(*(.data.latency))
		_latency_end = .;
		*(.data .data.*)
		*(.got .got.*)
		. = ALIGN(4096);
	} :text
	_data_end = .;

	_init_start = .;
	.init ALIGN(4096) : AT(ADDR(.init) - IMAGE_VIRT_START + IMAGE_PHYS_START) {
		*(.init.text .init.text.*)
		. = ALIGN(16);
		*(.init.rodata .init.rodata.*)
		. = ALIGN(16);
		*(.init.data .init.data.*)
		. = ALIGN(16);
		*(.init.bss .init.bss.*)
		. = ALIGN(4096);
	} :text
	_init_end = .;

	.bss ALIGN(4096) (NOLOAD) : AT(ADDR(.bss) - IMAGE_VIRT_START + IMAGE_PHYS_START) {
		*(.bss.stack)
		*(.bss.pages)
		*(.bss .bss.* COMMON)
		. = ALIGN(4096);
	} :text
	_end = .;

	/DISCARD/ : {
		*(.comment .note .note.* .eh_frame .gnu.* .interp .dynamic .dynsym .dynstr .hash)
	}
}

/* Each stub ends before the next one begins in the CPUs' pages. */
#define FITS(stub, bytes) ASSERT(stub##_end - stub <= (bytes), "a stub is too long")
FITS(syscall_stub, STUB32_OFFSET)
FITS(syscall_stub_u, STUB32_OFFSET)
FITS(syscall32_stub, STUB_RING1_OFFSET - STUB32_OFFSET)
FITS(syscall32_stub_u, STUB_RING1_OFFSET - STUB32_OFFSET)
FITS(syscall_stub_ring1, STUB32_RING1_OFFSET - STUB_RING1_OFFSET)
