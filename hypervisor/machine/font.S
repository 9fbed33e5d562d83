/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The frame buffer's font: what scripts/font.py took out of GRUB's. */
	.section .rodata.font, "a"
	.global screen_font
	.balign 16
screen_font:
	.incbin "font.bin"
	.global screen_font_end
screen_font_end:
