// SPDX-License-Identifier: MIT
#include "frontends/minimal/kernel.h"

static struct console console;
static bool has_console;

static struct {
	char text[512];
	size_t fill;
} line;

void print_open(void)
{
	evtchn_port_t port = start_info->console.domU.evtchn;

	if (!port || (start_info->flags & SIF_INITDOMAIN) || event_listen(port, NULL, NULL))
		return;
	console_open(&console, &frontend, map_frame(start_info->console.domU.mfn), port);
	has_console = true;
}

void print_resume(void)
{
	evtchn_port_t port = start_info->console.domU.evtchn;

	if (has_console && !event_listen(port, NULL, NULL))
		console_resume(&console, port);
}

static void out(char c)
{
	if (line.fill < sizeof(line.text))
		line.text[line.fill++] = c;
}

static void out_number(uint64_t v, unsigned int base, int width, bool zero)
{
	char digits[24];
	int n = 0;

	do {
		uint64_t quotient = 0;
		uint32_t rest = 0;

		for (int shift = 48; shift >= 0; shift -= 16) {
			uint32_t part = rest << 16 | (uint32_t)(v >> shift & 0xffff);

			quotient |= (uint64_t)(part / base) << shift;
			rest = part % base;
		}
		digits[n++] = "0123456789abcdef"[rest];
		v = quotient;
	} while (v);
	for (; width > n; width--)
		out(zero ? '0' : ' ');
	while (n)
		out(digits[--n]);
}

static void out_string(const char *s)
{
	while (*s)
		out(*s++);
}

static void format_line(const char *format, __builtin_va_list args)
{
	for (; *format; format++) {
		bool zero = false;
		int width = 0, longs = 0;
		uint64_t v;

		if (*format != '%') {
			out(*format);
			continue;
		}
		for (format++; *format == '0'; format++)
			zero = true;
		for (; *format >= '0' && *format <= '9'; format++)
			width = width * 10 + *format - '0';
		for (; *format == 'l'; format++)
			longs++;
		switch (*format) {
		case 's':
			out_string(__builtin_va_arg(args, const char *));
			continue;
		case 'c':
			out((char)__builtin_va_arg(args, int));
			continue;
		case 'd':
			v = (uint64_t)(longs > 1 ? __builtin_va_arg(args, long long) :
				       longs ? __builtin_va_arg(args, long) :
				       __builtin_va_arg(args, int));
			if ((int64_t)v < 0) {
				out('-');
				v = -v;
			}
			out_number(v, 10, width, zero);
			continue;
		case 'u':
		case 'x':
			v = longs > 1 ? __builtin_va_arg(args, unsigned long long) :
			    longs ? __builtin_va_arg(args, unsigned long) :
			    __builtin_va_arg(args, unsigned int);
			out_number(v, *format == 'x' ? 16 : 10, width, zero);
			continue;
		default:
			out(*format);
		}
	}
}

static void flush(void)
{
	size_t n = line.fill;

	line.fill = 0;
	if (has_console)
		console_write(&console, line.text, n);
	else
		hypercall(__HYPERVISOR_console_io, (long)CONSOLEIO_write, (long)n, line.text);
}

void print(const char *format, ...)
{
	__builtin_va_list args;

	__builtin_va_start(args, format);
	format_line(format, args);
	__builtin_va_end(args);
	flush();
}

void print_list(const char *first, const char *format, __builtin_va_list args)
{
	__builtin_va_list copy;

	out_string(first);
	__builtin_va_copy(copy, args);
	format_line(format, copy);
	__builtin_va_end(copy);
	out('\n');
	flush();
}
