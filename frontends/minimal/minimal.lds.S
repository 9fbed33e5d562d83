/* SPDX-License-Identifier: MIT */
#ifdef BITS32
#define BASE 0xc0000000
OUTPUT_FORMAT("elf32-i386")
#else
#define BASE 0xffffffff80000000
OUTPUT_FORMAT("elf64-x86-64")
#endif
ENTRY(_start)
PHDRS
{
	text PT_LOAD FLAGS(7);
	note PT_NOTE FLAGS(4);
}
SECTIONS
{
	. = BASE + 0x100000;
	.text : AT(ADDR(.text) - BASE) { *(.text.start) *(.text .text.*) } :text
	.rodata : AT(ADDR(.rodata) - BASE) {
		. = ALIGN(4);
		image_begin = .;
		*(.rodata .rodata.*)
		. = ALIGN(4);
		image_end = .;
	} :text
	.note : AT(ADDR(.note) - BASE) { KEEP(*(.note.xen)) } :text :note
	.data ALIGN(4096) : AT(ADDR(.data) - BASE) { *(.data .data.*) } :text
	.bss ALIGN(4096) : AT(ADDR(.bss) - BASE) { *(.bss .bss.* COMMON) } :text
	/DISCARD/ : { *(.comment .note.gnu.* .note.GNU-stack .eh_frame) }
}
