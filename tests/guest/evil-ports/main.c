// SPDX-License-Identifier: GPL-2.0-or-later
// vcpus: 2
/*
 * I/O privilege: IOPL 3 by hypercall, by POPF and by iret, an I/O bitmap that allows everything,
 * one that another vcpu changes and one that lies where nothing is; VM86 by iret. The real IOPL
 * stays 0, no access reaches a device: ports read as ones, and writes to the keyboard controller's
 * reset line, to the CMOS clock, to PCI configuration and to the serial port do nothing.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"
#include "pv-abi/physdev.h"

const char test_name[] = "evil-ports";

static struct user user;
static uint8_t bitmap[8192 + 8] __attribute__((aligned(4096)));
static volatile bool over;

static uint32_t in_long(uint16_t port)
{
	uint32_t v;

	__asm__ volatile("inl %w1, %0" : "=a"(v) : "d"((uint32_t)port));
	return v;
}

static void in(void *arg)
{
	if (in_long((uintptr_t)arg) != ~0U)
		fail("port %p gave something", arg);
}

static void in_byte(void *arg)
{
	uint8_t v;

	__asm__ volatile("inb %w1, %0" : "=a"(v) : "d"(arg));
	if (v != 0xff)
		fail("port %p gave %#x", arg, v);
}

static void out(void *arg)
{
	uintptr_t port = (uintptr_t)arg;

	__asm__ volatile("outb %0, %w1" ::"a"((uint8_t)0xfe), "d"(port));
	__asm__ volatile("outw %w0, %w1" ::"a"((uint16_t)0xfefe), "d"(port));
	__asm__ volatile("outl %0, %w1" ::"a"(0x80000000U), "d"(port));
}

static void string(void *arg)
{
	static uint8_t buffer[64];
	void *di = buffer, *si = buffer;
	unsigned long n = 16;

	__asm__ volatile("rep insl" : "+D"(di), "+c"(n) : "d"(arg) : "memory");
	for (int i = 0; i < 64; i++)
		check_eq(buffer[i], 0xff);
	n = 16;
	__asm__ volatile("rep outsl" : "+S"(si), "+c"(n) : "d"(arg) : "memory");
}

static void try_all(bool allowed, const char *what)
{
	static const uint16_t ports[] = { 0x20,	 0x21,	0x40,  0x60,  0x61,  0x64,   0x70,  0x71,
					  0x80,	 0x92,	0xa0,  0xcf8, 0xcf9, 0xcfc,  0x3d4, 0x3f8,
					  0x3fd, 0x402, 0x4d0, 0x600, 0x604, 0xb004, 0xfffc };

	for (unsigned i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		void *port = (void *)(uintptr_t)ports[i];
		void (*const ways[4])(void *) = { ports[i] == 0xcf8 ? in_byte : in, in_byte, out,
						  string };

		for (int w = 0; w < 4; w++) {
			int v = ports[i] == 0xcf8 && w == 3 ? -2 : probe(ways[w], port);

			if (v != -2 && v != (allowed ? -1 : 13))
				fail("%s: port %#x by way %d ended in vector %d", what, ports[i], w,
				     v);
		}
	}
}

static unsigned long real_flags(void)
{
	unsigned long flags;

	__asm__ volatile("pushf; pop %0" : "=r"(flags));
	return flags;
}

static long set_iopl(unsigned iopl)
{
	struct physdev_set_iopl op = { .iopl = iopl };

	return hypercall(physdev_op, (long)PHYSDEVOP_set_iopl, &op);
}

static long set_bitmap(uintptr_t at, uint32_t ports)
{
	struct physdev_set_iobitmap op = { .bitmap = at, .nr_ports = ports };

	return hypercall(physdev_op, (long)PHYSDEVOP_set_iobitmap, &op);
}

static void flip(void)
{
	while (!over)
		for (unsigned i = 0; i < sizeof(bitmap); i++)
			bitmap[i] ^= 0xff;
	vcpu_stop();
}

void test_main(void)
{
	user_new(&user);
	try_all(false, "without privilege");
	/* POPF cannot, and says nothing. */
	__asm__ volatile("pushf; orl $0x3000, (" SP "); popf" ::: "memory");
	check_eq(real_flags() & 0x3000, 0);
	try_all(false, "after popf");
	/* iret with IOPL and VM, to the kernel and to user mode. */
	for (int i = 0; i < 16; i++) {
		unsigned long flags =
			0x202 | (i & 3) << 12 | (i & 4 ? 0x20000 : 0) | (i & 8 ? 0x180000 : 0);
#ifdef __i386__
		/* With four segments behind it, in case of VM. */
		struct {
			struct iret_context c;
			uint32_t segments[4];
		} frame = { { 0, USER_CODE, USER_CS, flags, USER_STACK + 512, USER_SS }, { 0 } };
#define c frame.c
#else
		struct iret_context c = iret_context(USER_CODE, USER_CS, flags, USER_STACK + 512,
						     USER_SS, 0);
#endif
		int v;

		/* in %dx, %al; and what the flags are */
		memcpy(user.code, i & 1 ? "\x9c\xcc\xcc" : "\xec\xcc\xcc", 3);
		v = probe(raw_iret, &c);
		/* 32-bit kernels are told that there is no VM86. */
		if (sizeof(long) == 4 && (i & 4)) {
			check_eq(v, 13);
		} else if (i & 1) {
			check_eq(v, 3);
			check_eq(*(unsigned long *)(user.stack + 512 - sizeof(long)) & 0x23000, 0);
		} else {
			check_eq(v, 13);
		}
	}
	/* The virtual IOPL lets the accesses be emulated; they reach nothing. */
	for (unsigned iopl = 1; iopl < 4; iopl++) {
		check_eq(set_iopl(iopl), 0);
		check_eq(real_flags() & 0x3000, 0);
		try_all(true, "with a virtual IOPL");
	}
	check_refused(set_iopl(4));
	check_refused(set_iopl(~0U));
	check_eq(set_iopl(0), 0);
	try_all(false, "without it again");
	/* Bitmaps: ours, too long, wild, on the edge. */
	check_eq(set_bitmap((uintptr_t)bitmap, 65536), 0);
	try_all(true, "with a bitmap");
	check_refused(set_bitmap((uintptr_t)bitmap, 65537));
#ifdef __i386__
	/* Up to the end of its 4 GiB and beyond there is nothing to be read. */
	for (uintptr_t at = -0x1000UL; at < 0x1000; at += 0xfff) {
		set_bitmap(at, 65536);
		try_all(false, "with a bitmap at the end");
	}
#else
	check_refused(set_bitmap(0xffff830000000000UL, 65536));
	check_refused(set_bitmap(0xffff7fffffffffffUL, 65536));
	check_refused(set_bitmap(-1UL, 65536));
#endif
	check_eq(set_bitmap(0x1000, 65536), 0);
	try_all(false, "with a bitmap where nothing is");
	check_eq(set_bitmap((uintptr_t)bitmap, 1), 0);
	check_eq(probe(in, (void *)0x70UL), 13);
	check_eq(set_bitmap((uintptr_t)bitmap, 65536), 0);
	vcpu_start(1, flip);
	for (int i = 0; i < 3000; i++) {
		int v = probe(in, (void *)(uintptr_t)(i * 7 & 0xffff));

		check(v == -1 || v == 13);
	}
	over = true;
	check_eq(set_bitmap(0, 0), 0);
	try_all(false, "without a bitmap");
}
