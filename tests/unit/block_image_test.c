// SPDX-License-Identifier: GPL-2.0-or-later
// sources: backends/block/open.c backends/block/server.c backends/block/format.c
// sources: backends/block/uri.c backends/block/image_nbd.c
// libs: -lnbd
/*
 * What hvblkd opens: images in formats through a real qemu-nbd, what it refuses and with which
 * words, and that nothing stays behind: no process, no descriptor.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/block/format.h"
#include "backends/block/image.h"
#include "backends/block/open.h"
#include "backends/block/server.h"
#include "backends/block/uri.h"
#include "suite.h"

#define MIB	(1u << 20)

static char dir[PATH_MAX] = "/tmp/block-image-test-XXXXXX", text[OPEN_TEXT];
static const char *directories[] = { dir, NULL };

static unsigned int descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static unsigned int fds_before;

static int begin_all(void)
{
	char real[PATH_MAX];

	if (!mkdtemp(dir) || !realpath(dir, real))
		return 1;
	strcpy(dir, real);
	return chdir(dir);
}

static int end_all(void)
{
	char command[PATH_MAX + 20];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

static void begin(void)
{
	fds_before = descriptors();
	*text = 0;
}

/* No child, no descriptor, no file of this test. */
static void end(void)
{
	CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
	CU_ASSERT_EQUAL(errno, ECHILD);
	CU_ASSERT_EQUAL(descriptors(), fds_before);
	CU_ASSERT_EQUAL(system("rm -rf ./*"), 0);
}

__attribute__((format(printf, 1, 2)))
static void sh(const char *format, ...)
{
	char command[2000];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	CU_ASSERT_EQUAL_FATAL(system(command), 0);
}

static char path_buffer[PATH_MAX + 64];

static const char *path(const char *name)
{
	snprintf(path_buffer, sizeof(path_buffer), "%s/%s", dir, name);
	return path_buffer;
}

static int try_open(const char *format, const char *params, bool readonly, struct open_image *image)
{
	struct open_spec spec = { .format = format, .params = params, .readonly = readonly,
				  .directories = directories };

	return open_image(&spec, image, text, sizeof(text));
}

/* Must be refused with a line that has @words in it, and leave nothing. */
static void refused(const char *format, const char *params, int error, const char *words)
{
	struct open_image image;
	int got = try_open(format, params, false, &image);

	CU_ASSERT_EQUAL(got, error);
	if (got != error || !strstr(text, words) || strchr(text, '\n'))
		printf("\n    got %d: %s\n    want %d: ...%s...\n", got, text, error, words);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, words));
	CU_ASSERT_PTR_NULL(strchr(text, '\n'));
	CU_ASSERT_EQUAL(image.fd, -1);
	CU_ASSERT_EQUAL(image.server, 0);
}

/* ------------------------------------------------------------------------------------------------
 * Operations
 */

static char *buffer;
static int last_error;
static unsigned int done_count;

static void done(struct image_io *io, int error)
{
	last_error = error;
	done_count++;
}

/* Wait for @count answers; for no time that means anything. */
static void wait_done(struct image *image, unsigned int count)
{
	while (done_count < count) {
		struct pollfd p = { .fd = image->ops->poll_fd(image),
				    .events = image->ops->poll_events(image) };

		CU_ASSERT_FATAL(p.fd >= 0);
		CU_ASSERT_FATAL(poll(&p, 1, 60000) > 0);
		image->ops->dispatch(image);
	}
}

static int operate(struct image *image, enum image_op op, uint64_t offset, uint64_t length,
		   bool fua)
{
	struct iovec iov = { buffer, length };
	struct image_io io = { .op = op, .offset = offset, .length = length, .iov = &iov,
			       .iovcnt = 1, .fua = fua, .done = done };

	done_count = 0;
	CU_ASSERT_EQUAL_FATAL(image->ops->submit(image, &io), 0);
	image->ops->kick(image);
	wait_done(image, 1);
	return last_error;
}

static struct image *attach(struct open_image *o, unsigned int flags)
{
	struct image *image;

	CU_ASSERT_TRUE_FATAL(o->nbd);
	image = image_nbd_attach(o->fd, flags);
	CU_ASSERT_PTR_NOT_NULL_FATAL(image);
	return image;
}

static void detach(struct image *image, struct open_image *o)
{
	image->ops->close(image);
	CU_ASSERT_TRUE(open_server_end(o->server, 30000));
}

/* ------------------------------------------------------------------------------------------------
 * Tests
 */

static void use_image(const char *format, const char *name, bool trims)
{
	struct open_image o;
	struct image *image;

	if (try_open(format, path(name), false, &o)) {
		printf("\n    %s\n", text);
		CU_FAIL("not opened");
		return;
	}
	image = attach(&o, 0);
	CU_ASSERT(image->size >= 8 * MIB);
	CU_ASSERT_EQUAL(image->sector_size, 512);
	CU_ASSERT_FALSE(image->readonly);
	CU_ASSERT_TRUE(image->can_flush && image->can_fua && image->can_zero);
	memset(buffer, 0xa5, 65536);
	CU_ASSERT_EQUAL(operate(image, IMAGE_WRITE, 0, 65536, false), 0);
	CU_ASSERT_EQUAL(operate(image, IMAGE_WRITE, MIB, 65536, true), 0);
	CU_ASSERT_EQUAL(operate(image, IMAGE_FLUSH, 0, 0, false), 0);
	CU_ASSERT_EQUAL(operate(image, IMAGE_ZERO, 4096, 4096, false), 0);
	if (trims && image->can_discard)
		CU_ASSERT_EQUAL(operate(image, IMAGE_DISCARD, MIB, 65536, false), 0);
	memset(buffer, 0, 65536);
	CU_ASSERT_EQUAL(operate(image, IMAGE_READ, 0, 65536, false), 0);
	CU_ASSERT_EQUAL(buffer[0], (char)0xa5);
	CU_ASSERT_EQUAL(buffer[4095], (char)0xa5);
	CU_ASSERT_EQUAL(buffer[4096], 0);
	CU_ASSERT_EQUAL(buffer[8191], 0);
	CU_ASSERT_EQUAL(buffer[8192], (char)0xa5);
	detach(image, &o);
}

TEST(test_formats, "images of each format are written and read")
{
	buffer = aligned_alloc(4096, MIB);
	sh("qemu-img create -q -f qcow2 a.qcow2 8M && qemu-img create -q -f vpc a.vhd 8M && "
	   "qemu-img create -q -f vhdx a.vhdx 8M && qemu-img create -q -f vmdk a.vmdk 8M");
	use_image("qcow2", "a.qcow2", true);
	use_image("vhd", "a.vhd", false);
	use_image("vhdx", "a.vhdx", false);
	use_image("vmdk", "a.vmdk", false);
	/* And it is there. */
	sh("qemu-img check -q -f qcow2 a.qcow2");
	sh("qemu-img convert -f qcow2 -O raw a.qcow2 a.raw && "
	   "[ $(head -c 4096 a.raw | tr -d '\\245' | wc -c) = 0 ]");
	free(buffer);
}

TEST(test_pieces, "many operations at once, in many pieces")
{
	struct image_io io[64];
	struct iovec iov[64][3];
	struct open_image o;
	struct image *image;
	unsigned int i;

	buffer = aligned_alloc(4096, MIB);
	sh("qemu-img create -q -f qcow2 a.qcow2 8M");
	CU_ASSERT_EQUAL_FATAL(try_open("qcow2", path("a.qcow2"), false, &o), 0);
	image = attach(&o, 0);
	for (i = 0; i < MIB; i++)
		buffer[i] = (char)(i / 512 * 7 + i);
	for (int write = 1; write >= 0; write--) {
		done_count = 0;
		for (i = 0; i < 64; i++) {
			char *at = buffer + i * 16384;

			/* The first two lie behind one another, the third does not. */
			iov[i][0] = (struct iovec){ at, 4096 };
			iov[i][1] = (struct iovec){ at + 4096, 512 };
			iov[i][2] = (struct iovec){ at + 8192, 1024 };
			io[i] = (struct image_io){
				.op = write ? IMAGE_WRITE : IMAGE_READ, .offset = i * 65536,
				.length = 5632, .iov = iov[i], .iovcnt = 3, .done = done,
			};
			CU_ASSERT_EQUAL(image->ops->submit(image, &io[i]), 0);
		}
		image->ops->kick(image);
		wait_done(image, 64);
		CU_ASSERT_EQUAL(done_count, 64);
		CU_ASSERT_EQUAL(last_error, 0);
		if (write)
			memset(buffer, 0, MIB);
	}
	for (i = 0; i < 64; i++) {
		unsigned int at = i * 16384;

		for (unsigned int j = 0; j < 4608; j++)
			if (buffer[at + j] != (char)((at + j) / 512 * 7 + at + j))
				break;
			else if (j == 4607)
				done_count++;
		CU_ASSERT_EQUAL(buffer[at + 4608], 0);
		CU_ASSERT_EQUAL(buffer[at + 8192], (char)((at + 8192) / 512 * 7 + at + 8192));
		CU_ASSERT_EQUAL(buffer[at + 9216], 0);
	}
	CU_ASSERT_EQUAL(done_count, 128);
	/* Beyond the end it is an error of this one only. */
	CU_ASSERT_EQUAL(operate(image, IMAGE_READ, 64 * MIB, 512, false), -EIO);
	CU_ASSERT_EQUAL(operate(image, IMAGE_READ, 0, 512, false), 0);
	detach(image, &o);
	free(buffer);
}

TEST(test_readonly, "one that is to be read is not written")
{
	struct open_image o, two;
	struct image *image;

	buffer = aligned_alloc(4096, MIB);
	sh("qemu-img create -q -f qcow2 a.qcow2 8M");
	CU_ASSERT_EQUAL_FATAL(try_open("qcow2", path("a.qcow2"), true, &o), 0);
	image = attach(&o, IMAGE_READONLY);
	CU_ASSERT_TRUE(image->readonly);
	CU_ASSERT_FALSE(image->can_discard || image->can_zero);
	CU_ASSERT_EQUAL(operate(image, IMAGE_WRITE, 0, 512, false), -EIO);
	CU_ASSERT_EQUAL(operate(image, IMAGE_READ, 0, 512, false), 0);
	/* Readers may be many. */
	CU_ASSERT_EQUAL(try_open("qcow2", path("a.qcow2"), true, &two), 0);
	close(two.fd);
	CU_ASSERT_TRUE(open_server_end(two.server, 30000));
	refused("qcow2", path("a.qcow2"), -EBUSY, "the lock of");
	detach(image, &o);
	free(buffer);
}

TEST(test_full, "a full disk below is the error of the request that met it")
{
	struct open_image o;
	struct image *image;
	int error = 0;

	buffer = aligned_alloc(4096, MIB);
	memset(buffer, 0x11, MIB);
	if (geteuid() || system("mkdir small && mount -t tmpfs -o size=4m small small 2>&1")) {
		free(buffer);
		return;
	}
	sh("qemu-img create -q -f qcow2 small/a.qcow2 64M");
	CU_ASSERT_EQUAL(try_open("qcow2", path("small/a.qcow2"), false, &o), 0);
	image = attach(&o, 0);
	for (unsigned int i = 0; i < 16 && !error; i++)
		error = operate(image, IMAGE_WRITE, i * MIB, MIB, false);
	CU_ASSERT_EQUAL(error, -ENOSPC);
	CU_ASSERT_EQUAL(operate(image, IMAGE_READ, 0, 4096, false), 0);
	CU_ASSERT_EQUAL(buffer[0], 0x11);
	CU_ASSERT_FALSE(image->broken);
	detach(image, &o);
	sh("umount small");
	free(buffer);
}

TEST(test_lost, "a server that is killed answers nothing more, and what was under way is kept")
{
	struct iovec iov;
	struct image_io io = { .op = IMAGE_READ, .length = 512, .iov = &iov, .iovcnt = 1,
			       .done = done };
	struct open_image o;
	struct image *image;

	buffer = aligned_alloc(4096, MIB);
	iov = (struct iovec){ buffer, 512 };
	sh("qemu-img create -q -f qcow2 a.qcow2 8M");
	CU_ASSERT_EQUAL_FATAL(try_open("qcow2", path("a.qcow2"), false, &o), 0);
	image = attach(&o, 0);
	done_count = 0;
	kill(o.server, SIGSTOP);
	CU_ASSERT_EQUAL(image->ops->submit(image, &io), 0);
	image->ops->kick(image);
	kill(o.server, SIGKILL);
	CU_ASSERT_FALSE(open_server_end(o.server, 30000));
	while (!image->broken)
		image->ops->dispatch(image);
	CU_ASSERT_EQUAL(image->ops->poll_fd(image), -1);
	CU_ASSERT_EQUAL(done_count, 0);
	/* The next ones wait as well. */
	CU_ASSERT_EQUAL(image->ops->submit(image, &io), 0);
	image->ops->kick(image);
	CU_ASSERT_EQUAL(done_count, 0);
	image->ops->close(image);
	free(buffer);
}

TEST(test_lock, "the next server waits until the one before has ended")
{
	struct open_spec spec = { .format = "qcow2", .directories = directories };
	struct open_image o;
	char name[PATH_MAX + 64];
	struct image *image;
	pid_t first;
	int fd;

	sh("qemu-img create -q -f qcow2 a.qcow2 8M");
	strcpy(name, path("a.qcow2"));
	spec.params = name;
	spec.lock = "7-51712.lock";
	/* That of a disk is its server's, though others may have the image too. */
	for (unsigned int i = 0; i < 2; i++) {
		spec.shared = i;
		CU_ASSERT_EQUAL_FATAL(open_image(&spec, &o, text, sizeof(text)), 0);
		fd = open(spec.lock, O_RDWR | O_CLOEXEC);
		CU_ASSERT_EQUAL(flock(fd, LOCK_EX | LOCK_NB), -1);
		close(o.fd);
		CU_ASSERT_TRUE(open_server_end(o.server, 30000));
		CU_ASSERT_EQUAL(flock(fd, LOCK_EX | LOCK_NB), 0);
		close(fd);
	}

	/* The same with the image itself; the next one waits for the end of this. */
	CU_ASSERT_EQUAL_FATAL(try_open("qcow2", name, false, &o), 0);
	first = o.server;
	image = attach(&o, 0);
	image->ops->close(image);
	CU_ASSERT_EQUAL_FATAL(try_open("qcow2", name, false, &o), 0);
	CU_ASSERT_EQUAL(waitpid(first, NULL, WNOHANG), first);
	close(o.fd);
	CU_ASSERT_TRUE(open_server_end(o.server, 30000));
}

TEST(test_hangs_up, "a server whose client goes ends by itself, with everything written")
{
	struct open_image o;
	struct image *image;
	int status = -1;

	buffer = aligned_alloc(4096, MIB);
	memset(buffer, 0x22, MIB);
	sh("qemu-img create -q -f qcow2 a.qcow2 8M");
	CU_ASSERT_EQUAL_FATAL(try_open("qcow2", path("a.qcow2"), false, &o), 0);
	image = attach(&o, 0);
	CU_ASSERT_EQUAL(operate(image, IMAGE_WRITE, 0, 65536, false), 0);
	image->ops->close(image);
	CU_ASSERT_EQUAL(waitpid(o.server, &status, 0), o.server);
	CU_ASSERT_EQUAL(status, 0);
	sh("qemu-img convert -f qcow2 -O raw a.qcow2 a.raw && "
	   "[ $(head -c 65536 a.raw | tr -d '\\042' | wc -c) = 0 ]");
	free(buffer);
}

TEST(test_resize, "an image is made larger, and not smaller, nor one of a format that cannot be")
{
	struct open_spec spec = { .format = "qcow2", .directories = directories };
	char file[PATH_MAX], other[PATH_MAX];
	struct open_image o;
	struct image *image;

	sh("qemu-img create -q -f qcow2 r.qcow2 8M && qemu-img create -q -f vpc r.vhd 8M");
	snprintf(file, sizeof(file), "%s", path("r.qcow2"));
	snprintf(other, sizeof(other), "%s", path("r.vhd"));
	spec.params = file;
	CU_ASSERT_EQUAL(server_resize(&spec, 16 * MIB, text, sizeof(text)), 0);
	CU_ASSERT_EQUAL_FATAL(try_open("qcow2", file, false, &o), 0);
	image = attach(&o, 0);
	CU_ASSERT_EQUAL(image->size, 16 * MIB);
	detach(image, &o);
	CU_ASSERT_EQUAL(server_resize(&spec, 8 * MIB, text, sizeof(text)), -EIO);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "Shrinking"));
	spec.format = "vhd";
	spec.params = other;
	CU_ASSERT_EQUAL(server_resize(&spec, 16 * MIB, text, sizeof(text)), -EIO);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "see whether its format can be resized"));
	CU_ASSERT_PTR_NULL(strchr(text, '\n'));
	sh("qemu-img check -q -f qcow2 r.qcow2");
}

TEST(test_refused, "what is no image, or not all of one")
{
	refused("qcow2", path("none.qcow2"), -ENOENT, "cannot be found");
	refused("qcow", path("none.qcow2"), -EINVAL, "is no format that hvblkd knows");
	refused("raw", path("none"), -ENOENT, "cannot be opened: No such file");
	sh("mkdir d && truncate -s 1M zero && head -c 100 /dev/zero >short");
	refused("raw", path("d"), -EISDIR, "cannot be opened: Is a directory");
	refused("raw", "/dev/zero", -ENOTBLK, "neither a block device nor a file");
	refused("qcow2", "/dev/zero", -ENOTBLK, "neither a block device nor a file");
	refused("qcow2", path("d"), -EISDIR, "cannot be opened");
	refused("qcow2", path("zero"), -EINVAL, "is no qcow2 image, or a broken one");
	refused("qcow2", path("short"), -EINVAL, "is no qcow2 image, or a broken one");
	refused("vhd", path("zero"), -EINVAL, "is no vhd image");
	refused("vhd", path("short"), -EINVAL, "is no vhd image");
	refused("vhdx", path("zero"), -EINVAL, "is no vhdx image");
	refused("vmdk", path("zero"), -EINVAL, "is no vmdk image in one sparse file");
	/* The header is one, what it points to is not. */
	sh("qemu-img create -q -f qcow2 a.qcow2 8M && truncate -s 64K a.qcow2");
	sh("printf '\\377\\377\\377\\377' | dd of=a.qcow2 bs=1 seek=40 conv=notrunc status=none");
	refused("qcow2", path("a.qcow2"), -EIO, "qemu-nbd cannot open");
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "see what qemu-img check says"));
}

/* Bytes at a place of a fresh qcow2 image. */
static void patched(unsigned int at, const char *bytes, int error, const char *words)
{
	sh("rm -f a.qcow2; qemu-img create -q -f qcow2 a.qcow2 8M && "
	   "printf '%s' | dd of=a.qcow2 bs=1 seek=%u conv=notrunc status=none", bytes, at);
	refused("qcow2", path("a.qcow2"), error, words);
}

TEST(test_qcow2, "headers of qcow2")
{
	patched(0, "QFX", -EINVAL, "is no qcow2 image");
	patched(7, "\\004", -EINVAL, "is no qcow2 image");
	patched(23, "\\010", -EINVAL, "is no qcow2 image");
	patched(23, "\\026", -EINVAL, "is no qcow2 image");
	patched(35, "\\002", -ENOTSUP, "is encrypted");
	patched(79, "\\002", -EIO, "qemu-img check -r all");
	patched(79, "\\004", -ENOTSUP, "keeps its data in another file");
	patched(79, "\\200", -EINVAL, "is no qcow2 image");
	/* A backing file's name without a length, and one behind the end. */
	patched(15, "\\100", -EINVAL, "is no qcow2 image");
	patched(8, "\\377\\377\\377\\377\\377\\377\\377\\377\\0\\0\\0\\020", -EINVAL,
		"is no qcow2 image");
	patched(8, "\\0\\0\\0\\0\\0\\0\\0\\100\\377\\377\\377\\377", -EINVAL, "is no qcow2 image");
}

TEST(test_backing, "backing files: in their directories, of a format that is said")
{
	struct open_image o;
	struct image *image;

	buffer = aligned_alloc(4096, MIB);
	sh("mkdir below && printf '%%01048576d' 7 >below/base && "
	   "qemu-img create -q -f qcow2 -F raw -b below/base a.qcow2");
	CU_ASSERT_EQUAL_FATAL(try_open("qcow2", path("a.qcow2"), false, &o), 0);
	image = attach(&o, 0);
	CU_ASSERT_EQUAL(image->size, MIB);
	CU_ASSERT_EQUAL(operate(image, IMAGE_READ, MIB - 512, 512, false), 0);
	CU_ASSERT_EQUAL(buffer[511], '7');
	memset(buffer, 'x', 512);
	CU_ASSERT_EQUAL(operate(image, IMAGE_WRITE, MIB - 512, 512, false), 0);
	detach(image, &o);
	sh("[ $(tail -c 1 below/base) = 7 ]");
	/* Three of them. */
	sh("qemu-img create -q -f qcow2 -F qcow2 -b a.qcow2 b.qcow2");
	CU_ASSERT_EQUAL_FATAL(try_open("qcow2", path("b.qcow2"), false, &o), 0);
	image = attach(&o, 0);
	CU_ASSERT_EQUAL(operate(image, IMAGE_READ, MIB - 1024, 1024, false), 0);
	CU_ASSERT_EQUAL(buffer[511], '0');
	CU_ASSERT_EQUAL(buffer[1023], 'x');
	detach(image, &o);

	sh("qemu-img create -q -f qcow2 -F raw -u -b /etc/hostname c.qcow2 1M");
	refused("qcow2", path("c.qcow2"), -EACCES, "is in no directory that is allowed; put it "
		"below "
		"/var/lib/annulus/images, or add its directory to "
		"/etc/annulus/backing-directories");
	/* By a link, and by "..". */
	sh("ln -s /etc/hostname below/link && "
	   "qemu-img create -q -f qcow2 -F raw -u -b below/link c.qcow2 1M");
	refused("qcow2", path("c.qcow2"), -EACCES, "is in no directory that is allowed");
	sh("qemu-img create -q -f qcow2 -F raw -u -b ../../etc/hostname c.qcow2 1M");
	refused("qcow2", path("c.qcow2"), -EACCES, "is in no directory that is allowed");
	sh("qemu-img create -q -f qcow2 -F raw -u -b below/none c.qcow2 1M");
	refused("qcow2", path("c.qcow2"), -ENOENT, "cannot be found");
	sh("qemu-img create -q -f qcow2 -F raw -u -b nbd://host/x c.qcow2 1M");
	refused("qcow2", path("c.qcow2"), -EACCES, "is no path");
	/* One whose format QEMU would find out by looking. */
	sh("qemu-img create -q -f qcow2 -F raw -u -b below/base c.qcow2 1M && "
	   "printf x | dd of=c.qcow2 bs=1 seek=115 conv=notrunc status=none");
	refused("qcow2", path("c.qcow2"), -EINVAL, "qemu-img rebase -u -F raw");
	/* A chain that bites its tail. */
	sh("qemu-img create -q -f qcow2 -F qcow2 -u -b d.qcow2 c.qcow2 1M && "
	   "qemu-img create -q -f qcow2 -F qcow2 -u -b c.qcow2 d.qcow2 1M");
	refused("qcow2", path("c.qcow2"), -ELOOP, "stands on more than");
	/* Said by the second of a chain. */
	sh("qemu-img create -q -f qcow2 -F raw -u -b /etc/hostname c.qcow2 1M && "
	   "qemu-img create -q -f qcow2 -F qcow2 -u -b c.qcow2 d.qcow2 1M");
	refused("qcow2", path("d.qcow2"), -EACCES, "is in no directory that is allowed");
	free(buffer);
}

TEST(test_others, "vmdk and vhd that stand on other files")
{
	sh("qemu-img create -q -f vmdk -o subformat=monolithicFlat a.vmdk 1M");
	refused("vmdk", path("a.vmdk"), -EINVAL, "is no vmdk image in one sparse file");
	sh("qemu-img create -q -f vmdk base.vmdk 1M && "
	   "qemu-img create -q -f vmdk -F vmdk -b base.vmdk b.vmdk");
	refused("vmdk", path("b.vmdk"), -ENOTSUP, "stands on other files");
	sh("qemu-img create -q -f vpc a.vhd 8M");
	/* The kind stands at byte 60 of the last sector: 4 is a differencing disk. */
	sh("printf '\\004' | dd of=a.vhd bs=1 seek=$(($(stat -c %%s a.vhd) - 512 + 63)) "
	   "conv=notrunc status=none");
	refused("vhd", path("a.vhd"), -ENOTSUP, "stands on another file");
}

TEST(test_names, "paths with everything that a path may have in it")
{
	struct open_image o;

	sh("qemu-img create -q -f qcow2 'a.qcow2' 8M && mv a.qcow2 \"$(printf 'a,b=c \\042d')\"");
	CU_ASSERT_EQUAL_FATAL(try_open("qcow2", path("a,b=c \"d"), false, &o), 0);
	close(o.fd);
	CU_ASSERT_TRUE(open_server_end(o.server, 30000));
}

TEST(test_absent, "no qemu-nbd")
{
	sh("qemu-img create -q -f qcow2 a.qcow2 8M");
	CU_ASSERT_EQUAL(setenv("PATH", dir, 1), 0);
	refused("qcow2", path("a.qcow2"), -ENOENT, "there is no qemu-nbd, which serves qcow2; "
		"install "
		"qemu-utils");
	CU_ASSERT_EQUAL(setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1), 0);
}

TEST(test_remote, "an NBD server elsewhere; one that is not there")
{
	char uri[PATH_MAX + 100];
	struct open_image o;
	struct image *image;
	int status;
	pid_t pid;

	buffer = aligned_alloc(4096, MIB);
	sh("truncate -s 8M a.raw");
	snprintf(uri, sizeof(uri), "nbd+unix:///disk%%201?socket=%s/s", dir);
	refused("nbd", uri, -EIO, "see whether that server runs");
	*text = 0;
	pid = fork();
	if (!pid) {
		execlp("qemu-nbd", "qemu-nbd", "-k", path("s"), "-x", "disk 1", "-f", "raw",
		       "a.raw", NULL);
		_exit(1);
	}
	/* It is there when one can connect to it. */
	while (access("s", F_OK))
		usleep(10000);
	CU_ASSERT_EQUAL(try_open("nbd", uri, false, &o), 0);
	CU_ASSERT_STRING_EQUAL_FATAL(text, "");
	image = attach(&o, 0);
	CU_ASSERT_EQUAL(image->size, 8 * MIB);
	memset(buffer, 'y', 4096);
	CU_ASSERT_EQUAL(operate(image, IMAGE_WRITE, 4096, 4096, true), 0);
	detach(image, &o);
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	sh("[ $(head -c 8192 a.raw | tr -d '\\0' | tr -d y | wc -c) = 0 ] && "
	   "[ $(head -c 8192 a.raw | tr -d '\\0' | wc -c) = 4096 ]");
	refused("nbd", "nbd://", -EINVAL, "there is no host");
	refused("nbd", "http://x/", -EINVAL, "it does not begin with nbd://");
	refused("nbd", "nbd://127.0.0.1:1/x", -EIO, "see whether that server runs");
	free(buffer);
}

TEST(test_uris, "names of NBD servers")
{
	static const struct {
		const char *text, *host, *port, *socket, *export;
	} good[] = {
		{ "nbd://h", "h", "10809", "", "" },
		{ "nbd://h/", "h", "10809", "", "" },
		{ "nbd://h:1", "h", "1", "", "" },
		{ "nbd://h:/e", "h", "10809", "", "e" },
		{ "nbd://h.example:65535/a/b", "h.example", "65535", "", "a/b" },
		{ "nbd://[::1]:10/e", "::1", "10", "", "e" },
		{ "nbd://[fe80::1]/e", "fe80::1", "10809", "", "e" },
		{ "nbd://h/%41%2f%20", "h", "10809", "", "A/ " },
		{ "nbd+unix:///?socket=/s", "", "", "/s", "" },
		{ "nbd+unix:///e,f?socket=/a%3fb", "", "", "/a?b", "e,f" },
	};
	static const char *const bad[] = {
		"", "nbd:", "nbd:/h", "nbd://", "nbd:///e", "nbd://:1/", "nbd://h:0",
		"nbd://h:65536",
		"nbd://h:1x/", "nbd://h: 1", "nbd://h:+1", "nbd://[::1", "nbd://[::1]x",
		"nbd://u@h/", "nbd://h/e?x=y", "nbd://h/%4", "nbd://h/%zz", "nbd://h/%00",
		"nbd+unix://h/e?socket=/s", "nbd+unix:///e", "nbd+unix:///e?socket=s",
		"nbd+unix:///e?x=/s", "nbd+unix:///?socket=", "nbds://h/e",
	};
	char longest[600] = "nbd://h/";
	struct nbd_uri uri;
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CU_ASSERT_PTR_NULL(uri_parse(good[i].text, &uri));
		CU_ASSERT_STRING_EQUAL(uri.host, good[i].host);
		CU_ASSERT_STRING_EQUAL(uri.port, good[i].port);
		CU_ASSERT_STRING_EQUAL(uri.socket, good[i].socket);
		CU_ASSERT_STRING_EQUAL(uri.export, good[i].export);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (!uri_parse(bad[i], &uri))
			printf("\n    taken: %s\n", bad[i]);
		CU_ASSERT_PTR_NOT_NULL(uri_parse(bad[i], &uri));
	}
	memset(longest + 8, 'x', 300);
	CU_ASSERT_PTR_NOT_NULL(uri_parse(longest, &uri));
	memcpy(longest, "nbd://", 6);
	memset(longest + 6, 'x', 300);
	CU_ASSERT_PTR_NOT_NULL(uri_parse(longest, &uri));
	snprintf(longest, sizeof(longest), "nbd+unix:///?socket=/%0200d", 1);
	CU_ASSERT_PTR_NOT_NULL(uri_parse(longest, &uri));
}

SUITE("block_image", .before = begin_all, .after = end_all, .begin = begin, .end = end)
