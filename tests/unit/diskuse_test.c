// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/diskuse.c libhvctl/device.c libhvctl/device_close.c libhvctl/device_sharing.c
// sources: libhvctl/blkd.c libhvctl/disk.c libhvctl/context.c
// bits: 64 32
/*
 * Who uses a disk, in a tree like sysfs: partitions, LVM, RAID, encryption, loop devices, mounts,
 * swap; what has bytes in common and what only lies beside. Then disks of configurations against
 * those of domains in a store.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "device.h"
#include "suite.h"
#include "xs.h"

static char top[] = "/tmp/diskuse-test-XXXXXX";
static char sys[64], mounts[64], swaps[64], image[64], other[64];
static bool behind(const char *loop, struct disk_id *id);
static const struct use_paths paths = { sys, mounts, swaps, behind };

/* ------------------------------------------------------------------------------------------------
 * The tree
 */

/* Without its tree no test says anything. */
static void need(bool ok)
{
	if (!ok) {
		perror("the tree of the test");
		exit(2);
	}
}

__attribute__((format(printf, 1, 2)))
static const char *in(const char *format, ...)
{
	static char path[32][512];
	static unsigned int n;
	va_list args;

	n = (n + 1) % 32;
	va_start(args, format);
	vsnprintf(path[n], sizeof(path[n]), format, args);
	va_end(args);
	return path[n];
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	need(f != NULL);
	fputs(text, f);
	fclose(f);
}

static void directory(const char *path)
{
	need(!mkdir(path, 0700) || errno == EEXIST);
}

/* A device @number of the name @name, a partition of @disk if that is not NULL. */
static void device(const char *name, const char *number, const char *disk)
{
	const char *dir = disk ? in("%s/devices/%s/%s", sys, disk, name)
			       : in("%s/devices/%s", sys, name);

	directory(dir);
	put(in("%s/dev", dir), in("%s\n", number));
	directory(in("%s/holders", dir));
	directory(in("%s/slaves", dir));
	need(!symlink(dir, in("%s/dev/block/%s", sys, number)));
	need(!symlink(dir, in("%s/class/block/%s", sys, name)));
	if (disk)
		put(in("%s/partition", dir), "1\n");
	else
		need(!symlink(dir, in("%s/block/%s", sys, name)));
}

static void holds(const char *above, const char *below)
{
	need(!symlink(in("%s/class/block/%s", sys, above),
				in("%s/class/block/%s/holders/%s", sys, below, above)));
	need(!symlink(in("%s/class/block/%s", sys, below),
				in("%s/class/block/%s/slaves/%s", sys, above, below)));
}

static void loop(unsigned int n, const char *file, const char *autoclear)
{
	device(in("loop%u", n), in("7:%u", n), NULL);
	directory(in("%s/block/loop%u/loop", sys, n));
	put(in("%s/block/loop%u/loop/backing_file", sys, n), in("%s\n", file));
	put(in("%s/block/loop%u/loop/autoclear", sys, n), autoclear);
}

static void mapping(const char *name, const char *number, const char *mapped, const char *uuid)
{
	device(name, number, NULL);
	directory(in("%s/block/%s/dm", sys, name));
	put(in("%s/block/%s/dm/name", sys, name), in("%s\n", mapped));
	put(in("%s/block/%s/dm/uuid", sys, name), in("%s\n", uuid));
}

static int set_up(void)
{
	if (!mkdtemp(top))
		return 1;
	snprintf(sys, sizeof(sys), "%s/sys", top);
	snprintf(mounts, sizeof(mounts), "%s/mountinfo", top);
	snprintf(swaps, sizeof(swaps), "%s/swaps", top);
	snprintf(image, sizeof(image), "%s/an image", top);
	snprintf(other, sizeof(other), "%s/link", top);
	directory(sys);
	directory(in("%s/devices", sys));
	directory(in("%s/dev", sys));
	directory(in("%s/dev/block", sys));
	directory(in("%s/class", sys));
	directory(in("%s/class/block", sys));
	directory(in("%s/block", sys));
	put(image, "");
	need(!truncate(image, 1 << 20));
	need(!link(image, other));
	put(mounts, "");
	put(swaps, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");

	/* Of a disk's second partition are two volumes, of the third and sdb a mirror. */
	device("sda", "8:0", NULL);
	device("sda1", "8:1", "sda");
	device("sda2", "8:2", "sda");
	device("sda3", "8:3", "sda");
	device("sdb", "8:16", NULL);
	device("sdc", "8:32", NULL);
	device("sdd", "8:48", NULL);
	device("sde", "8:64", NULL);
	device("sdd1", "8:49", "sdd");
	mapping("dm-0", "254:0", "vg-root", "LVM-abc");
	mapping("dm-1", "254:1", "vg-guest", "LVM-def");
	mapping("dm-2", "254:2", "secret", "CRYPT-x");
	mapping("dm-3", "254:3", "vg-alone", "LVM-ghi");
	device("md0", "9:0", NULL);
	directory(in("%s/block/md0/md", sys));
	holds("dm-0", "sda2");
	holds("dm-1", "sda2");
	holds("md0", "sda3");
	holds("md0", "sdb");
	holds("dm-2", "sdd");
	holds("dm-3", "sde");
	return 0;
}

static int tear_down(void)
{
	return system(in("rm -rf '%s'", top)) != 0;
}

/* What loop devices say themselves: one of them. */
static struct {
	const char *loop;
	struct disk_id id;
} asked;

static bool behind(const char *loop, struct disk_id *id)
{
	if (!asked.loop || strcmp(loop, asked.loop))
		return false;
	*id = asked.id;
	return true;
}

/* ------------------------------------------------------------------------------------------------
 * What dom0 does
 */

static struct disk_id block(unsigned int major, unsigned int minor)
{
	return (struct disk_id){ false, major, minor, 0 };
}

static struct disk_id file(const char *path)
{
	struct disk_id id = { .file = true };
	struct stat st;

	CU_ASSERT_EQUAL_FATAL(stat(path, &st), 0);
	id.major = (unsigned int)(st.st_dev >> 8 & 0xfff);
	id.minor = (unsigned int)(st.st_dev & 0xff) | (unsigned int)(st.st_dev >> 12 & 0xfff00);
	id.inode = st.st_ino;
	return id;
}

/* @want: "who; remedy", NULL: nobody. */
static void used(struct disk_id id, const char *want)
{
	char who[DISK_USE_TEXT], remedy[DISK_USE_TEXT];
	struct disk_kin kin;

	CU_ASSERT_EQUAL_FATAL(disk_kin_find(&paths, &id, &kin), 0);
	if (disk_used(&kin, who, remedy)) {
		const char *got = in("%s; %s", who, remedy);

		CU_ASSERT_PTR_NOT_NULL_FATAL(want);
		if (strcmp(got, want))
			printf("\n    got:  %s\n    want: %s\n", got, want);
		CU_ASSERT_STRING_EQUAL(got, want);
	} else {
		CU_ASSERT_PTR_NULL(want);
	}
	disk_kin_free(&kin);
}

TEST(test_mount, "mounts of a disk, its partitions, the disk of a partition")
{
	used(block(8, 1), NULL);
	used(block(8, 32), NULL);
	put(mounts, "21 1 8:1 / / rw - ext4 /dev/root rw\n"
		    "22 21 0:5 / /proc rw shared:1 master:2 - proc proc rw\n"
		    "23 21 8:32 /sub /srv/a\\040b rw,noatime shared:3 - ext4 /dev/sdc rw\n"
		    "broken\n");
	used(block(8, 1), "/dev/sda1 is mounted on /; umount /");
	used(block(8, 0), "/dev/sda1 is mounted on /; umount /");
	used(block(8, 32), "/dev/sdc is mounted on /srv/a b; umount /srv/a b");
	/* Beside it. */
	used(block(254, 1), NULL);
	/* The whole disk is. */
	put(mounts, "21 1 8:48 / /mnt rw - ext4 /dev/sdd rw\n");
	used(block(8, 49), "/dev/sdd is mounted on /mnt; umount /mnt");
	/* A number of the file system's own. */
	put(mounts, "21 1 0:40 / /mnt rw - btrfs /dev/sdc rw\n");
	used(block(8, 32), "/dev/sdc is mounted on /mnt; umount /mnt");
	used(block(8, 16), "the RAID array /dev/md0 lies upon it; mdadm --stop /dev/md0");
	put(mounts, "");
}

TEST(test_swap, "swap")
{
	put(swaps, "Filename Type Size Used Priority\n/dev/sdc partition 1 0 -2\n");
	used(block(8, 32), "/dev/sdc is swap; swapoff /dev/sdc");
	used(block(254, 1), NULL);
	put(swaps, in("Filename Type Size Used Priority\n%s/an\\040image file 1 0 -2\n", top));
	used(file(image), in("%s is swap; swapoff %s", image, image));
	used(file(other), in("%s is swap; swapoff %s", image, image));
	put(swaps, "");
	used(file(image), NULL);
}

TEST(test_mappings, "LVM, RAID and other mappings")
{
	used(block(8, 64), "the LVM volume vg-alone (/dev/dm-3) lies upon it; lvchange -an "
			   "/dev/mapper/vg-alone");
	used(block(8, 3), "the RAID array /dev/md0 lies upon it; mdadm --stop /dev/md0");
	/* What is mapped onto the whole disk shares bytes with each partition. */
	used(block(8, 49), "the device mapping secret (/dev/dm-2) lies upon it; dmsetup remove "
			   "secret");
	/* A volume is nobody's, whatever is with the one beside it. */
	put(mounts, "21 1 254:0 / / rw - ext4 /dev/mapper/vg-root rw\n");
	used(block(254, 1), NULL);
	used(block(254, 0), "/dev/dm-0 is mounted on /; umount /");
	used(block(8, 0), "/dev/dm-0 is mounted on /; umount /");
	used(block(9, 0), NULL);
	put(mounts, "");
}

TEST(test_loops, "loop devices")
{
	/* A domain's: it goes with its user, and is none of dom0. */
	loop(0, image, "1\n");
	used(file(other), NULL);
	put(mounts, "21 1 7:0 / /mnt rw - ext4 /dev/loop0 rw\n");
	used(file(image), "/dev/loop0 is mounted on /mnt; umount /mnt");
	used(file(other), "/dev/loop0 is mounted on /mnt; umount /mnt");
	put(mounts, "");
	/* Set up by hand. Itself it may be given. */
	loop(1, other, "0\n");
	used(file(image), "/dev/loop1 lies upon it; losetup -d /dev/loop1");
	used(block(7, 1), NULL);
	used(block(7, 0), "/dev/loop1 lies upon it; losetup -d /dev/loop1");
	/* Upon a partition, and a partition of it mounted. */
	loop(2, "/dev/sda1", "1\n");
	device("loop2p1", "259:0", "loop2");
	put(mounts, "21 1 259:0 / /mnt rw - ext4 /dev/loop2p1 rw\n");
	used(block(8, 1), "/dev/loop2p1 is mounted on /mnt; umount /mnt");
	used(block(8, 32), NULL);
	put(mounts, "");
}

TEST(test_loop_of_no_name, "a loop device whose file has lost its name, or has another's")
{
	char gone[64], line[100];
	struct disk_id id;

	snprintf(gone, sizeof(gone), "%s/gone", top);
	snprintf(line, sizeof(line), "%s (deleted)", gone);
	put(gone, "x");
	id = file(gone);
	loop(5, line, "0\n");
	used(id, NULL); /* by its name nobody finds it */
	asked.loop = "loop5";
	asked.id = id;
	used(id, "/dev/loop5 lies upon it; losetup -d /dev/loop5");
	/* From the loop device to the file, whose other loop device is mounted. */
	loop(6, gone, "1\n");
	put(mounts, "21 1 7:6 / /mnt rw - ext4 /dev/loop6 rw\n");
	used(block(7, 5), "/dev/loop6 is mounted on /mnt; umount /mnt");
	put(mounts, "");
	/* Another file has the name now. */
	put(in("%s/block/loop5/loop/backing_file", sys), in("%s\n", other));
	put(in("%s/block/loop6/loop/backing_file", sys), "/none\n");
	used(id, "/dev/loop5 lies upon it; losetup -d /dev/loop5");
	asked.loop = NULL;
	need(!unlink(in("%s/block/loop5/loop/backing_file", sys)));
	need(!unlink(in("%s/block/loop6/loop/backing_file", sys)));
}

TEST(test_met_again, "a disk that is met by its partition first, and then as a whole")
{
	/* Of a partition and of a mapping onto the whole disk: its other partition is in it. */
	device("sdf", "8:80", NULL);
	device("sdf1", "8:81", "sdf");
	device("sdf2", "8:82", "sdf");
	mapping("dm-6", "254:6", "whole", "");
	mapping("dm-7", "254:7", "both", "");
	holds("dm-6", "sdf");
	holds("dm-7", "sdf1");
	put(mounts, "21 1 8:82 / /mnt rw - ext4 /dev/sdf2 rw\n");
	used(block(254, 7), NULL);
	holds("dm-7", "dm-6");
	used(block(254, 7), "/dev/sdf2 is mounted on /mnt; umount /mnt");
	put(mounts, "");
}

TEST(test_long_names, "no command with a part of a name")
{
	char name[200], line[300];

	memset(name, 'n', sizeof(name));
	name[0] = '/';
	name[101] = 0;
	snprintf(line, sizeof(line), "21 1 8:32 / %s rw - ext4 /dev/sdc rw\n", name);
	put(mounts, line);
	used(block(8, 32), in("/dev/sdc is mounted on %.100s...; umount it, see findmnt", name));
	name[100] = 0;
	snprintf(line, sizeof(line), "21 1 8:32 / %s rw - ext4 /dev/sdc rw\n", name);
	put(mounts, line);
	used(block(8, 32), in("/dev/sdc is mounted on %s; umount %s", name, name));
	put(mounts, "");
	/* A device mapping's has up to 127. */
	name[127] = 0;
	mapping("dm-8", "254:8", name + 1, "LVM-x");
	device("sdg", "8:96", NULL);
	holds("dm-8", "sdg");
	used(block(8, 96), in("the LVM volume %s (/dev/dm-8) lies upon it; lvchange -an "
			      "/dev/mapper/%s", name + 1, name + 1));
}

/* ------------------------------------------------------------------------------------------------
 * What domains have
 */

static bool common(struct disk_id a, struct disk_id b)
{
	struct disk_kin kin;
	bool has;

	CU_ASSERT_EQUAL_FATAL(disk_kin_find(&paths, &a, &kin), 0);
	has = disk_kin_has(&kin, &b);
	disk_kin_free(&kin);
	return has;
}

TEST(test_common, "bytes in common, both ways round")
{
	const struct disk_id part = block(8, 2), disk = block(8, 0), volume = block(254, 1),
			     beside = block(254, 0), img = file(image), loop0 = block(7, 0),
			     loop1 = block(7, 1);
	const struct {
		struct disk_id a, b;
		bool common;
	} t[] = {
		{ part, part, true }, { part, disk, true }, { part, volume, true },
		{ disk, volume, true }, { volume, beside, false }, { part, block(8, 1), false },
		{ volume, block(8, 1), false }, { block(9, 0), block(8, 16), true },
		{ block(9, 0), disk, true }, { block(8, 49), block(254, 2), true },
		{ img, loop0, true }, { loop0, loop1, true }, { loop0, block(8, 32), false },
		{ block(259, 0), block(8, 1), true }, { block(259, 0), block(8, 2), false },
		{ block(259, 0), disk, true },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		CU_ASSERT_EQUAL(common(t[i].a, t[i].b), t[i].common);
		CU_ASSERT_EQUAL(common(t[i].b, t[i].a), t[i].common);
	}
}

TEST(test_identity, "identities as text")
{
	struct disk_id id;

	CU_ASSERT_TRUE(disk_id_parse("block:8:17", &id));
	CU_ASSERT_TRUE(!id.file && id.major == 8 && id.minor == 17 && !id.inode);
	CU_ASSERT_TRUE(disk_id_parse("file:8:1:12345678901", &id));
	CU_ASSERT_TRUE(id.file && id.major == 8 && id.minor == 1 && id.inode == 12345678901);
	CU_ASSERT_FALSE(disk_id_parse("file:8:1", &id));
	CU_ASSERT_FALSE(disk_id_parse("block:8:1x", &id));
	CU_ASSERT_FALSE(disk_id_parse("", &id));
}

/* One backend's directory of domain 5. */
static struct {
	const char *identity, *mode, *device;
	const char *unread;	/* a node of this name cannot be read */
} vbd;

/* NULL, as the store says that something is not there, or why it does not say it. */
static void *nothing(const char *path)
{
	errno = vbd.unread && strstr(path, vbd.unread) ? EIO : ENOENT;
	return NULL;
}

struct xs *xs_open(const char *socket)
{
	(void)socket;
	return (struct xs *)&vbd;
}

void xs_close(struct xs *xs)
{
	(void)xs;
}

void xs_keep(struct xs *xs, unsigned int ms, xs_waits_fn waits, void *data)
{
}

bool xs_lost(const struct xs *xs)
{
	(void)xs;
	return false;
}

/* A list of one. */
static char **one(const char *name)
{
	char **list = calloc(1, 2 * sizeof(*list) + strlen(name) + 1);

	list[0] = strcpy((char *)(list + 2), name);
	return list;
}

char **xs_list(struct xs *xs, uint32_t tx, const char *path)
{
	(void)xs;
	(void)tx;
	if (!vbd.mode || (vbd.unread && strstr(path, vbd.unread)))
		return nothing(path);
	return one(strstr(path, "vbd/5") ? "51712" : "5");
}

char *xs_readf(struct xs *xs, uint32_t tx, const char *format, ...)
{
	const char *value;
	char path[200];
	va_list args;

	(void)xs;
	(void)tx;
	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	value = strstr(path, "identity") ? vbd.identity
		: strstr(path, "mode")	 ? vbd.mode
					 : vbd.device;
	if (!value || (vbd.unread && strstr(path, vbd.unread)))
		return nothing(path);
	return strdup(value);
}

bool overlay_file_missing(const struct hvctl_disk *d) { (void)d; return false; }
int xs_begin(struct xs *xs, uint32_t *tx) { (void)xs; *tx = 1; return 0; }
int xs_commit(struct xs *xs, uint32_t tx) { (void)xs; (void)tx; return 0; }
void xs_abort(struct xs *xs, uint32_t tx) { (void)xs; (void)tx; }
int xs_mkdir(struct xs *xs, uint32_t tx, const char *p) { (void)xs; (void)tx; (void)p; return 0; }
int xs_remove(struct xs *xs, uint32_t tx, const char *p) { (void)xs; (void)tx; (void)p; return 0; }
void xs_prune(struct xs *xs, const char *p) { (void)xs; (void)p; }

int xs_permit(struct xs *xs, uint32_t tx, const char *path, const char *perms)
{
	(void)xs;
	(void)tx;
	(void)path;
	(void)perms;
	return 0;
}

int xs_write(struct xs *xs, uint32_t tx, const char *path, const char *format, ...)
{
	(void)xs;
	(void)tx;
	(void)path;
	(void)format;
	return 0;
}

int net_bridge(struct hvctl_ctx *ctx, const char *bridge, bool *made)
{
	(void)ctx;
	(void)bridge;
	*made = false;
	return 0;
}

void net_remove_bridge(const char *bridge)
{
	(void)bridge;
}

int net_attach(struct hvctl_ctx *ctx, const char *interface, const char *bridge, const char *name)
{
	(void)ctx;
	(void)interface;
	(void)bridge;
	(void)name;
	return 0;
}

int hvctl_get(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_domain *domain)
{
	(void)ctx;
	(void)domid;
	(void)domain;
	return 0;
}

/* @n disks of a configuration against the store: NULL for nothing wrong, or the message. */
static void shared(const struct hvctl_disk *disks, unsigned int n, const char *want)
{
	struct hvctl_config c = { .nr_disks = n, .disks = (struct hvctl_disk *)disks };
	struct hvctl_ctx *ctx = hvctl_open();

	CU_ASSERT_PTR_NOT_NULL_FATAL(hvctl_xs(ctx));
	CU_ASSERT_EQUAL(devices_check_sharing(ctx, &c), want ? -EBUSY : 0);
	if (strcmp(hvctl_error(ctx), want ? want : ""))
		printf("\n    got:  %s\n    want: %s\n", hvctl_error(ctx), want ? want : "");
	CU_ASSERT_STRING_EQUAL(hvctl_error(ctx), want ? want : "");
	hvctl_close(ctx);
}

TEST(test_sharing, "disks of domains")
{
	struct hvctl_disk d[2] = {
		{ .target = other, .vdev = "xvda", .writable = true },
		{ .target = image, .vdev = "xvdb", .writable = true },
	};
	char busy[400], twice[400], dom0[400], identity[64];
	struct disk_id id = file(image);

	/* As test_loops() left it, without what was set up by hand. */
	use_paths = &paths;
	need(!unlink(in("%s/block/loop1/loop/backing_file", sys)));
	snprintf(busy, sizeof(busy), "the disk %s (xvda) is in use by domain 5; give another, or "
		 "read-only access to both, or write w! if you know that this goes well", other);
	snprintf(twice, sizeof(twice), "the disk %s (xvda) is xvdb as well; give another, or "
		 "read-only access to both, or write w! if you know that this goes well", other);
	snprintf(identity, sizeof(identity), "file:%u:%u:%llu", id.major, id.minor,
		 (unsigned long long)id.inode);
	shared(d, 1, NULL);
	vbd.identity = identity;
	vbd.mode = "r";
	shared(d, 1, busy);
	d[0].writable = false;
	shared(d, 1, NULL);
	vbd.mode = "w";
	shared(d, 1, busy);
	d[0].writable = d[0].forced = true;
	shared(d, 1, NULL);
	/* Known by its block device alone, in hexadecimal, and none of it known. */
	d[0].forced = false;
	vbd.identity = NULL;
	vbd.device = "7:ff";
	shared(d, 1, NULL);
	vbd.device = "7:0";
	shared(d, 1, busy);
	vbd.device = NULL;
	shared(d, 1, NULL);
	/* Twice in one domain. */
	vbd.mode = NULL;
	shared(d, 2, twice);
	d[1].writable = false;
	shared(d, 2, twice);
	d[0].writable = false;
	shared(d, 2, NULL);
	d[0].writable = d[0].forced = true;
	shared(d, 2, NULL);
	/* Dom0 itself may be read from, and overruled. */
	put(mounts, "21 1 7:0 / /mnt rw - ext4 /dev/loop0 rw\n");
	snprintf(dom0, sizeof(dom0), "dom0 uses the disk %s (xvda): /dev/loop0 is mounted on /mnt; "
		 "end that (umount /mnt), or write w! if you know that this goes well", other);
	shared(d, 1, NULL);
	d[0].forced = false;
	shared(d, 1, dom0);
	d[0].writable = false;
	shared(d, 1, NULL);
	put(mounts, "");
}

/* What cannot be read from the store may be what a domain uses. */
TEST(test_unread, "a store that does not answer")
{
	static const char *const nodes[] = { "backend/vbd", "vbd/5", "identity", "mode", "device" };
	struct hvctl_disk d = { .target = other, .vdev = "xvda", .writable = true };
	struct hvctl_config c = { .nr_disks = 1, .disks = &d };

	use_paths = &paths;
	vbd.mode = "w";
	vbd.device = "7:ff";
	vbd.identity = NULL;
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		struct hvctl_ctx *ctx = hvctl_open();

		CU_ASSERT_PTR_NOT_NULL_FATAL(hvctl_xs(ctx));
		d.forced = false;
		vbd.unread = nodes[i];
		CU_ASSERT_EQUAL(devices_check_sharing(ctx, &c), -EIO);
		CU_ASSERT_PTR_NOT_NULL(strstr(hvctl_error(ctx), "not to be read from the store"));
		d.forced = true;
		CU_ASSERT_EQUAL(devices_check_sharing(ctx, &c), 0);
		/* It is no matter of the next time. */
		d.forced = false;
		vbd.unread = NULL;
		CU_ASSERT_EQUAL(devices_check_sharing(ctx, &c), 0);
		hvctl_close(ctx);
	}
	vbd.mode = vbd.device = NULL;
}

/* Of the block device that is none: how often the kernel says yet that it is claimed, or what. */
#define CLAIMED "/dev/claimed"
static struct {
	int busy, error, flags, opened;
} claim;

int open(const char *path, int flags, ...)
{
	mode_t mode = 0;

	if (!strcmp(path, CLAIMED)) {
		claim.flags = flags;
		claim.opened++;
		errno = claim.busy ? EBUSY : claim.error;
		claim.busy -= claim.busy > 0;
		return errno ? -1 : dup(STDOUT_FILENO);
	}
	if (flags & O_CREAT) {
		va_list args;

		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	return openat(AT_FDCWD, path, flags, mode);
}

TEST(test_claimed, "a block device that the kernel has claimed for itself")
{
	static const struct {
		int busy, error;
		bool claimed;
		int opened;
	} t[] = {
		{ 0, 0, false, 1 }, { 99, 0, true, 5 }, { 4, 0, false, 5 }, { 5, 0, true, 5 },
		{ 1, ENXIO, false, 2 }, { 0, EACCES, false, 1 },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		int next = dup(STDOUT_FILENO);

		claim.busy = t[i].busy;
		claim.error = t[i].error;
		claim.opened = 0;
		close(next);
		CU_ASSERT_EQUAL(disk_claimed(CLAIMED), t[i].claimed);
		CU_ASSERT_EQUAL(claim.opened, t[i].opened);
		/* To claim is to open exclusively; without O_CREAT, and not to write. */
		CU_ASSERT_EQUAL(claim.flags & (O_EXCL | O_CREAT | O_ACCMODE | O_NONBLOCK),
				O_EXCL | O_RDONLY | O_NONBLOCK);
		CU_ASSERT_EQUAL(dup(STDOUT_FILENO), next); /* nothing is left open */
		close(next);
	}
}

SUITE("diskuse", .before = set_up, .after = tear_down)
