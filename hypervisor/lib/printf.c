// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/printk.h"
#include "lib/string.h"

/*
 * Widths of anything and precisions of numbers beyond this are a mistake, would overflow the sums
 * below, and take seconds.
 */
#define WIDTH_MAX 4096

/* Where the characters go: `len` counts all of them, also those that no longer fit. */
struct sink {
	char *buf;
	size_t size, len;
};

struct spec {
	bool left, zero, alt, plus, space, upper, is_signed;
	unsigned base;
	int width;
	int precision; /* -1: none given */
};

static void put_char(struct sink *s, char c)
{
	if (s->len + 1 < s->size)
		s->buf[s->len] = c;
	s->len++;
}

static void put_repeated(struct sink *s, char c, int n)
{
	while (n-- > 0)
		put_char(s, c);
}

static void put_string(struct sink *s, const struct spec *f, const char *str)
{
	int len;

	if (!str)
		str = "(null)";
	len = (int)strnlen(str, f->precision >= 0 ? (size_t)f->precision : 0x7fffffff);
	if (!f->left)
		put_repeated(s, ' ', f->width - len);
	for (int i = 0; i < len; i++)
		put_char(s, str[i]);
	if (f->left)
		put_repeated(s, ' ', f->width - len);
}

static void put_number(struct sink *s, const struct spec *f, u64 v)
{
	const char *digits = f->upper ? "0123456789ABCDEF" : "0123456789abcdef";
	const char *prefix = "";
	char out[24];
	int n = 0, zeros, pad;

	if (f->is_signed) {
		if ((s64)v < 0) {
			prefix = "-";
			v = -v;
		} else if (f->plus) {
			prefix = "+";
		} else if (f->space) {
			prefix = " ";
		}
	} else if (f->alt && f->base == 16 && v) {
		prefix = f->upper ? "0X" : "0x";
	}

	for (; v; v /= f->base)
		out[n++] = digits[v % f->base];
	if (!n && f->precision != 0)
		out[n++] = '0';

	zeros = max(min(f->precision, WIDTH_MAX) - n, 0);
	pad = f->width - n - zeros - (int)strlen(prefix);
	if (f->zero && !f->left && f->precision < 0 && pad > 0) {
		zeros = pad;
		pad = 0;
	}
	if (!f->left)
		put_repeated(s, ' ', pad);
	while (*prefix)
		put_char(s, *prefix++);
	put_repeated(s, '0', zeros);
	while (n)
		put_char(s, out[--n]);
	if (f->left)
		put_repeated(s, ' ', pad);
}

static const char *parse_flags(const char *p, struct spec *f)
{
	for (;; p++) {
		switch (*p) {
		case '-':
			f->left = true;
			break;
		case '0':
			f->zero = true;
			break;
		case '#':
			f->alt = true;
			break;
		case '+':
			f->plus = true;
			break;
		case ' ':
			f->space = true;
			break;
		default:
			return p;
		}
	}
}

static const char *parse_decimal(const char *p, int *out)
{
	int v = 0;

	for (; *p >= '0' && *p <= '9'; p++)
		v = min(v * 10 + (*p - '0'), WIDTH_MAX);
	*out = v;
	return p;
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct sink s = { .buf = buf, .size = size };

	for (const char *p = fmt; *p; p++) {
		struct spec f = { .precision = -1, .base = 10 };
		unsigned bytes = sizeof(int);
		u64 v;

		if (*p != '%') {
			put_char(&s, *p);
			continue;
		}
		p = parse_flags(p + 1, &f);
		if (*p == '*') {
			int w = va_arg(ap, int);

			f.left |= w < 0;
			f.width = w < -WIDTH_MAX || w > WIDTH_MAX ? WIDTH_MAX : w < 0 ? -w : w;
			p++;
		} else {
			p = parse_decimal(p, &f.width);
		}
		if (*p == '.') {
			p++;
			if (*p == '*') {
				f.precision = max(va_arg(ap, int), -1);
				p++;
			} else {
				p = parse_decimal(p, &f.precision);
			}
		}
		if (*p == 'h') {
			bytes = sizeof(short);
			if (*++p == 'h') {
				bytes = sizeof(char);
				p++;
			}
		} else if (*p == 'l' || *p == 'z' || *p == 'j' || *p == 't') {
			bytes = sizeof(u64);
			if (*p++ == 'l' && *p == 'l')
				p++;
		}

		switch (*p) {
		case 'c':
			if (!f.left)
				put_repeated(&s, ' ', f.width - 1);
			put_char(&s, (char)va_arg(ap, int));
			if (f.left)
				put_repeated(&s, ' ', f.width - 1);
			break;
		case 's':
			put_string(&s, &f, va_arg(ap, const char *));
			break;
		case 'p':
			f.base = 16;
			f.alt = true;
			put_number(&s, &f, (uintptr_t)va_arg(ap, void *));
			break;
		case 'd':
		case 'i':
			f.is_signed = true;
			v = bytes == sizeof(u64) ? (u64)va_arg(ap, s64) : (u64)va_arg(ap, int);
			if (bytes < sizeof(int))
				v = bytes == 1 ? (u64)(s8)v : (u64)(s16)v;
			put_number(&s, &f, v);
			break;
		case 'X':
			f.upper = true;
			/* fallthrough */
		case 'x':
			f.base = 16;
			/* fallthrough */
		case 'u':
			v = bytes == sizeof(u64) ? va_arg(ap, u64) : va_arg(ap, unsigned);
			if (bytes < sizeof(int))
				v = bytes == 1 ? (u8)v : (u16)v;
			put_number(&s, &f, v);
			break;
		case '%':
			put_char(&s, '%');
			break;
		case 0:
			p--;
			break;
		default:
			/* Shown as it is: the mistake is in our own source. */
			put_char(&s, '%');
			put_char(&s, *p);
			break;
		}
	}
	if (size)
		buf[min(s.len, size - 1)] = 0;
	return (int)s.len;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}
