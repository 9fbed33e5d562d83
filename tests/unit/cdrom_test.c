// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/cdrom.c libhvctl/device.c libhvctl/device_close.c libhvctl/device_sharing.c
// sources: libhvctl/blkd.c libhvctl/disk.c libhvctl/diskuse.c libhvctl/context.c
// libs: -Wl,--wrap=hvctl_lock,--wrap=hvctl_lock_saving,--wrap=hvctl_nap
// bits: 64 32
/*
 * Media of CD drives: what is refused touches nothing, the guest is asked before, and whatever goes
 * wrong, the drive, its entries and the configuration say the same.
 */
#include "device_world.h"

#include "cdrom.h"
#include "create.h"
#include "device_kind.h"

/* The domain's configuration in the store: a drive, and a disk. */
static char *medium;
static enum hvctl_disk_backend backend_kept;
static char format_kept[8];
static bool keeps_nothing;
static unsigned int kept, naps;

void __wrap_hvctl_nap(unsigned int ms);
void __wrap_hvctl_nap(unsigned int ms)
{
	naps += ms;
}

int hvctl_config_of(struct hvctl_ctx *c, uint32_t domid, struct hvctl_config **config)
{
	struct hvctl_disk *d = calloc(2, sizeof(*d));

	CU_ASSERT_EQUAL(domid, 7);
	if (!medium) {
		free(d);
		return hvctl_fail(c, EINVAL, "domain 7 was not created by hvctl");
	}
	d[0] = disk(strdup(medium));
	d[0].writable = false;
	d[0].cdrom = true;
	d[0].backend = backend_kept;
	strcpy(d[0].format, format_kept);
	d[1] = disk(strdup(second));
	d[1].number = 51728;
	strcpy(d[1].vdev, "xvdb");
	*config = calloc(1, sizeof(**config));
	(*config)->disks = d;
	(*config)->nr_disks = 2;
	return 0;
}

void hvctl_config_free(struct hvctl_config *c)
{
	for (unsigned int i = 0; c && i < c->nr_disks; i++)
		free(c->disks[i].target);
	if (c)
		free(c->disks);
	free(c);
}

int domain_replace_settings(struct hvctl_ctx *c, uint32_t domid, const struct hvctl_config *config)
{
	CU_ASSERT_EQUAL(domid, 7);
	CU_ASSERT_EQUAL(config->nr_disks, 2);
	if (keeps_nothing)
		return hvctl_fail(c, EIO, "the store refuses it");
	free(medium);
	medium = strdup(config->disks[0].target);
	backend_kept = config->disks[0].backend;
	strcpy(format_kept, config->disks[0].format);
	CU_ASSERT_STRING_EQUAL(config->disks[1].target, second);
	kept++;
	return 0;
}

/* A guest that lets go when it is asked, and hvblkd that serves what is not called @broken. */
static const char *broken;
static bool holds;
static unsigned int served;

static void both(void)
{
	if (find(BACK "/params") == nr_nodes)
		return;
	if (!strcmp(get(BACK "/state"), "5") && !holds)
		set(FRONT "/state", "6");
	if (!strcmp(get(BACK "/online"), "0")) {
		set(BACK "/hotplug-status", "disconnected");
		return;
	}
	if (strcmp(get(BACK "/state"), "1"))
		return;
	if (broken && strstr(get(BACK "/params"), broken)) {
		set(BACK "/hotplug-status", "error");
		set(BACK "/hotplug-error", "it cannot be opened");
		return;
	}
	served++;
	set(BACK "/hotplug-status", "connected");
	set(BACK "/state", "4");
	set(FRONT "/state", "4");
}

/* The drive has @file, and says so wherever it is looked for. */
static void has(const char *file)
{
	CU_ASSERT_STRING_EQUAL(medium, file);
	CU_ASSERT_STRING_EQUAL(get(BACK "/params"), *file ? file : "(none)");
	CU_ASSERT_STRING_EQUAL(get(FRONT "/state"), *file ? "4" : "(none)");
	if (*file)
		CU_ASSERT_STRING_EQUAL(get(BACK "/device-type"), "cdrom");
}

static void start(const char *file)
{
	free(medium);
	medium = strdup(file);
	backend_kept = HVCTL_DISK_HVBLKD;
	strcpy(format_kept, "raw");
	keeps_nothing = holds = false;
	broken = NULL;
	kept = naps = 0;
	backend = both;
}

static int insert(const char *file)
{
	return hvctl_cd_insert(ctx, 7, "xvda", file);
}

TEST(test_change, "a medium comes, is exchanged, goes, and comes again")
{
	static const char *const spelt[] = {
		"phy:", "file:", "tap:aio:", "tap2:aio:", "aio:", "raw:",
	};

	start("");
	CU_ASSERT_EQUAL(insert(image), 0);
	has(image);
	CU_ASSERT_EQUAL(insert(second), 0);
	has(second);
	CU_ASSERT_STRING_EQUAL(get(BACK "/mode"), "r");
	CU_ASSERT_EQUAL(hvctl_cd_eject(ctx, 7, "xvda"), 0);
	has("");
	CU_ASSERT_EQUAL(hvctl_cd_eject(ctx, 7, "xvda"), -ENOENT);
	says("xvda of domain 7 is empty already");
	CU_ASSERT_EQUAL(insert(image), 0);
	has(image);
	/* A name without a directory is one of ours, and hvblkd has another. */
	CU_ASSERT_EQUAL(chdir(dir), 0);
	CU_ASSERT_EQUAL(insert("file:second"), 0);
	has(second);
	CU_ASSERT_EQUAL(insert("tap2:aio:image"), 0);
	has(image);
	CU_ASSERT_EQUAL(chdir("/"), 0);
	/* As a configuration may have it. */
	for (unsigned int i = 0; i < sizeof(spelt) / sizeof(spelt[0]); i++) {
		char name[96];

		snprintf(name, sizeof(name), "%s%s", spelt[i], i % 2 ? image : second);
		CU_ASSERT_EQUAL(insert(name), 0);
		has(i % 2 ? image : second);
	}
}

TEST(test_server, "an NBD server is hvblkd's, also in a drive of the kernel's")
{
	start("");
	backend_kept = HVCTL_DISK_KERNEL;
	CU_ASSERT_EQUAL(insert("nbd://host/cd"), 0);
	has("nbd://host/cd");
	CU_ASSERT_STRING_EQUAL(get(BACK "/format"), "nbd");
	CU_ASSERT_EQUAL(insert(image), 0);
	has(image);
	CU_ASSERT_STRING_EQUAL(get(BACK "/format"), "raw");
	CU_ASSERT_EQUAL(insert("http://host/cd.iso"), -ENOENT);
	has(image);
}

static int refused(int error, const char *line)
{
	unsigned int before = kept;

	if (strncmp(hvctl_error(ctx), line, strlen(line)))
		printf("\n    got:  %s\n    want: %s\n", hvctl_error(ctx), line);
	CU_ASSERT_EQUAL(strncmp(hvctl_error(ctx), line, strlen(line)), 0);
	CU_ASSERT_EQUAL(kept, before);
	has(image);
	return error;
}

TEST(test_refused, "what cannot be touches nothing")
{
	char line[200];
	struct hvctl_disk other = disk(second);

	start("");
	CU_ASSERT_EQUAL(insert(image), 0);
	kept = served = 0;
	CU_ASSERT_EQUAL(refused(hvctl_cd_eject(ctx, 7, "xvdb"),
				"xvdb of domain 7 is a disk and no CD drive"), -EINVAL);
	CU_ASSERT_EQUAL(refused(hvctl_cd_insert(ctx, 7, "xvdc", second),
				"domain 7 was not created with a drive xvdc"), -ENOENT);
	CU_ASSERT_EQUAL(refused(insert("/none.iso"),
				"the disk /none.iso (xvda) cannot be found: No such"), -ENOENT);
	CU_ASSERT_EQUAL(refused(insert("/dev/null"),
				"the disk /dev/null (xvda) is neither"), -ENOTBLK);
	CU_ASSERT_EQUAL(refused(insert(""), "an empty name is no medium"), -EINVAL);
	CU_ASSERT_EQUAL(refused(insert("tap:aio:"), "an empty name is no medium"), -EINVAL);
	being_saved = true;
	CU_ASSERT_EQUAL(refused(insert(second), "it is being saved"), -EBUSY);
	being_saved = false;
	/* Somebody writes to it. */
	other.number = 51728;
	strcpy(other.vdev, "xvdb");
	CU_ASSERT_EQUAL(add(&other, 1), -ETIMEDOUT);
	snprintf(line, sizeof(line), "the disk %s (xvda) is in use by domain 7", second);
	CU_ASSERT_EQUAL(refused(insert(second), line), -EBUSY);
	forget("/local/domain/0/backend/hvblk/7/51728");
	/* A disk that was attached as the drive. */
	set(BACK "/device-type", "disk");
	CU_ASSERT_EQUAL(hvctl_cd_eject(ctx, 7, "xvda"), -EEXIST);
	set(BACK "/device-type", "cdrom");
	keeps_nothing = true;
	CU_ASSERT_EQUAL(refused(insert(second), "the store refuses it"), -EIO);
	CU_ASSERT_EQUAL(served, 0);
}

TEST(test_in_use, "a guest that holds the medium keeps it")
{
	start("");
	CU_ASSERT_EQUAL(insert(image), 0);
	holds = true;
	CU_ASSERT_EQUAL(insert(second), -ETIMEDOUT);
	says("the guest does not let go of xvda within 10 s; unmount it there, or let the guest "
	     "run (hvctl unpause), and try again");
	has(image);
	CU_ASSERT_EQUAL(hvctl_cd_eject(ctx, 7, "xvda"), -ETIMEDOUT);
	has(image);
	/* It has unmounted it. */
	holds = false;
	CU_ASSERT_EQUAL(hvctl_cd_eject(ctx, 7, "xvda"), 0);
	has("");
}

TEST(test_back, "a medium that cannot be served gives way to the one before")
{
	start("");
	CU_ASSERT_EQUAL(insert(image), 0);
	broken = "second";
	CU_ASSERT_EQUAL(insert(second), -EIO);
	says("hvblkd cannot serve the disk xvda: it cannot be opened");
	has(image);
	/* Nor is that one to be had any more: the drive is empty. */
	CU_ASSERT_EQUAL(insert("nbd://host/cd"), 0);
	broken = "/";
	CU_ASSERT_EQUAL(insert(second), -EIO);
	has("");
	broken = "second";
	CU_ASSERT_EQUAL(insert(second), -EIO);
	has("");
}

TEST(test_kept, "who is made again has the media that it had by then")
{
	struct hvctl_config *c = NULL;
	struct hvctl_disk cd = disk(strdup("/old.iso")), other = disk(strdup("/disk"));

	start(image);
	strcpy(format_kept, "raw");
	CU_ASSERT_EQUAL(hvctl_config_of(ctx, 7, &c), 0);
	free(c->disks[0].target);
	cd.cdrom = true;
	cd.writable = false;
	strcpy(cd.format, "nbd");
	c->disks[0] = cd;
	free(c->disks[1].target);
	/* What is written stays as it was read, whatever the store says. */
	other.number = 51728;
	c->disks[1] = other;
	cdroms_keep(ctx, 7, c);
	CU_ASSERT_STRING_EQUAL(c->disks[0].target, image);
	CU_ASSERT_STRING_EQUAL(c->disks[0].format, "raw");
	CU_ASSERT_STRING_EQUAL(c->disks[1].target, "/disk");
	/* A medium that has gone is no reason not to start. */
	free(medium);
	medium = strdup("/none.iso");
	cdroms_keep(ctx, 7, c);
	CU_ASSERT_STRING_EQUAL(c->disks[0].target, "");
	CU_ASSERT_STRING_EQUAL(c->disks[1].target, "/disk");
	free(medium);
	medium = strdup(image);
	cdroms_keep(ctx, 7, c);
	/* Nobody knows: what it was created with. */
	free(medium);
	medium = NULL;
	cdroms_keep(ctx, 7, c);
	CU_ASSERT_STRING_EQUAL(c->disks[0].target, image);
	hvctl_config_free(c);
}

TEST(test_empty, "an empty drive has no device, and nothing to look for")
{
	char none[] = "";
	struct hvctl_disk d[2] = { disk(image), disk(none) };
	struct hvctl_config c = { .nr_disks = 2, .disks = d };

	start("");
	d[1].cdrom = true;
	d[1].writable = false;
	d[1].number = 51728;
	strcpy(d[1].vdev, "xvdb");
	CU_ASSERT_EQUAL(devices_check_there(ctx, &c), 0);
	CU_ASSERT_EQUAL(devices_check_sharing(ctx, &c), 0);
	looks = 0;
	backend = is_ready;
	CU_ASSERT_EQUAL(add(d, 2), 0);
	CU_ASSERT_STRING_EQUAL(get(BACK "/params"), image);
	CU_ASSERT_STRING_EQUAL(get("/local/domain/7/device/vbd/51728"), "(none)");
	free(medium);
	medium = NULL;
}

SUITE("media of CD drives", .before = begin_all, .after = end_all, .begin = begin, .end = end)
