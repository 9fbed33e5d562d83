// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/save/settings.c
// libs: -ljansson
//
// A configuration as JSON: what goes in comes out, and of a text from an image nothing is taken
// that no configuration could have.

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "save/settings.h"
#include "suite.h"

static struct hvctl_ctx ctx;

int hvctl_fail(struct hvctl_ctx *c, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(c->error, sizeof(c->error), format, args);
	va_end(args);
	return -error;
}

int hvctl_no_memory(struct hvctl_ctx *c)
{
	return hvctl_fail(c, ENOMEM, "no memory");
}

bool hvctl_good_name(const char *name)
{
	return *name && !strchr(name, '/');
}

void hvctl_uuid_text(const uint8_t uuid[16], char text[37])
{
	snprintf(text, 37, "%02x345678-0000-0000-0000-000000000000", uuid[0]);
}

bool hvctl_uuid_parse(const char *text, uint8_t uuid[16])
{
	unsigned int first;

	if (strlen(text) != 36 || sscanf(text, "%2x", &first) != 1)
		return false;
	memset(uuid, 0, 16);
	uuid[0] = (uint8_t)first;
	return true;
}

void hvctl_config_free(struct hvctl_config *c)
{
	if (!c)
		return;
	for (unsigned int i = 0; i < c->nr_disks; i++) {
		free(c->disks[i].target);
		free(c->disks[i].backing);
	}
	for (unsigned int i = 0; i < c->nr_vifs; i++)
		free(c->vifs[i].ip);
	free(c->disks);
	free(c->vifs);
	free(c->kernel);
	free(c->ramdisk);
	free(c->cmdline);
	free(c);
}

static char *good_text(void)
{
	struct hvctl_disk disk = {
		.target = (char *)"/srv/a b.img", .vdev = "xvda", .number = 51712, .writable = true,
		.backend = HVCTL_DISK_HVBLKD, .format = "qcow2", .data_mode = "window",
		.iops = 500, .bps = 1000000,
	};
	struct hvctl_vif vif = { { 0, 0x16, 0x3e, 1, 2, 0xff }, true, "br0", NULL, "v0", true,
				 123 };
	struct hvctl_config c = {
		.name = "g1", .uuid = { 0xab }, .kernel = (char *)"/boot/vmlinuz",
		.cmdline = (char *)"a \"b\" \\ c", .memory_mib = 128, .max_memory_mib = 256,
		.min_memory_mib = 200, /* it was asked to have less than its floor */
		.vcpus = 2, .max_vcpus = 4, .cpu_weight = 300, .cap = 50, .rtc_offset = -3600,
		.on_reboot = HVCTL_ACTION_RESTART, .on_crash = HVCTL_ACTION_RENAME_RESTART,
		.nr_disks = 1, .disks = &disk, .nr_vifs = 1, .vifs = &vif,
	};

	c.cpus[3][1] = 5;
	return settings_text(&c);
}

TEST(test_round, "out and in")
{
	struct hvctl_config *c;
	char *text = good_text();

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	CU_ASSERT_EQUAL_FATAL(settings_parse(&ctx, "it", text, strlen(text), &c), 0);
	CU_ASSERT_STRING_EQUAL(c->name, "g1");
	CU_ASSERT_TRUE(c->uuid_given && c->uuid[0] == 0xab);
	CU_ASSERT_STRING_EQUAL(c->cmdline, "a \"b\" \\ c");
	CU_ASSERT_TRUE(c->memory_mib == 128 && c->max_memory_mib == 256);
	CU_ASSERT_EQUAL(c->min_memory_mib, 200);
	CU_ASSERT_TRUE(c->vcpus == 2 && c->max_vcpus == 4 && c->cpus[3][1] == 5);
	CU_ASSERT_TRUE(c->cpu_weight == 300 && c->cap == 50 && c->rtc_offset == -3600);
	CU_ASSERT_EQUAL(c->on_reboot, HVCTL_ACTION_RESTART);
	CU_ASSERT_EQUAL(c->on_crash, HVCTL_ACTION_RENAME_RESTART);
	CU_ASSERT_TRUE(c->nr_disks == 1 && c->disks[0].writable && c->disks[0].number == 51712);
	CU_ASSERT_STRING_EQUAL(c->disks[0].target, "/srv/a b.img");
	CU_ASSERT_EQUAL(c->disks[0].backend, HVCTL_DISK_HVBLKD);
	CU_ASSERT_STRING_EQUAL(c->disks[0].format, "qcow2");
	CU_ASSERT_STRING_EQUAL(c->disks[0].data_mode, "window");
	CU_ASSERT_TRUE(c->disks[0].iops == 500 && c->disks[0].bps == 1000000);
	CU_ASSERT_TRUE(c->nr_vifs == 1 && c->vifs[0].mac[5] == 0xff && c->vifs[0].mac_given);
	CU_ASSERT_PTR_NULL(c->vifs[0].ip);
	CU_ASSERT_TRUE(c->vifs[0].hvnetd && c->vifs[0].bps == 123);
	CU_ASSERT_FALSE(c->pvh);
	CU_ASSERT_PTR_NULL(strstr(text, "\"type\""));
	free(text);
	c->pvh = true;
	text = settings_text(c);
	hvctl_config_free(c);
	CU_ASSERT_EQUAL_FATAL(settings_parse(&ctx, "it", text, strlen(text), &c), 0);
	CU_ASSERT_TRUE(c->pvh);
	hvctl_config_free(c);
	free(text);
}

TEST(test_empty, "a drive may be empty")
{
	struct hvctl_disk disk = { .target = (char *)"", .vdev = "xvda", .cdrom = true };
	struct hvctl_config *c, with = {
		.name = "g1", .uuid = { 0xab }, .kernel = (char *)"/boot/vmlinuz",
		.memory_mib = 128, .max_memory_mib = 256, .vcpus = 1, .max_vcpus = 1,
		.nr_disks = 1, .disks = &disk,
	};
	char *text = settings_text(&with);

	CU_ASSERT_EQUAL_FATAL(settings_parse(&ctx, "it", text, strlen(text), &c), 0);
	CU_ASSERT_TRUE(c->nr_disks == 1 && c->disks[0].cdrom);
	CU_ASSERT_STRING_EQUAL(c->disks[0].target, "");
	hvctl_config_free(c);
	free(text);
	/* And a disk may lie over a file that its configuration names. */
	disk = (struct hvctl_disk){ .target = (char *)"/o", .backing = (char *)"/b",
				    .vdev = "xvda", .writable = true, .format = "qcow2",
				    .base_format = "raw", .backend = HVCTL_DISK_HVBLKD };
	text = settings_text(&with);
	CU_ASSERT_EQUAL_FATAL(settings_parse(&ctx, "it", text, strlen(text), &c), 0);
	CU_ASSERT_STRING_EQUAL(c->disks[0].base_format, "raw");
	CU_ASSERT_STRING_EQUAL(c->disks[0].backing, "/b");
	hvctl_config_free(c);
	free(text);
}

/* The good text with one thing replaced, and the key that is blamed. */
static const struct {
	const char *from, *to, *blamed;
} wrong[] = {
	{ "\"g1\"", "\"g/1\"", "name" },
	{ "\"g1\"", "7", "name" },
	{ "\"ab345678", "\"ab34567", "uuid" },
	{ "\"kernel\":\"/boot/vmlinuz\",", "", "kernel" },
	{ "\"kernel\":", "\"type\":\"hvm\",\"kernel\":", "type" },
	{ "\"kernel\":", "\"type\":1,\"kernel\":", "type" },
	{ "\"memory\":128", "\"memory\":0", "memory" },
	{ "\"memory\":128", "\"memory\":257", "memory" },
	{ "\"memory\":128", "\"memory\":-1", "memory" },
	{ "\"memory\":128", "\"memory\":\"128\"", "memory" },
	{ "\"maxmem\":256", "\"maxmem\":99999999", "maxmem" },
	{ "\"maxvcpus\":4", "\"maxvcpus\":129", "maxvcpus" },
	{ "\"vcpus\":2", "\"vcpus\":5", "vcpus" },
	{ "\"cap\":50", "\"cap\":70000", "cap" },
	{ "\"rtc_offset\":-3600", "\"rtc_offset\":99999999999", "rtc_offset" },
	{ "\"restart\"", "\"explode\"", "on_reboot" },
	{ "\"xvda\"", "\"xvdaxvdaxvdaxvdaxvda\"", "vdev" },
	{ "\"number\":51712", "\"number\":-5", "number" },
	{ "\"target\":\"/srv/a b.img\",", "", "target" },
	{ "\"vdev\"", "\"base_format\":\"raw\",\"vdev\"", "base_format" },
	{ "\"vdev\"", "\"backing\":\"/b\",\"base_format\":\"vhd\",\"vdev\"", "base_format" },
	{ "\"target\":\"/srv/a b.img\",", "\"target\":\"\",", "target" },
	{ "\"hvblkd\"", "\"tap\"", "backend" },
	{ "\"hvblkd\"", "\"kernel\"", "format" },
	{ "\"qcow2\"", "\"auto\"", "format" },
	{ "\"window\"", "\"door\"", "data_mode" },
	{ "\"iops\":500", "\"iops\":-500", "iops" },
	{ "\"bps\":1000000", "\"bps\":true", "bps" },
	{ "00:16:3e:01:02:ff", "01:16:3e:01:02:ff", "mac" },
	{ "00:16:3e:01:02:ff", "00:16:3e:01:02", "mac" },
	{ "\"bridge\"", "\"ip\":7,\"bridge\"", "ip" },
	{ "\"br0\"", "\"../br\"", "bridge" },
	{ "\"br0\"", "\"\"", "bridge" },
	{ "\"v0\"", "\"..\"", "bridge" },
	{ "0000000000000005", "000000000000000x", "cpus" },
};

TEST(test_ips, "as many addresses as an interface may have")
{
	char *text = good_text(), ip[VIF_IP_MAX + 1] = "", changed[8192];
	const char *at = strstr(text, "\"bridge\"");
	struct hvctl_config *c;

	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	for (unsigned int i = 0; i < 16; i++)
		strcat(ip, i ? " 2001:db8:1111:2222:3333:4444:5555:6666" :
			       "2001:db8:1111:2222:3333:4444:5555:6666");
	snprintf(changed, sizeof(changed), "%.*s\"ip\":\"%s\",%s", (int)(at - text), text, ip, at);
	CU_ASSERT_EQUAL_FATAL(settings_parse(&ctx, "it", changed, strlen(changed), &c), 0);
	CU_ASSERT_STRING_EQUAL(c->vifs[0].ip, ip);
	hvctl_config_free(c);
	memset(ip, '1', VIF_IP_MAX);
	ip[VIF_IP_MAX] = 0;
	snprintf(changed, sizeof(changed), "%.*s\"ip\":\"%s\",%s", (int)(at - text), text, ip, at);
	CU_ASSERT_EQUAL(settings_parse(&ctx, "it", changed, strlen(changed), &c), -EINVAL);
	free(text);
}

TEST(test_wrong, "what no configuration has")
{
	char *text = good_text(), changed[4096];

	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const char *at = strstr(text, wrong[i].from);
		char blamed[32];
		struct hvctl_config *c;

		CU_ASSERT_PTR_NOT_NULL_FATAL(at);
		snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(at - text), text, wrong[i].to,
			 at + strlen(wrong[i].from));
		CU_ASSERT_EQUAL(settings_parse(&ctx, "it", changed, strlen(changed), &c), -EINVAL);
		CU_ASSERT_PTR_NULL(c);
		snprintf(blamed, sizeof(blamed), "'%s'", wrong[i].blamed);
		if (!strstr(ctx.error, blamed))
			printf("\n%s: %s", blamed, ctx.error);
		CU_ASSERT_PTR_NOT_NULL(strstr(ctx.error, blamed));
	}
	free(text);
}

/* Cut off anywhere it is no JSON; nested without end neither. */
TEST(test_no_json, "no JSON")
{
	static char deep[100000];
	char *text = good_text();
	struct hvctl_config *c;

	for (size_t len = 0; len < strlen(text); len++)
		CU_ASSERT_EQUAL(settings_parse(&ctx, "it", text, len, &c), -EINVAL);
	memset(deep, '[', sizeof(deep));
	CU_ASSERT_EQUAL(settings_parse(&ctx, "it", deep, sizeof(deep), &c), -EINVAL);
	CU_ASSERT_EQUAL(settings_parse(&ctx, "it", "[]", 2, &c), -EINVAL);
	CU_ASSERT_EQUAL(settings_parse(&ctx, "it", "{}", 2, &c), -EINVAL);
	free(text);
}

/* Long texts are not looked at: each value of a list takes more memory than it has characters. */
TEST(test_long, "a long text")
{
	static char text[SETTINGS_MAX + 1];
	char *good = good_text();
	struct hvctl_config *c;

	memset(text, ' ', sizeof(text));
	memcpy(text, good, strlen(good));
	CU_ASSERT_EQUAL(settings_parse(&ctx, "it", text, sizeof(text), &c), -EINVAL);
	CU_ASSERT_PTR_NULL(c);
	CU_ASSERT_PTR_NOT_NULL(strstr(ctx.error, "too long"));
	CU_ASSERT_EQUAL_FATAL(settings_parse(&ctx, "it", text, sizeof(text) - 1, &c), 0);
	hvctl_config_free(c);
	free(good);
}

SUITE("save settings")
