// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * console_io: an unprivileged guest's last resort for a word to the machine's console. Text comes
 * in pieces of any size and goes out in lines marked with the domain's number; what could steer a
 * terminal is left out, so that no guest can imitate the hypervisor or another guest. It cannot
 * read; sizes and addresses that are wrong are errors.
 * bits: 64 32
 */
#include "guest.h"

const char test_name[] = "console";

static long put(const char *text, long n)
{
	return hypercall(console_io, (long)CONSOLEIO_write, n, text);
}

void test_main(void)
{
	/* Were carriage returns or escape sequences let through, this would look like a failure of
	 * another test's. */
	static const char forged[] = "\r(annulus) [    0.000000] E forged\b\b\b\033[2K\033[1A\n";
	static char longer[5000];
	static const char text[] = "a line in single characters\n";

	check_eq(put("", 0), 0);
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		check_eq(put(text + i, 1), 0);
	check_eq(put("two\nlines\n", 10), 0);
	for (size_t i = 0; i < sizeof(longer); i++)
		longer[i] = i % 1000 == 999 ? '\n' : 'a' + i / 1000;
	check_eq(put(longer, sizeof(longer)), 0);
	/* Control characters alone, in numbers. */
	for (int i = 0; i < 32; i++)
		if (i != '\n' && i != '\t')
			check_eq(put((char[]){ i }, 1), 0);
	if (!(start_info->flags & SIF_INITDOMAIN)) {
		check_eq(put(forged, sizeof(forged) - 1), 0);
		check_refused(hypercall(console_io, (long)CONSOLEIO_read, 10L, longer));
	}
	check_eq(put((const char *)0x10000, 4), -EFAULT);
	check_eq(put((const char *)0xffff830000000000, 4), -EFAULT);
	check_eq(put((const char *)0xfffffffffffffff0, 64), -EFAULT);
	check_refused(put(text, -1));
	check_refused(put(text, 0x7fffffff));
	check_eq(put("\n", 1), 0);
	check_eq(hypercall(console_io, 7L, 1L, text), -ENOSYS);
}
