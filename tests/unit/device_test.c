// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/device.c libhvctl/device_close.c libhvctl/device_sharing.c
// sources: libhvctl/blkd.c libhvctl/disk.c libhvctl/diskuse.c
// sources: libhvctl/context.c libhvctl/hotplug.c libhvctl/config.c libhvctl/cfgfile.c
// sources: libhvctl/cpuset.c
// libs: -Wl,--wrap=hvctl_lock,--wrap=hvctl_lock_saving,--wrap=module_need
// bits: 64 32
/*
 * Disks that hvblkd serves, and interfaces of hvnetd's: what the store is told, how long is waited
 * and for what, what two may not share, and that nothing stays behind. The store is a list here,
 * and the daemon a function that is called when somebody looks.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "blkd.h"
#include "device.h"
#include "device_kind.h"
#include "device_world.h"
#include "suite.h"
#include "xs.h"

#define NET_BACK	"/local/domain/0/backend/hvnet/7/0"

static int check(struct hvctl_disk *d, unsigned int count)
{
	struct hvctl_config c = { .nr_disks = count, .disks = d };

	return devices_check_sharing(ctx, &c);
}

static void is_broken(void)
{
	if (find(BACK) < nr_nodes) {
		set(BACK "/hotplug-status", "error");
		set(BACK "/hotplug-error", "it is no qcow2 image; convert it");
	}
}

/* ------------------------------------------------------------------------------------------------
 * Tests
 */

TEST(test_entries, "what hvblkd is told, and no kernel driver is")
{
	struct hvctl_disk d = disk(image);
	struct hvctl_device *list;
	size_t count;

	strcpy(d.data_mode, "window");
	d.iops = 500;
	d.bps = 5ull << 32;
	d.forced = true;
	looks = 0;
	backend = is_ready;
	CU_ASSERT_EQUAL(add(&d, 1), 0);
	CU_ASSERT(looks >= 3);
	CU_ASSERT_STRING_EQUAL(get(FRONT "/backend"), BACK);
	CU_ASSERT_STRING_EQUAL(get(FRONT "/backend-id"), "0");
	CU_ASSERT_STRING_EQUAL(get(FRONT "/virtual-device"), "51712");
	CU_ASSERT_STRING_EQUAL(get(FRONT "/state"), "1");
	CU_ASSERT_STRING_EQUAL(get(FRONT "/.perms"), "n7 r0");
	CU_ASSERT_STRING_EQUAL(get(BACK "/.perms"), "n0 r7");
	CU_ASSERT_STRING_EQUAL(get(BACK "/frontend"), FRONT);
	CU_ASSERT_STRING_EQUAL(get(BACK "/frontend-id"), "7");
	CU_ASSERT_STRING_EQUAL(get(BACK "/online"), "1");
	CU_ASSERT_STRING_EQUAL(get(BACK "/params"), image);
	CU_ASSERT_STRING_EQUAL(get(BACK "/format"), "raw");
	CU_ASSERT_STRING_EQUAL(get(BACK "/mode"), "w");
	CU_ASSERT_STRING_EQUAL(get(BACK "/device-type"), "disk");
	CU_ASSERT_STRING_EQUAL(get(BACK "/removable"), "0");
	CU_ASSERT_STRING_EQUAL(get(BACK "/shared"), "1");
	CU_ASSERT_STRING_EQUAL(get(BACK "/data-mode"), "window");
	CU_ASSERT_STRING_EQUAL(get(BACK "/iops"), "500");
	CU_ASSERT_STRING_EQUAL(get(BACK "/bps"), "21474836480");
	/* It says so itself when it has opened the image. */
	CU_ASSERT_STRING_EQUAL(get(BACK "/hotplug-status"), "(none)");
	CU_ASSERT_STRING_EQUAL(get(BACK "/physical-device"), "(none)");
	CU_ASSERT_STRING_EQUAL(get("/local/domain/0/backend/vbd/7/51712"), "(none)");

	CU_ASSERT_EQUAL(hvctl_disks(ctx, 7, &list, &count), 0);
	CU_ASSERT_EQUAL_FATAL(count, 1);
	CU_ASSERT_EQUAL(list[0].number, 51712);
	CU_ASSERT_EQUAL(list[0].state, 2);
	CU_ASSERT_STRING_EQUAL(list[0].target, image);
	CU_ASSERT_STRING_EQUAL(list[0].name, "xvda");
	CU_ASSERT_TRUE(list[0].writable);
	free(list);
}

TEST(test_commit_ends, "entries are written once, whenever the store daemon ends")
{
	struct hvctl_disk d = disk(image);

	for (unsigned int when = 0; when < 3; when++) {
		looks = commits = 0;
		commit_ends = when;
		backend = is_ready;
		CU_ASSERT_EQUAL(add(&d, 1), 0);
		CU_ASSERT_EQUAL(commits, when == 1 ? 2 : 1);
		CU_ASSERT_STRING_NOT_EQUAL(get(BACK "/made"), "(none)");
		forget(BACK);
	}
}

TEST(test_plain, "what is not asked for is not there")
{
	struct hvctl_disk d = disk(image);

	d.writable = false;
	d.cdrom = true;
	looks = 0;
	backend = is_ready;
	CU_ASSERT_EQUAL(add(&d, 1), 0);
	CU_ASSERT_STRING_EQUAL(get(BACK "/mode"), "r");
	CU_ASSERT_STRING_EQUAL(get(BACK "/device-type"), "cdrom");
	CU_ASSERT_STRING_EQUAL(get(BACK "/removable"), "1");
	CU_ASSERT_STRING_EQUAL(get(BACK "/shared"), "(none)");
	CU_ASSERT_STRING_EQUAL(get(BACK "/data-mode"), "(none)");
	CU_ASSERT_STRING_EQUAL(get(BACK "/iops"), "(none)");
	CU_ASSERT_STRING_EQUAL(get(BACK "/bps"), "(none)");
}

TEST(test_lists_both, "disks of both backends are listed")
{
	struct hvctl_device *list;
	size_t count;

	set(BACK "/dev", "xvda");
	set("/local/domain/0/backend/vbd/7/51728/dev", "xvdb");
	CU_ASSERT_EQUAL(hvctl_disks(ctx, 7, &list, &count), 0);
	CU_ASSERT_EQUAL_FATAL(count, 2);
	CU_ASSERT_STRING_EQUAL(list[0].name, "xvdb");
	CU_ASSERT_STRING_EQUAL(list[1].name, "xvda");
	free(list);
}

TEST(test_refused, "hvblkd's own words, at once")
{
	struct hvctl_disk d = disk(image);

	backend = is_broken;
	CU_ASSERT_EQUAL(add(&d, 1), -EIO);
	says("hvblkd cannot serve the disk xvda: it is no qcow2 image; convert it");
	/* An image that was not opened need not be let go of. */
	devices_remove(ctx, 7);
	CU_ASSERT_STRING_EQUAL(get(BACK), "(none)");
	CU_ASSERT_STRING_EQUAL(get("/local/domain/0/backend/hvblk/7"), "(none)");
}

TEST(test_absent, "no hvblkd")
{
	struct hvctl_disk d = disk(image);
	char script[80], text[300];
	int fd;

	run_daemon(false);
	CU_ASSERT_EQUAL(add(&d, 1), -ENOENT);
	says("there is no hvblkd, which serves disks with backendtype=hvblkd; install it, or write "
	     "backendtype=phy");
	CU_ASSERT_STRING_EQUAL(get(BACK), "(none)");

	/* One that ends at once. */
	snprintf(script, sizeof(script), "%s/hvblkd", dir);
	fd = open(script, O_RDWR | O_CREAT | O_CLOEXEC, 0700);
	snprintf(text, sizeof(text), "#!/bin/sh\nexit 1\n");
	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	CU_ASSERT_EQUAL(add(&d, 1), -EIO);
	says("hvblkd does not run and cannot be started; see what it says in "
	     "/var/log/hvblkd.log, or when started by hand");
	unlink(script);
	/* The kernel's disks do without. */
	CU_ASSERT_EQUAL(add(&d, 0), 0);
}

static unsigned int busy;

/* Holds the disk for a while after it was told to close. */
static void lets_go(void)
{
	if (!strcmp(get(BACK "/online"), "0") && busy && !--busy)
		set(BACK "/hotplug-status", "disconnected");
}

static void net_is_ready(void)
{
	if (find(NET_BACK) < nr_nodes)
		set(NET_BACK "/state", "2");
	if (!strcmp(get(NET_BACK "/online"), "0"))
		set(NET_BACK "/hotplug-status", "disconnected");
}

static void net_is_broken(void)
{
	if (find(NET_BACK) < nr_nodes)
		set(NET_BACK "/hotplug-error", "br7 is no bridge");
}

/* The modules that it needs are asked for first: what this machine has of them is no matter. */
int __wrap_module_need(struct hvctl_ctx *c, const char *module, const char *sysfs);
static char modules[64];
int __wrap_module_need(struct hvctl_ctx *c, const char *module, const char *sysfs)
{
	strcat(strcat(modules, " "), module);
	return 0;
}

TEST(test_vif, "what hvnetd is told, and no kernel driver is")
{
	struct hvctl_vif v = { .mac = { 0, 0x16, 0x3e, 1, 2, 3 }, .bridge = "br0", .hvnetd = true,
			       .ip = "10.0.0.1", .bps = 5000 };
	struct hvctl_config c = { .nr_vifs = 1, .vifs = &v };
	struct hvctl_device *list;
	size_t count;

	*modules = 0;
	backend = net_is_ready;
	CU_ASSERT_EQUAL(devices_add(ctx, &c, 7), 0);
	CU_ASSERT_STRING_EQUAL(modules, " tun");
	CU_ASSERT_STRING_EQUAL(get("/local/domain/7/device/vif/0/backend"), NET_BACK);
	CU_ASSERT_STRING_EQUAL(get("/local/domain/7/device/vif/0/mac"), "00:16:3e:01:02:03");
	CU_ASSERT_STRING_EQUAL(get(NET_BACK "/bridge"), "br0");
	CU_ASSERT_STRING_EQUAL(get(NET_BACK "/ip"), "10.0.0.1");
	CU_ASSERT_STRING_EQUAL(get(NET_BACK "/bps"), "5000");
	CU_ASSERT_STRING_EQUAL(get("/local/domain/0/backend/vif/7/0"), "(none)");
	/* It says so itself when it has made its port. */
	CU_ASSERT_STRING_EQUAL(get(NET_BACK "/hotplug-status"), "(none)");
	CU_ASSERT_EQUAL(hvctl_vifs(ctx, 7, &list, &count), 0);
	CU_ASSERT_EQUAL_FATAL(count, 1);
	CU_ASSERT_STRING_EQUAL(list[0].target, "br0");
	free(list);
	devices_remove(ctx, 7);
	CU_ASSERT_STRING_EQUAL(get(NET_BACK "/bridge"), "(none)");
	backend = net_is_broken;
	CU_ASSERT_EQUAL(devices_add(ctx, &c, 7), -EIO);
	says("hvnetd cannot serve the vif 0: br7 is no bridge");
	run_daemon(false);
	devices_remove(ctx, 7);
	CU_ASSERT_EQUAL(devices_add(ctx, &c, 7), -ENOENT);
	says("there is no hvnetd, which serves interfaces with backendtype=hvnetd; install it, or "
	     "write backendtype=netback");
}

static void net_guest_lets_go(void)
{
	if (!strcmp(get(NET_BACK "/state"), "5"))
		set("/local/domain/7/device/vif/0/state", "6");
	if (!strcmp(get(NET_BACK "/online"), "0"))
		set(NET_BACK "/hotplug-status", "disconnected");
}

TEST(test_vif_hotplug, "one more interface, and one less")
{
	backend = net_is_ready;
	set("/local/domain/0/backend/vif/7/1/mac", "00:16:3e:00:00:09");
	CU_ASSERT_EQUAL(hvctl_vif_attach(ctx, 7, "mac=00:16:3E:00:00:09,backendtype=hvnetd"),
			-EEXIST);
	says("domain 7 has an interface with the address 00:16:3e:00:00:09 already; choose another "
	     "mac");
	CU_ASSERT_EQUAL(hvctl_vif_attach(ctx, 7, "mac=00:16:3e:00:00:08,backendtype=hvnetd"), 0);
	CU_ASSERT_STRING_EQUAL(get(NET_BACK "/mac"), "00:16:3e:00:00:08");
	CU_ASSERT_STRING_EQUAL(get("/local/domain/7/device/vif/0/state"), "1");
	CU_ASSERT_EQUAL(hvctl_vif_attach(ctx, 7, "mac='"), -EINVAL);
	being_saved = true;
	CU_ASSERT_EQUAL(hvctl_vif_attach(ctx, 7, "backendtype=hvnetd"), -EBUSY);
	CU_ASSERT_EQUAL(hvctl_vif_detach(ctx, 7, "0"), -EBUSY);
	being_saved = false;
	CU_ASSERT_EQUAL(hvctl_vif_detach(ctx, 7, "2"), -ENOENT);
	says("domain 7 has no interface 2; see hvctl network-list");
	set("/local/domain/7/device/vif/0/state", "4");
	CU_ASSERT_EQUAL(hvctl_vif_detach(ctx, 7, "0"), -ETIMEDOUT);
	says("the guest does not let go of 0; take it down there, and try again");
	set(NET_BACK "/state", "4");
	backend = net_guest_lets_go;
	CU_ASSERT_EQUAL(hvctl_vif_detach(ctx, 7, "00:16:3e:00:00:08"), 0);
	CU_ASSERT_STRING_EQUAL(get(NET_BACK "/mac"), "(none)");
	CU_ASSERT_STRING_EQUAL(get("/local/domain/7/device/vif/0/state"), "(none)");
	CU_ASSERT_STRING_EQUAL(get("/local/domain/0/backend/vif/7/1/mac"), "00:16:3e:00:00:09");
	backend = net_is_broken;
	CU_ASSERT_EQUAL(hvctl_vif_attach(ctx, 7, "backendtype=hvnetd"), -EIO);
	says("hvnetd cannot serve the vif 0: br7 is no bridge");
	CU_ASSERT_STRING_EQUAL(get(NET_BACK "/mac"), "(none)");
}

TEST(test_removal, "entries stay until hvblkd has let go")
{
	set(BACK "/online", "1");
	set(BACK "/state", "6");
	set(BACK "/hotplug-status", "connected");
	set(FRONT "/state", "4");
	busy = 6;
	backend = lets_go;
	devices_remove(ctx, 7);
	CU_ASSERT_EQUAL(busy, 0);
	CU_ASSERT_STRING_EQUAL(get(BACK), "(none)");
	CU_ASSERT_STRING_EQUAL(get(FRONT "/state"), "6");
}

TEST(test_removal_dead, "hvblkd that is not there has nothing")
{
	run_daemon(false);
	set(BACK "/online", "1");
	set(BACK "/hotplug-status", "connected");
	devices_remove(ctx, 7);
	CU_ASSERT_STRING_EQUAL(get(BACK "/online"), "(none)");
}

static void says_image(const char *before, const char *after)
{
	char line[400];

	snprintf(line, sizeof(line), "%s%s%s", before, image, after);
	says(line);
}

TEST(test_attach, "one more disk, or nothing of it")
{
	char spec[128];

	snprintf(spec, sizeof(spec), "vdev=xvda,backendtype=hvblkd,target=%s", image);
	looks = 0;
	backend = is_ready;
	CU_ASSERT_EQUAL(hvctl_disk_attach(ctx, 7, spec), 0);
	CU_ASSERT_STRING_EQUAL(get(BACK "/params"), image);
	CU_ASSERT_STRING_EQUAL(get(FRONT "/state"), "1");
	CU_ASSERT(overlays_made == 1 && overlays_undone == 0);
	/* The name is taken; so is the file. */
	CU_ASSERT_EQUAL(hvctl_disk_attach(ctx, 7, spec), -EEXIST);
	CU_ASSERT(overlays_made == 2 && overlays_undone == 1);
	says("domain 7 has a disk xvda already; choose another vdev, or detach that one");
	snprintf(spec, sizeof(spec), "vdev=xvdb,backendtype=hvblkd,target=%s", image);
	CU_ASSERT_EQUAL(hvctl_disk_attach(ctx, 7, spec), -EBUSY);
	says_image("the disk ", " (xvdb) is in use by domain 7; give another, or read-only access "
		   "to both, or write w! if you know that this goes well");
	forget("/local");

	backend = is_broken;
	snprintf(spec, sizeof(spec), "vdev=xvda,backendtype=hvblkd,target=%s", image);
	CU_ASSERT_EQUAL(hvctl_disk_attach(ctx, 7, spec), -EIO);
	says("hvblkd cannot serve the disk xvda: it is no qcow2 image; convert it");
	CU_ASSERT_STRING_EQUAL(get(BACK "/params"), "(none)");
	CU_ASSERT_STRING_EQUAL(get(FRONT "/state"), "(none)");
	CU_ASSERT_EQUAL(overlays_made, overlays_undone + 1);

	/* While it is saved its devices are what they are. */
	backend = is_ready;
	being_saved = true;
	CU_ASSERT_EQUAL(hvctl_disk_attach(ctx, 7, spec), -EBUSY);
	says("it is being saved");
	being_saved = false;
	CU_ASSERT_STRING_EQUAL(get(BACK "/params"), "(none)");

	CU_ASSERT_EQUAL(hvctl_disk_attach(ctx, 7, ",,xvdc,cdrom"), -EINVAL);
	says("an empty drive cannot be attached; give it a target, or write it into the "
	     "configuration");
	CU_ASSERT_EQUAL(hvctl_disk_attach(ctx, 7, "/a'b,raw,xvdb"), -EINVAL);
	CU_ASSERT_EQUAL(hvctl_disk_attach(ctx, 7, "/a,raw"), -EINVAL);
	says("disk:1:10: the disk /a has no vdev; add vdev=xvda");
}

/* A guest that closes when it is asked, and hvblkd that lets go when it is told. */
static void guest_lets_go(void)
{
	if (!strcmp(get(BACK "/state"), "5"))
		set(FRONT "/state", "6");
	if (!strcmp(get(BACK "/online"), "0"))
		set(BACK "/hotplug-status", "disconnected");
}

TEST(test_detach, "a disk goes when the guest has let go of it")
{
	set(BACK "/dev", "xvda");
	set(BACK "/frontend-id", "7");
	set(BACK "/online", "1");
	set(BACK "/state", "4");
	set(BACK "/hotplug-status", "connected");
	set(FRONT "/state", "4");
	CU_ASSERT_EQUAL(hvctl_disk_detach(ctx, 7, "xvdb"), -ENOENT);
	says("domain 7 has no disk xvdb; see hvctl block-list");
	CU_ASSERT_STRING_EQUAL(get(BACK "/state"), "4");
	being_saved = true;
	CU_ASSERT_EQUAL(hvctl_disk_detach(ctx, 7, "xvda"), -EBUSY);
	being_saved = false;
	/* Who keeps it, keeps it. */
	CU_ASSERT_EQUAL(hvctl_disk_detach(ctx, 7, "xvda"), -ETIMEDOUT);
	says("the guest does not let go of xvda; unmount it there, and try again");
	CU_ASSERT_STRING_EQUAL(get(BACK "/online"), "1");
	CU_ASSERT_STRING_EQUAL(get(FRONT "/state"), "4");
	backend = guest_lets_go;
	CU_ASSERT_EQUAL(hvctl_disk_detach(ctx, 7, "xvda"), 0);
	CU_ASSERT_STRING_EQUAL(get(BACK "/state"), "(none)");
	CU_ASSERT_STRING_EQUAL(get(FRONT "/state"), "(none)");
}

TEST(test_sharing, "one image for two, whoever serves it")
{
	char identity[64], line[400];
	struct hvctl_disk d[2] = { disk(image), disk(second) };
	struct stat st;

	d[1].number++;
	strcpy(d[1].vdev, "xvda1");
	CU_ASSERT_EQUAL(check(d, 2), 0);
	stat(image, &st);
	snprintf(identity, sizeof(identity), "file:%u:%u:%llu", major(st.st_dev), minor(st.st_dev),
		 (unsigned long long)st.st_ino);
	set("/local/domain/0/backend/hvblk/9/51712/target-identity", identity);
	set("/local/domain/0/backend/hvblk/9/51712/mode", "r");
	CU_ASSERT_EQUAL(check(d, 2), -EBUSY);
	snprintf(line, sizeof(line), "the disk %s (xvda) is in use by domain 9; give another, or "
		 "read-only access to both, or write w! if you know that this goes well", image);
	says(line);
	/* Nobody has had to talk to the store yet: a host that only takes in a guest. */
	ctx->xs = NULL;
	CU_ASSERT_EQUAL(check(d, 2), -EBUSY);
	/* The kernel's backend asks hvblkd's domains, too. */
	d[0].backend = HVCTL_DISK_KERNEL;
	CU_ASSERT_EQUAL(check(d, 2), -EBUSY);
	d[0].writable = false;
	CU_ASSERT_EQUAL(check(d, 2), 0);
	d[0].writable = true;
	d[0].forced = true;
	CU_ASSERT_EQUAL(check(d, 2), 0);
	d[0].forced = false;
	forget("/local/domain/0/backend/hvblk/9");
	/* And the other way round. */
	set("/local/domain/0/backend/vbd/9/51712/target-identity", identity);
	d[0].backend = HVCTL_DISK_HVBLKD;
	CU_ASSERT_EQUAL(check(d, 2), -EBUSY);
	says(line);
}

TEST(test_base, "what clones stand on is read by all of them and written by nobody")
{
	char identity[64], line[400];
	struct hvctl_disk d = disk(image), clone = disk(second);
	struct stat st;

	stat(image, &st);
	snprintf(identity, sizeof(identity), "file:%u:%u:%llu", major(st.st_dev), minor(st.st_dev),
		 (unsigned long long)st.st_ino);
	clone.backing = image;
	/* Domain 9 is one. */
	set("/local/domain/0/backend/hvblk/9/51712/target-identity", "file:9:9:1");
	set("/local/domain/0/backend/hvblk/9/51712/mode", "w");
	set("/local/domain/0/backend/hvblk/9/51712/backing-identity", identity);
	CU_ASSERT_EQUAL(check(&clone, 1), 0);
	CU_ASSERT_EQUAL(check(&d, 1), -EBUSY);
	snprintf(line, sizeof(line), "the disk %s (xvda) is in use by domain 9; give another, or "
		 "read-only access to both, or write w! if you know that this goes well", image);
	says(line);
	d.writable = false;
	CU_ASSERT_EQUAL(check(&d, 1), 0);
	/* Domain 9 writes to it, or reads it only. */
	forget("/local/domain/0/backend/hvblk/9/51712/backing-identity");
	set("/local/domain/0/backend/hvblk/9/51712/target-identity", identity);
	CU_ASSERT_EQUAL(check(&clone, 1), -EBUSY);
	says(line);
	set("/local/domain/0/backend/hvblk/9/51712/mode", "r");
	CU_ASSERT_EQUAL(check(&clone, 1), 0);
}

TEST(test_base_twin, "what a disk lies upon is not another one of the same domain's")
{
	struct hvctl_disk d[2] = { disk(image), disk(second) };

	strcpy(d[1].vdev, "xvdb");
	d[1].number = 51728;
	for (unsigned int i = 0; i < 2; i++) {
		d[i].backing = i ? image : second;
		CU_ASSERT_EQUAL(check(d, 2), -EBUSY);
		CU_ASSERT_PTR_NOT_NULL(strstr(hvctl_error(ctx), "lies upon"));
		d[!i].writable = false;
		CU_ASSERT_EQUAL(check(d, 2), 0);
		d[!i].writable = true;
		d[i].backing = NULL;
	}
	CU_ASSERT_EQUAL(check(d, 2), 0);
}

TEST(test_remote, "NBD servers are compared by their names")
{
	char uri[] = "nbd://host/a", other[] = "nbd://host/b", longest[1200], line[400];
	struct hvctl_disk d[2] = { disk(uri), disk(other) };

	strcpy(d[0].format, "nbd");
	strcpy(d[1].format, "nbd");
	strcpy(d[1].vdev, "xvdb");
	CU_ASSERT_EQUAL(check(d, 2), 0);
	d[1].target = uri;
	CU_ASSERT_EQUAL(check(d, 2), -EBUSY);
	says("the disk nbd://host/a (xvda) is xvdb as well; give another, or read-only access to "
	     "both, or write w! if you know that this goes well");
	d[1].target = image;
	strcpy(d[1].format, "raw");
	CU_ASSERT_EQUAL(check(d, 2), 0);
	set("/local/domain/0/backend/hvblk/9/51712/target-identity", "nbd:nbd://host/a");
	CU_ASSERT_EQUAL(check(d, 2), -EBUSY);
	d[0].writable = d[1].writable = false;
	CU_ASSERT_EQUAL(check(d, 2), 0);
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = 0;
	d[0].target = longest;
	CU_ASSERT_EQUAL(check(d, 2), -ENAMETOOLONG);
	snprintf(line, sizeof(line), "the NBD server of xvda has a name of more than 1019 bytes; "
		 "give a shorter one");
	says(line);
}

/* ------------------------------------------------------------------------------------------------
 * Closed, so that somebody else can write
 */

#define KERNEL	"/local/domain/0/backend/vbd/7/51712"

static char inflight[160];
static unsigned int looked;

static void in_flight(const char *text)
{
	FILE *f = fopen(inflight, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fputs(text, f);
	fclose(f);
}

/* Its writes are done after a while. */
static void slow_disk(void)
{
	if (++looked == 20)
		in_flight("       3        0\n");
}

TEST(test_close_disk, "a kernel's disk is closed when its writes are done")
{
	static const char *const parts[] = { "/sys", "/sys/dev", "/sys/dev/block",
					     "/sys/dev/block/7:10" };
	struct use_paths paths = *use_paths;
	const struct use_paths *before = use_paths;
	char sys[64], path[128];

	snprintf(sys, sizeof(sys), "%s/sys", dir);
	paths.sys = sys;
	use_paths = &paths;
	for (int i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s%s", dir, parts[i]);
		CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
	}
	snprintf(inflight, sizeof(inflight), "%s/inflight", path);
	in_flight("       0        2\n");
	set(KERNEL "/state", "6");
	set(KERNEL "/physical-device", "7:a");
	backend = slow_disk;
	looked = 0;
	CU_ASSERT_EQUAL(devices_close(ctx, 7), 0);
	CU_ASSERT(looked >= 20);
	unlink(inflight);
	/* Gone with its last user. */
	set(KERNEL "/state", "6");
	set(KERNEL "/physical-device", "7:a");
	CU_ASSERT_EQUAL(devices_close(ctx, 7), 0);
	for (int i = 4; i--;) {
		snprintf(path, sizeof(path), "%s%s", dir, parts[i]);
		CU_ASSERT_EQUAL(rmdir(path), 0);
	}
	use_paths = before;
}

TEST(test_close_store, "a store that fails is not one without devices")
{
	set(BACK "/state", "4");
	set(BACK "/hotplug-status", "connected");
	not_told = "/local/domain/0/backend/hvblk/7";
	not_told_after = 0;
	CU_ASSERT_EQUAL(devices_close(ctx, 7), -ETIMEDOUT);
	says("the store refuses /local/domain/0/backend/hvblk/7: Connection timed out; see the "
	     "store daemon's log");
	CU_ASSERT_STRING_EQUAL(get(BACK "/state"), "4");
	not_told = NULL;
}

TEST(test_close_dead, "an hvblkd that has died has not closed a disk")
{
	set(BACK "/state", "4");
	set(BACK "/hotplug-status", "connected");
	run_daemon(false);
	CU_ASSERT_EQUAL(devices_close(ctx, 7), -EIO);
	CU_ASSERT_STRING_EQUAL(get(BACK "/state"), "4");
	/* Nor one that has answered the guest: the image's server may be writing yet. */
	set(BACK "/state", "6");
	CU_ASSERT_EQUAL(devices_close(ctx, 7), -EIO);
	CU_ASSERT_STRING_EQUAL(get(BACK "/state"), "6");
	/* One that had closed it has. */
	set(BACK "/hotplug-status", "disconnected");
	CU_ASSERT_EQUAL(devices_close(ctx, 7), 0);
	CU_ASSERT_STRING_EQUAL(get(BACK "/state"), "(none)");
}

/* An image's server writes what it has, for @busy looks more than the guest's requests took. */
static void server_ends(void)
{
	if (!strcmp(get(BACK "/online"), "0"))
		set(BACK "/state", "6");
	lets_go();
}

TEST(test_close_server, "an image is closed when its server has ended, not when the guest is done")
{
	for (unsigned int i = 0; i < 2; i++) {
		set(BACK "/state", "4");
		set(BACK "/online", "1");
		set(BACK "/hotplug-status", "connected");
		backend = server_ends;
		/* It may also take longer than there is time. */
		busy = i ? 1u << 30 : 100;
		CU_ASSERT_EQUAL(devices_close(ctx, 7), i ? -ETIMEDOUT : 0);
		if (i) {
			says("hvblkd did not close vbd 51712 of domain 7 within 10 s; see its "
			     "log (/var/log/hvblkd.log)");
			CU_ASSERT_STRING_EQUAL(get(BACK "/state"), "6");
		} else {
			CU_ASSERT_EQUAL(busy, 0);
		}
	}
	backend = NULL;
	busy = 0;
}

TEST(test_tell, "what may have been answered is written again if it has not")
{
	static const struct {
		int ends;
		const char *was, *answer, *is;
		unsigned int times;
	} cases[] = {
		{ STAYS, "4", NULL, "5", 1 },
		{ BEFORE, "4", NULL, "5", 2 },
		{ AFTER, "4", NULL, "5", 1 },
		{ ANSWERED, "4", "6", "6", 1 },
		{ BEFORE, NULL, NULL, "5", 2 },
		{ AFTER, NULL, NULL, "5", 1 },
		{ ANSWERED, NULL, "6", "6", 1 },
	};

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *is;

		forget("/tell");
		if (cases[i].was)
			set("/tell", cases[i].was);
		ends = cases[i].ends;
		answer = cases[i].answer;
		written_once = 0;
		CU_ASSERT_EQUAL(device_tell(ctx, "/tell", cases[i].was, "5"), 0);
		is = xs_read(ctx->xs, 0, "/tell");
		CU_ASSERT(is && !strcmp(is, cases[i].is));
		CU_ASSERT_EQUAL(written_once, cases[i].times);
		free(is);
	}
	forget("/tell");
}

TEST(test_missing, "images that are not there are said before anything is made")
{
	char nowhere[] = "/nonexistent/a.img", line[300];
	struct hvctl_disk d = disk(nowhere);

	CU_ASSERT_EQUAL(check(&d, 1), -ENOENT);
	says("the disk /nonexistent/a.img (xvda) cannot be found: No such file or directory; "
	     "correct 'disk' in the configuration");
	d.target = dir;
	CU_ASSERT_EQUAL(check(&d, 1), -ENOTBLK);
	snprintf(line, sizeof(line), "the disk %s (xvda) is neither a block device nor a file; "
		 "correct 'disk' in the configuration", dir);
	says(line);
	CU_ASSERT_EQUAL(nr_nodes, 0);
}

SUITE("device", .before = begin_all, .after = end_all, .begin = begin, .end = end)
