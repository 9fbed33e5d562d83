// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/block/format.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME	150	/* bytes of a path that a message has room for */

struct header {
	const char *name, *format;
	uint8_t bytes[65536];
	size_t length;
	char *text;
	size_t size;
};

__attribute__((format(printf, 3, 4)))
static int wrong(const struct header *h, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(h->text, h->size, format, args);
	va_end(args);
	return -error;
}

static int not_one(const struct header *h)
{
	return wrong(h, EINVAL, "%.*s is no %s image, or a broken one; correct format=, or check "
		     "it "
		     "with qemu-img info", NAME, h->name, h->format);
}

static uint64_t big(const struct header *h, size_t at, unsigned int bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | h->bytes[at++];
	return value;
}

static uint64_t little(const struct header *h, size_t at, unsigned int bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | h->bytes[at + bytes];
	return value;
}

/* A name that is somewhere in the header. False: it is not all there, or does not fit. */
static bool take(const struct header *h, uint64_t at, uint64_t length, char *to, size_t size)
{
	if (at > h->length || length > h->length - at || length >= size)
		return false;
	memcpy(to, h->bytes + at, length);
	to[length] = 0;
	return strlen(to) == length;
}

/* As the specification of the format, which comes with QEMU's documentation, has it. */
#define QCOW2_MAGIC		0x514649fbu
#define QCOW2_CORRUPT		2u		/* incompatible features */
#define QCOW2_DATA_FILE		4u
#define QCOW2_KNOWN		0x1fu
#define QCOW2_BACKING_FORMAT	0xe2792acau	/* an extension of the header */

static int check_qcow2(const struct header *h, struct format_backing *backing)
{
	uint64_t at, features = 0;
	unsigned int version;

	if (h->length < 104 || big(h, 0, 4) != QCOW2_MAGIC)
		return not_one(h);
	version = (unsigned int)big(h, 4, 4);
	if (version != 2 && version != 3)
		return not_one(h);
	if (big(h, 20, 4) < 9 || big(h, 20, 4) > 21)
		return not_one(h);
	if (big(h, 32, 4))
		return wrong(h, ENOTSUP, "%.*s is encrypted; convert it with qemu-img "
			     "convert", NAME,
			     h->name);
	if (version == 3)
		features = big(h, 72, 8);
	if (features & QCOW2_CORRUPT)
		return wrong(h, EIO, "%.*s is marked as corrupt; repair it with qemu-img check -r "
			     "all",
			     NAME, h->name);
	if (features & QCOW2_DATA_FILE)
		return wrong(h, ENOTSUP, "%.*s keeps its data in another file; convert it with "
			     "qemu-img convert", NAME, h->name);
	if (features & ~(uint64_t)QCOW2_KNOWN)
		return not_one(h);
	if (!big(h, 8, 8))
		return 0;
	if (!big(h, 16, 4) || !take(h, big(h, 8, 8), big(h, 16, 4), backing->path,
				    sizeof(backing->path)))
		return not_one(h);
	at = version == 3 ? big(h, 100, 4) : 72;
	while (at + 8 <= h->length && big(h, at, 4)) {
		uint64_t length = big(h, at + 4, 4);

		if (big(h, at, 4) == QCOW2_BACKING_FORMAT &&
		    !take(h, at + 8, length, backing->format, sizeof(backing->format)))
			return not_one(h);
		at += 8 + ((length + 7) & ~7ull);
	}
	return 0;
}

/*
 * VMware, Virtual Disk Format 5.0: a sparse extent whose descriptor, a text, is inside. Any other
 * kind is a text that names files anywhere.
 */
static int check_vmdk(const struct header *h)
{
	uint64_t at, length;
	char *text;
	bool parent;

	if (h->length < 512 || memcmp(h->bytes, "KDMV", 4) || !little(h, 12, 8))
		return wrong(h, EINVAL, "%.*s is no vmdk image in one sparse file; convert it with "
			     "qemu-img convert -O qcow2", NAME, h->name);
	at = little(h, 28, 8) * 512;
	length = little(h, 36, 8) * 512;
	if (at > h->length || length > h->length - at)
		return not_one(h);
	text = strndup((const char *)h->bytes + at, length);
	if (!text)
		return wrong(h, ENOMEM, "no memory to look at %.*s", NAME, h->name);
	parent = strstr(text, "parentFileNameHint") || !strstr(text, "monolithicSparse");
	free(text);
	if (parent)
		return wrong(h, ENOTSUP, "%.*s stands on other files; convert it with qemu-img "
			     "convert "
			     "-O qcow2", NAME, h->name);
	return 0;
}

/* Microsoft, Virtual Hard Disk Image Format Specification: the footer, which is in front too. */
static int check_vhd(const struct header *h, int fd)
{
	off_t end = lseek(fd, 0, SEEK_END);
	uint8_t footer[512];
	uint32_t type;

	if (end < 512 || pread(fd, footer, sizeof(footer), end - 512) != sizeof(footer) ||
	    memcmp(footer, "conectix", 8))
		return not_one(h);
	type = (uint32_t)footer[60] << 24 | footer[61] << 16 | footer[62] << 8 | footer[63];
	if (type == 4)
		return wrong(h, ENOTSUP, "%.*s stands on another file; convert it with qemu-img "
			     "convert -O qcow2", NAME, h->name);
	return type == 2 || type == 3 ? 0 : not_one(h);
}

static const struct {
	const char *format, *driver;
} formats[] = {
	{ "qcow2", "qcow2" }, { "vhd", "vpc" }, { "vhdx", "vhdx" }, { "vmdk", "vmdk" },
};

const char *format_driver(const char *format)
{
	size_t i;

	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!strcmp(format, formats[i].format))
			return formats[i].driver;
	return NULL;
}

int format_check(int fd, const char *format, const char *name, struct format_backing *backing,
		 char *text, size_t size)
{
	struct header *h = calloc(1, sizeof(*h));
	ssize_t got;
	int error;

	*backing = (struct format_backing){ 0 };
	if (!h) {
		snprintf(text, size, "no memory to look at %.*s", NAME, name);
		return -ENOMEM;
	}
	*h = (struct header){ .name = name, .format = format, .text = text, .size = size };
	got = pread(fd, h->bytes, sizeof(h->bytes), 0);
	h->length = got > 0 ? (size_t)got : 0;
	if (got < 0)
		error = wrong(h, EIO, "%.*s cannot be read: %s; check the disk that it is on", NAME,
			      name, strerror(errno));
	else if (!strcmp(format, "qcow2"))
		error = check_qcow2(h, backing);
	else if (!strcmp(format, "vmdk"))
		error = check_vmdk(h);
	else if (!strcmp(format, "vhd"))
		error = check_vhd(h, fd);
	else
		error = h->length >= 8 && !memcmp(h->bytes, "vhdxfile", 8) ? 0 : not_one(h);
	free(h);
	return error;
}

/* "json:..." and "protocol:..." are no paths, though a ':' behind a '/' is. */
static bool is_path(const char *name)
{
	size_t n = strcspn(name, ":/");

	return *name && name[n] != ':';
}

static bool is_below(const char *path, const char *directory)
{
	char real[PATH_MAX];
	size_t n;

	if (!realpath(directory, real))
		return false;
	n = strlen(real);
	return !strncmp(path, real, n) && (path[n] == '/' || n == 1);
}

int format_backing_path(const char *image, const char *backing, const char *const *directories,
			char *path, char *text, size_t size)
{
	const char *slash = strrchr(image, '/');
	char joined[PATH_MAX + FORMAT_BACKING_MAX];

	if (!is_path(backing)) {
		snprintf(text, size, "the backing file \"%.*s\" of %.*s is no path; give one with "
			 "qemu-img rebase -u", NAME, backing, NAME, image);
		return -EACCES;
	}
	if (*backing == '/' || !slash)
		snprintf(joined, sizeof(joined), "%s", backing);
	else
		snprintf(joined, sizeof(joined), "%.*s/%s", (int)(slash - image), image, backing);
	if (!realpath(joined, path)) {
		int error = errno;

		snprintf(text, size, "the backing file %.*s of %.*s cannot be found: %s; correct "
			 "it "
			 "with qemu-img rebase -u", NAME, backing, NAME, image, strerror(error));
		return -error;
	}
	for (; *directories; directories++)
		if (is_below(path, *directories))
			return 0;
	snprintf(text, size, "the backing file %.*s of %.*s is in no directory that is allowed; "
		 "put it "
		 "below /var/lib/annulus/images, or add its directory to "
		 "/etc/annulus/backing-directories", NAME, path, NAME, image);
	return -EACCES;
}
