// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/config.c libhvctl/cfgfile.c libhvctl/context.c libhvctl/kcache.c libhvctl/xs.c
// sources: libhvctl/cpuset.c libhvctl/cfgtext.c
// sources: hypervisor/image/unpack.c
// libs: -llzma -lz -lzstd -llz4
// bits: 64 32
/*
 * Configuration files: what xl.cfg files mean, and that each mistake gets one line with file, line,
 * column, key and remedy. The whole line is compared.
 */
#include "suite.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cfgfile.h"
#include "hvctl.h"

#define BASE "name = \"g\"\nkernel = \"/k\"\n"

static struct hvctl_ctx *ctx;
static char warnings[4096];

static void take_warning(void *data, const char *line)
{
	strncat(warnings, line, sizeof(warnings) - strlen(warnings) - 2);
	strcat(warnings, "\n");
}

static int set_up(void)
{
	ctx = hvctl_open();
	if (!ctx)
		return 1;
	hvctl_set_warning(ctx, take_warning, NULL);
	return 0;
}

static int tear_down(void)
{
	hvctl_close(ctx);
	return 0;
}

/* Parse from a copy without a zero behind it, so that ASan sees a byte too many. */
static struct hvctl_config *parse_with(const char *text, const char *const *overrides)
{
	size_t len = strlen(text);
	char *copy = malloc(len ? len : 1);
	struct hvctl_config *c;
	int ret;

	memcpy(copy, text, len);
	warnings[0] = 0;
	ret = hvctl_config_parse(ctx, "t.cfg", copy, len, overrides, &c);
	free(copy);
	if (ret)
		CU_ASSERT_PTR_NULL(c);
	return c;
}

static struct hvctl_config *parse(const char *text)
{
	return parse_with(text, NULL);
}

static void refused(const char *text, const char *line)
{
	struct hvctl_config *c = parse(text);

	CU_ASSERT_PTR_NULL(c);
	if (strcmp(hvctl_error(ctx), line))
		printf("\n    got:  %s\n    want: %s\n", hvctl_error(ctx), line);
	CU_ASSERT_STRING_EQUAL(hvctl_error(ctx), line);
	hvctl_config_free(c);
}

static void warned(const char *text, const char *lines)
{
	struct hvctl_config *c = parse(text);

	CU_ASSERT_PTR_NOT_NULL(c);
	if (strcmp(warnings, lines))
		printf("\n    got:  %s\n    want: %s\n", warnings, lines);
	CU_ASSERT_STRING_EQUAL(warnings, lines);
	hvctl_config_free(c);
}

TEST(test_whole, "a whole file")
{
	struct hvctl_config *c = parse(
		"# a guest as people write it\n"
		"name = 'web-1.example'   # with a comment\n"
		"type = \"pv\"; uuid = \"01234567-89ab-cdef-0123-456789ABCDEF\"\n"
		"kernel=\"/boot/vmlinuz\"\r\n"
		"ramdisk\t=\t\"/boot/initrd\"\n"
		"root = \"/dev/xvda ro\"\n"
		"extra = \"console=hvc0 quoted=\\\"x\\\"\"\n"
		"memory = 256\nmaxmem = 0x200\nmemory_min = 64\nvcpus = \"2\"\nmaxvcpus = 4\n"
		"disk = [ 'phy:/dev/vg/a,xvda,w',\n"
		"         # the swap\n"
		"         'format=raw, vdev=xvdb1, access=ro, target=/srv/b,c=d.img', ]\n"
		"vif = [ 'mac=00:16:3e:01:02:03,bridge=br0,ip=10.0.0.1,vifname=web0', '',\n"
		"        'backendtype=hvnetd,bps=2M' ]\n"
		"cpus = \"0-3,^2,65\"\n"
		"cpus_soft = '1,65'\ncpu_weight = 512\ncap = 150\n"
		"localtime = 1\nrtc_timeoffset = -3600\n"
		"on_poweroff = 'preserve'\non_reboot = 'destroy'\non_crash = 'restart'");

	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_STRING_EQUAL(warnings, "");
	CU_ASSERT_STRING_EQUAL(c->name, "web-1.example");
	CU_ASSERT_TRUE(c->uuid_given);
	CU_ASSERT_EQUAL(memcmp(c->uuid,
			       "\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef",
			       16),
			0);
	CU_ASSERT_STRING_EQUAL(c->kernel, "/boot/vmlinuz");
	CU_ASSERT_STRING_EQUAL(c->ramdisk, "/boot/initrd");
	CU_ASSERT_STRING_EQUAL(c->cmdline, "root=/dev/xvda ro console=hvc0 quoted=\"x\"");
	CU_ASSERT_EQUAL(c->memory_mib, 256);
	CU_ASSERT_EQUAL(c->max_memory_mib, 512);
	CU_ASSERT_EQUAL(c->min_memory_mib, 64);
	CU_ASSERT_EQUAL(c->vcpus, 2);
	CU_ASSERT_EQUAL(c->max_vcpus, 4);
	CU_ASSERT_EQUAL_FATAL(c->nr_disks, 2);
	CU_ASSERT_STRING_EQUAL(c->disks[0].target, "/dev/vg/a");
	CU_ASSERT_STRING_EQUAL(c->disks[0].vdev, "xvda");
	CU_ASSERT_EQUAL(c->disks[0].number, 51712);
	CU_ASSERT_TRUE(c->disks[0].writable);
	CU_ASSERT_STRING_EQUAL(c->disks[1].target, "/srv/b,c=d.img");
	CU_ASSERT_EQUAL(c->disks[1].number, 51729);
	CU_ASSERT_FALSE(c->disks[1].writable);
	CU_ASSERT_EQUAL_FATAL(c->nr_vifs, 3);
	CU_ASSERT_TRUE(c->vifs[2].hvnetd && c->vifs[2].bps == 2 << 20);
	CU_ASSERT_TRUE(!c->vifs[0].hvnetd && !c->vifs[1].hvnetd && !c->vifs[1].bps);
	CU_ASSERT_EQUAL(memcmp(c->vifs[0].mac, "\x00\x16\x3e\x01\x02\x03", 6), 0);
	CU_ASSERT_STRING_EQUAL(c->vifs[0].bridge, "br0");
	CU_ASSERT_STRING_EQUAL(c->vifs[0].ip, "10.0.0.1");
	CU_ASSERT_STRING_EQUAL(c->vifs[0].vifname, "web0");
	CU_ASSERT_FALSE(c->vifs[1].mac_given);
	CU_ASSERT_STRING_EQUAL(c->vifs[1].bridge, "xenbr0");
	CU_ASSERT_EQUAL(c->cpus[0][0], 0xb);
	CU_ASSERT_EQUAL(c->cpus[0][1], 2);
	CU_ASSERT_EQUAL(c->cpus[3][0], 0xb);
	CU_ASSERT_EQUAL(c->cpus[3][1], 2);
	CU_ASSERT_TRUE(c->cpus_soft[3][0] == 2 && c->cpus_soft[3][1] == 2);
	CU_ASSERT_TRUE(c->cpu_weight == 512 && c->cap == 150);
	CU_ASSERT_TRUE(c->localtime);
	CU_ASSERT_EQUAL(c->rtc_offset, -3600);
	CU_ASSERT_EQUAL(c->on_poweroff, HVCTL_ACTION_PRESERVE);
	CU_ASSERT_EQUAL(c->on_reboot, HVCTL_ACTION_DESTROY);
	CU_ASSERT_EQUAL(c->on_crash, HVCTL_ACTION_RESTART);
	hvctl_config_free(c);
}

TEST(test_defaults, "defaults and overrides")
{
	const char *const overrides[] = { "memory=64", "extra = \"single\"",
					  "vif += [ 'bridge=b1' ]", NULL };
	struct hvctl_config *c = parse(BASE);

	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(c->memory_mib, 128);
	CU_ASSERT_EQUAL(c->max_memory_mib, 128);
	CU_ASSERT_EQUAL(c->vcpus, 1);
	CU_ASSERT_EQUAL(c->max_vcpus, 1);
	CU_ASSERT_STRING_EQUAL(c->cmdline, "");
	CU_ASSERT_EQUAL(c->on_poweroff, HVCTL_ACTION_DESTROY);
	CU_ASSERT_EQUAL(c->on_reboot, HVCTL_ACTION_RESTART);
	CU_ASSERT_EQUAL(c->on_crash, HVCTL_ACTION_DESTROY);
	hvctl_config_free(c);

	/* The last assignment wins, whether in the file or behind it. */
	c = parse_with(BASE "memory = 1\nmemory = 32\nvif = [ 'bridge=b0' ]\n", overrides);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(c->memory_mib, 64);
	CU_ASSERT_STRING_EQUAL(c->cmdline, "single");
	CU_ASSERT_EQUAL_FATAL(c->nr_vifs, 2);
	CU_ASSERT_STRING_EQUAL(c->vifs[1].bridge, "b1");
	hvctl_config_free(c);

	c = parse(BASE "maxvcpus = 3\ncmdline = \"x\"\n");
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(c->vcpus, 3);
	CU_ASSERT_STRING_EQUAL(c->cmdline, "x");
	hvctl_config_free(c);
}

static uint32_t number_of(const char *vdev)
{
	struct hvctl_config *c;
	uint32_t number = 0;
	char text[200];

	snprintf(text, sizeof(text), BASE "disk = [ '/d,raw,%s,w' ]\n", vdev);
	c = parse(text);
	if (c)
		number = c->disks[0].number;
	hvctl_config_free(c);
	return number;
}

TEST(test_vdev, "vdev numbers")
{
	static const struct {
		const char *vdev;
		unsigned int number; /* 0: no such name */
	} t[] = {
		{ "xvda", 51712 }, { "xvda1", 51713 }, { "xvdp15", 51967 },
		{ "xvdq", (1u << 28) + (16 << 8) }, { "xvdaa", (1u << 28) + (26 << 8) },
		{ "xvda16", (1u << 28) + 16 }, { "sda", 2048 }, { "sdb2", 2048 + 16 + 2 },
		{ "hda", 768 }, { "hdb", 832 }, { "hdc1", 5633 }, { "sdq", 0 }, { "hde", 0 },
		{ "xvda0", 0 }, { "xvda256", 0 }, { "xvdzzzzzzzz", 0 }, { "xvd", 0 },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		CU_ASSERT_EQUAL(number_of(t[i].vdev), t[i].number);
}

TEST(test_disks, "disks")
{
	struct hvctl_config *c = parse(
		BASE "disk = [ 'file:/a.img,xvda,r', '/b.iso,raw,xvdb:cdrom', '/c,,xvdc', "
		     "'vdev=hda,target=/d=e',\n"
		     "  '/dev/x=y,raw,xvdd,rw', 'devtype=cdrom,vdev=xvde,access=rw,target=/f' ]\n");

	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL_FATAL(c->nr_disks, 6);
	CU_ASSERT_STRING_EQUAL(c->disks[0].target, "/a.img");
	CU_ASSERT_FALSE(c->disks[0].writable);
	CU_ASSERT_TRUE(c->disks[1].cdrom);
	CU_ASSERT_FALSE(c->disks[1].writable);
	CU_ASSERT_STRING_EQUAL(c->disks[2].target, "/c");
	CU_ASSERT_TRUE(c->disks[2].writable);
	CU_ASSERT_STRING_EQUAL(c->disks[3].target, "/d=e");
	CU_ASSERT_STRING_EQUAL(c->disks[4].target, "/dev/x=y");
	CU_ASSERT_FALSE(c->disks[5].writable);
	hvctl_config_free(c);

	/* A drive may be empty, a disk not. */
	c = parse(BASE "disk = [ ',,xvda,cdrom', 'vdev=xvdb,devtype=cdrom', "
		       "'vdev=xvdc,cdrom,target=' ]\n");
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	for (unsigned int i = 0; i < 3; i++) {
		CU_ASSERT_STRING_EQUAL(c->disks[i].target, "");
		CU_ASSERT_TRUE(c->disks[i].cdrom && !c->disks[i].writable);
	}
	hvctl_config_free(c);

	c = parse(BASE "disk = [ '/a,raw,xvda,w!', 'phy:/b,xvdb,rw!', '/c,raw,xvdc,r!',\n"
		       "'access=w!,vdev=xvdd,target=/d', '/e,xvde,w' ]\n");
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	for (unsigned int i = 0; i < 5; i++) {
		CU_ASSERT_EQUAL(c->disks[i].writable, i != 2);
		CU_ASSERT_EQUAL(c->disks[i].forced, i != 4);
	}
	hvctl_config_free(c);

	refused(BASE "disk = [ 'access=!,vdev=xvda,target=/a' ]\n",
		"t.cfg:3:10: access \"!\" of /a is none; write r or rw");
	refused(BASE "disk = [ '/a,raw,xvda,w!!' ]\n",
		"t.cfg:3:10: 'w!!': too many parts in a disk; write "
		"\"format=raw,vdev=xvda,access=rw,target=/path\"");
	refused(BASE "disk = '/a,raw,xvda'\n",
		"t.cfg:3:8: 'disk' is a list; write disk = [ \"...\" ]");
	refused(BASE "disk = [ 'vdev=xvda' ]\n", "t.cfg:3:10: a disk has no target; write "
		"\"format=raw,vdev=xvda,access=rw,target=/path\"");
	refused(BASE "disk = [ 'phy:,xvda,w' ]\n", "t.cfg:3:10: a disk has no target; write "
		"\"format=raw,vdev=xvda,access=rw,target=/path\"");
	refused(BASE "disk = [ '/a' ]\n", "t.cfg:3:10: the disk /a has no vdev; add vdev=xvda");
	refused(BASE "disk = [ '/a,raw,floppy,w' ]\n",
		"t.cfg:3:10: \"floppy\" is not a vdev; write xvda, xvdb1, sda, hda ...");
	refused(BASE "disk = [ '/a,qed,xvda,w' ]\n",
		"t.cfg:3:10: format \"qed\" of /a cannot be used; "
		"convert it with qemu-img convert -O qcow2");
	/* A part that may be a format or a vdev and is neither; one that says what it is. */
	refused(BASE "disk = [ '/a,vdi,xvda,w' ]\n",
		"t.cfg:3:10: \"vdi\" is neither a format nor a vdev; write raw for the first, and "
		"xvda, xvdb1, sda, hda ... for the second");
	refused(BASE "disk = [ '/a,xvd1:cdrom' ]\n",
		"t.cfg:3:10: \"xvd1\" is neither a format nor a vdev; write raw for the first, and "
		"xvda, xvdb1, sda, hda ... for the second");
	refused(BASE "disk = [ 'format=vdi,vdev=floppy,target=/a' ]\n",
		"t.cfg:3:10: format \"vdi\" of /a is unknown; write raw, qcow2, vhd, vhdx or vmdk, "
		"and convert other images with qemu-img convert -O qcow2");
	refused(BASE "disk = [ '/a,raw,xvda,w',\n '/b,raw,xvda,w' ]\n",
		"t.cfg:4:2: two disks are xvda; give one another vdev");
	refused(BASE "disk = [ '/a,raw,xvda,w,x,y' ]\n",
		"t.cfg:3:10: 'x': too many parts in a disk; write "
		"\"format=raw,vdev=xvda,access=rw,target=/path\"");
	refused(BASE "disk = [ 'access=maybe,vdev=xvda,target=/a' ]\n",
		"t.cfg:3:10: access \"maybe\" of /a is none; write r or rw");
	refused(BASE "disk = [ 'backend=7,vdev=xvda,target=/a' ]\n",
		"t.cfg:3:10: the disk /a has its backend in \"7\"; only dom0 has backends, remove "
		"backend=");
	warned(BASE "disk = [ 'colour=red,vdev=xvda,target=/a' ]\n",
	       "t.cfg:3:10: unknown option 'colour' of a disk is ignored; see hvctl.cfg(5)\n");
}

/* dom0's kernel serves what it can unless hvblkd is asked for; the rest is hvblkd's. */
TEST(test_disk_backends, "who serves a disk")
{
	static const struct {
		const char *spec;
		enum hvctl_disk_backend backend;
		const char *format, *target;
	} good[] = {
		{ "/a,raw,xvda,w", HVCTL_DISK_KERNEL, "raw", "/a" },
		{ "/a,,xvda", HVCTL_DISK_KERNEL, "raw", "/a" },
		{ "backendtype=phy,vdev=xvda,target=/a", HVCTL_DISK_KERNEL, "raw", "/a" },
		{ "backendtype=qdisk,vdev=xvda,target=/a", HVCTL_DISK_KERNEL, "raw", "/a" },
		{ "backendtype=hvblkd,vdev=xvda,target=/a", HVCTL_DISK_HVBLKD, "raw", "/a" },
		{ "/a,raw,xvda,w,backendtype=hvblkd", HVCTL_DISK_HVBLKD, "raw", "/a" },
		{ "/a,qcow2,xvda,w", HVCTL_DISK_HVBLKD, "qcow2", "/a" },
		{ "backendtype=qdisk,format=qcow2,vdev=xvda,target=/a", HVCTL_DISK_HVBLKD, "qcow2",
		  "/a" },
		{ "/a,vhd,xvda,w", HVCTL_DISK_HVBLKD, "vhd", "/a" },
		{ "/a,vhdx,xvda", HVCTL_DISK_HVBLKD, "vhdx", "/a" },
		{ "/a,vmdk,xvda", HVCTL_DISK_HVBLKD, "vmdk", "/a" },
		{ "nbd://host:10809/e,raw,xvda,w", HVCTL_DISK_HVBLKD, "nbd",
		  "nbd://host:10809/e" },
		{ "nbd+unix:///e?socket=/run/s,xvda", HVCTL_DISK_HVBLKD, "nbd",
		  "nbd+unix:///e?socket=/run/s" },
		{ "vdev=xvda,target=nbd://h/a,b", HVCTL_DISK_HVBLKD, "nbd", "nbd://h/a,b" },
	};
	struct hvctl_config *c;
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char text[200];

		snprintf(text, sizeof(text), BASE "disk = [ '%s' ]\n", good[i].spec);
		c = parse(text);
		CU_ASSERT_PTR_NOT_NULL_FATAL(c);
		CU_ASSERT_EQUAL(c->disks[0].backend, good[i].backend);
		CU_ASSERT_STRING_EQUAL(c->disks[0].format, good[i].format);
		CU_ASSERT_STRING_EQUAL(c->disks[0].target, good[i].target);
		CU_ASSERT_EQUAL(c->disks[0].iops | c->disks[0].bps, 0);
		CU_ASSERT_STRING_EQUAL(c->disks[0].data_mode, "");
		hvctl_config_free(c);
	}

	c = parse(BASE "disk = [ 'backendtype=hvblkd,iops=500,bps=100M,data-mode=window,vdev=xvda,"
		       "target=/a', 'backendtype=hvblkd,iops=2k,bps=8G,data-mode=persistent,"
		       "vdev=xvdb,target=/b' ]\n");
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(c->disks[0].iops, 500);
	CU_ASSERT_EQUAL(c->disks[0].bps, 100u << 20);
	CU_ASSERT_STRING_EQUAL(c->disks[0].data_mode, "window");
	CU_ASSERT_EQUAL(c->disks[1].iops, 2048);
	CU_ASSERT_EQUAL(c->disks[1].bps, 8ull << 30);
	CU_ASSERT_STRING_EQUAL(c->disks[1].data_mode, "persistent");
	hvctl_config_free(c);

	c = parse(BASE "disk = [ 'overlay=/o.qcow2,iops=9,vdev=xvda,target=/a',"
		       "'/b,qcow2,xvdb,rw,overlay=/p' ]\n");
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	for (i = 0; i < 2; i++) {
		CU_ASSERT_STRING_EQUAL(c->disks[i].target, i ? "/p" : "/o.qcow2");
		CU_ASSERT_STRING_EQUAL(c->disks[i].backing, i ? "/b" : "/a");
		CU_ASSERT_STRING_EQUAL(c->disks[i].format, "qcow2");
		CU_ASSERT_STRING_EQUAL(c->disks[i].base_format, i ? "qcow2" : "raw");
		CU_ASSERT_EQUAL(c->disks[i].backend, HVCTL_DISK_HVBLKD);
		CU_ASSERT_TRUE(c->disks[i].writable);
	}
	hvctl_config_free(c);
	refused(BASE "disk = [ 'overlay=o.qcow2,vdev=xvda,target=/a' ]\n",
		"t.cfg:3:10: the overlay \"o.qcow2\" over /a is no whole path; write "
		"overlay=/var/lib/annulus/images/NAME.qcow2");
	refused(BASE "disk = [ 'overlay=/o,access=r,vdev=xvda,target=/a' ]\n",
		"t.cfg:3:10: /a is not written, and needs no overlay; remove overlay=, or write "
		"access=rw");
	refused(BASE "disk = [ 'overlay=/o,cdrom,vdev=xvda,target=/a' ]\n",
		"t.cfg:3:10: /a is not written, and needs no overlay; remove overlay=, or write "
		"access=rw");
	refused(BASE "disk = [ 'overlay=/o,backendtype=phy,vdev=xvda,target=/a' ]\n",
		"t.cfg:3:10: overlay= of /a is not for dom0's kernel; write backendtype=hvblkd");
	refused(BASE "disk = [ 'overlay=/o,vdev=xvda,target=nbd://h/e' ]\n",
		"t.cfg:3:10: an overlay cannot lie over nbd://h/e, which is nbd; convert that with "
		"qemu-img convert -O qcow2");
	refused(BASE "disk = [ 'backendtype=none,vdev=xvda,target=/a' ]\n",
		"t.cfg:3:10: backendtype \"none\" of /a is none; write hvblkd, or phy for dom0's "
		"kernel");
	refused(BASE "disk = [ 'backendtype=phy,format=qcow2,vdev=xvda,target=/a' ]\n",
		"t.cfg:3:10: qcow2 of /a is not for dom0's kernel; write backendtype=hvblkd");
	refused(BASE "disk = [ 'backendtype=phy,vdev=xvda,target=nbd://h/e' ]\n",
		"t.cfg:3:10: nbd of nbd://h/e is not for dom0's kernel; write backendtype=hvblkd");
	refused(BASE "disk = [ 'iops=5,vdev=xvda,target=/a' ]\n",
		"t.cfg:3:10: iops= of /a is not for dom0's kernel; write backendtype=hvblkd");
	refused(BASE "disk = [ 'bps=5,vdev=xvda,target=/a' ]\n",
		"t.cfg:3:10: bps= of /a is not for dom0's kernel; write backendtype=hvblkd");
	refused(BASE "disk = [ 'data-mode=window,vdev=xvda,target=/a' ]\n",
		"t.cfg:3:10: data-mode= of /a is not for dom0's kernel; write backendtype=hvblkd");
	refused(BASE "disk = [ 'nbd://h/e,qcow2,xvda' ]\n",
		"t.cfg:3:10: the NBD server nbd://h/e gives raw bytes, not format \"qcow2\"; "
		"remove format=");
	refused(BASE "disk = [ 'data-mode=fast,backendtype=hvblkd,vdev=xvda,target=/a' ]\n",
		"t.cfg:3:10: data-mode \"fast\" of /a is none; write persistent or window");
	refused(BASE "disk = [ 'iops=0,backendtype=hvblkd,vdev=xvda,target=/a' ]\n",
		"t.cfg:3:10: iops \"0\" of /a is no limit; write operations a second, like 500");
	refused(BASE "disk = [ 'bps=-1,backendtype=hvblkd,vdev=xvda,target=/a' ]\n",
		"t.cfg:3:10: bps \"-1\" of /a is no limit; write bytes a second, like 100M");
	refused(BASE "disk = [ 'bps=1MB,backendtype=hvblkd,vdev=xvda,target=/a' ]\n",
		"t.cfg:3:10: bps \"1MB\" of /a is no limit; write bytes a second, like 100M");
	refused(BASE "disk = [ 'bps=9000000000000G,backendtype=hvblkd,vdev=xvda,target=/a' ]\n",
		"t.cfg:3:10: bps \"9000000000000G\" of /a is no limit; write bytes a second, like "
		"100M");
}

TEST(test_vifs, "vifs")
{
	static char ips[1025], text[2048];

	refused(BASE "vif = [ 'mac=01:00:00:00:00:00' ]\n",
		"t.cfg:3:9: \"01:00:00:00:00:00\" is not the MAC address of a station; write "
		"00:16:3e:xx:xx:xx");
	refused(BASE "vif = [ 'mac=00:16:3e:1:2' ]\n",
		"t.cfg:3:9: \"00:16:3e:1:2\" is not the MAC address of a station; write "
		"00:16:3e:xx:xx:xx");
	refused(BASE "vif = [ 'bridge=a/b' ]\n", "t.cfg:3:9: bridge \"a/b\" is not the name of an "
						 "interface; write 1 to 15 letters and digits");
	refused(BASE "vif = [ 'vifname=a234567890123456' ]\n",
		"t.cfg:3:9: vifname \"a234567890123456\" is not the name of an interface; write 1 "
		"to 15 letters and "
		"digits");
	refused(BASE "vif = [ 'bridge' ]\n", "t.cfg:3:9: 'bridge' in a vif has no value; write "
		"\"mac=00:16:3e:xx:xx:xx,bridge=xenbr0\"");
	refused(BASE "vif = [ 'backendtype=vhost' ]\n",
		"t.cfg:3:9: backendtype \"vhost\" of a vif is none; write hvnetd, or netback for "
		"dom0's kernel");
	refused(BASE "vif = [ 'backendtype=hvnetd,bps=much' ]\n",
		"t.cfg:3:9: bps \"much\" of a vif is no limit; write bytes a second, like 100M");
	memset(ips, '1', sizeof(ips) - 1);
	snprintf(text, sizeof(text), BASE "vif = [ 'backendtype=hvnetd,ip=%s' ]\n", ips);
	refused(text, "t.cfg:3:9: ip of a vif is too long; write 16 addresses at most");
	refused(BASE "vif = [ 'bps=1M' ]\n",
		"t.cfg:3:9: bps= of a vif is not for dom0's kernel; write backendtype=hvnetd");
	refused(BASE "vif = [ 'backendtype=hvnetd,vifname=web0' ]\n",
		"t.cfg:3:9: vifname= has nothing to name with backendtype=hvnetd; remove it");
	warned(BASE "vif = [ 'model=e1000,sound=on' ]\n",
	       "t.cfg:3:9: 'model' of a vif means nothing here and is ignored; remove it\n"
	       "t.cfg:3:9: unknown option 'sound' of a vif is ignored; see hvctl.cfg(5)\n");
}

TEST(test_syntax, "syntax errors")
{
	refused(BASE "memory 128\n", "t.cfg:3:8: '1' after 'memory'; write memory = value");
	refused(BASE "memory\n",
		"t.cfg:3:7: the end of the line after 'memory'; write memory = value");
	refused(BASE "memory =\n", "t.cfg:3:9: 'memory' has no value; write one after the '='");
	refused(BASE "memory = # none\n",
		"t.cfg:3:16: 'memory' has no value; write one after the '='");
	refused(BASE "memory =", "t.cfg:3:9: 'memory' has no value; write one after the '='");
	refused(BASE "extra = \"abc\nmemory = 1\n", "t.cfg:3:9: the string that begins here is not "
						    "closed; end it with \" on the same line");
	refused(BASE "extra = 'abc",
		"t.cfg:3:9: the string that begins here is not closed; end it with ' on the same "
		"line");
	refused(BASE "extra = 'abc\\",
		"t.cfg:3:9: the string that begins here is not closed; end it with ' on the "
		"same line");
	refused(BASE "extra = a b\n",
		"t.cfg:3:11: 'b' after the value of 'extra'; begin a new line, or put a text "
		"with blanks in quotes");
	refused(BASE "disk = [ 'a'\n 'b' ]\n",
		"t.cfg:4:2: ''' between two items of 'disk'; separate them with ','");
	refused(BASE "disk = [ 'a',\n",
		"t.cfg:3:8: the list of 'disk' that begins here is not closed; add ']'");
	refused(BASE "disk = [ , ]\n",
		"t.cfg:3:10: ',' is not a value for 'disk'; write a number, a \"string\" or "
		"a [ list ]");
	refused(BASE "= 3\n",
		"t.cfg:3:1: '=' where a key should begin; write key = value, one a line");
	refused(BASE "3 = 3\n",
		"t.cfg:3:1: '3' where a key should begin; write key = value, one a line");
	refused(BASE "\x01\n",
		"t.cfg:3:1: byte 0x01 where a key should begin; write key = value, one a line");
	refused(BASE "memory = {}\n",
		"t.cfg:3:10: '{' is not a value for 'memory'; write a number, a \"string\" or "
		"a [ list ]");
	refused(BASE "memory = 1\nmemory += 2\n",
		"t.cfg:4:1: 'memory +=' adds to a list, and one side is none; "
		"write [ ] around it");
}

TEST(test_values, "values")
{
	refused("kernel = '/k'\n", "t.cfg: 'name' is missing; add name = \"...\"");
	refused("name = 'g'\n", "t.cfg: 'kernel' is missing; add kernel = \"/path/to/vmlinuz\"");
	refused("", "t.cfg: 'name' is missing; add name = \"...\"");
	refused("name = 'a b'\n", "t.cfg:1:8: \"a b\" is not a name for a domain; use 1 to 63 "
				  "letters, digits, - _ . + "
				  "and not digits alone");
	refused("name = '17'\n", "t.cfg:1:8: \"17\" is not a name for a domain; use 1 to 63 "
				 "letters, digits, - _ . + "
				 "and not digits alone");
	refused("name = '../x'\n", "t.cfg:1:8: \"../x\" is not a name for a domain; use 1 to 63 "
				   "letters, digits, - _ . + "
				   "and not digits alone");
	refused("name = [ 'a' ]\n",
		"t.cfg:1:1: 'name' is one text, not a list; write name = \"...\"");
	refused(BASE "memory = 'lots'\n",
		"t.cfg:3:10: 'memory' is a number, not \"lots\"; write memory = 1 (or another)");
	refused(BASE "memory = 12MB\n",
		"t.cfg:3:10: 'memory' is a number, not \"12MB\"; write memory = 1 (or another)");
	refused(BASE "memory = 0\n",
		"t.cfg:3:10: 'memory' is 0, and has to be between 1 and 1073741824; correct it");
	refused(BASE "memory = 99999999999999999999\n",
		"t.cfg:3:10: 'memory' is a number, not \"99999999999999999999\"; "
		"write memory = 1 (or another)");
	refused(BASE "memory = -5\n",
		"t.cfg:3:10: 'memory' is -5, and has to be between 1 and 1073741824; correct it");
	refused(BASE "memory = 64\nmemory_min = 65\n",
		"t.cfg:4:14: 'memory_min' (65) is more than 'memory' (64); lower it or remove it");
	refused(BASE "memory_min = 0\n", "t.cfg:3:14: 'memory_min' is 0, and has to be between 1 "
		"and 1073741824; correct it");
	refused(BASE "memory = 64\nmaxmem = 32\n",
		"t.cfg:4:10: 'maxmem' (32) is less than 'memory' (64); raise it or "
		"remove it");
	refused(BASE "vcpus = 129\n",
		"t.cfg:3:9: 'vcpus' is 129, and has to be between 1 and 128; correct it");
	refused(BASE "vcpus = 4\nmaxvcpus = 2\n",
		"t.cfg:4:12: 'maxvcpus' (2) is less than 'vcpus' (4); raise it or "
		"remove it");
	refused(BASE "uuid = 'xyz'\n",
		"t.cfg:3:8: \"xyz\" is not a UUID; write 32 hexadecimal digits or remove the line");
	refused(BASE "type = 'hvm'\n",
		"t.cfg:3:8: 'type' is \"hvm\", and only PV and PVH domains can be created; "
		"write type = \"pv\" or \"pvh\"");
	refused(BASE "builder = 'pvh'\n",
		"t.cfg:3:11: 'builder' is \"pvh\", and only PV and PVH domains can be created; "
		"write type = \"pv\" or \"pvh\"");
	refused(BASE "pvh = 2\n",
		"t.cfg:3:7: 'pvh' is 2, and has to be between 0 and 1; correct it");
	refused(BASE "type = 'pv'\npvh = 1\n",
		"t.cfg:4:7: 'pvh' and 'type' contradict each other; keep type = \"pv\" or type = "
		"\"pvh\" alone");
	refused(BASE "type = 'pvh'\npvh = 0\n",
		"t.cfg:4:7: 'pvh' and 'type' contradict each other; keep type = \"pv\" or type = "
		"\"pvh\" alone");
	refused(BASE "type = 'pvh'\nvcpus = 17\n",
		"t.cfg:4:9: a PVH domain has up to 16 vCPUs here, not 17; lower it, or write "
		"type = \"pv\"");
	refused(BASE "pvh = 1\nvcpus = 1\nmaxvcpus = 40\n",
		"t.cfg:5:12: a PVH domain has up to 16 vCPUs here, not 40; lower it, or write "
		"type = \"pv\"");
	refused(BASE "type = 'pvh'\nmaxmem = 256\n",
		"t.cfg:4:10: a PVH domain starts with all of its memory; raise 'memory' to 256, or "
		"remove 'maxmem'");
	refused(BASE "kernel = ''\n",
		"t.cfg:3:10: 'kernel' is empty; give a file name or remove the line");
	refused(BASE "on_crash = 'cry'\n",
		"t.cfg:3:12: 'on_crash' cannot be \"cry\"; write destroy, restart, preserve, "
		"rename-restart, coredump-destroy or coredump-restart");
	refused(BASE "cap = 65536\n",
		"t.cfg:3:7: 'cap' is 65536, and has to be between 0 and 65535; correct it");
	refused(BASE "cpu_weight = 0\n",
		"t.cfg:3:14: 'cpu_weight' is 0, and has to be between 1 and 65535; correct it");
	refused(BASE "cpus = '3-1'\n", "t.cfg:3:8: 'cpus' is a set of CPUs, not \"3-1\"; write it "
				       "like \"0-3,^2\", numbers "
				       "below 128");
	refused(BASE "cpus = '0,,1'\n",
		"t.cfg:3:8: 'cpus' is a set of CPUs, not \"0,,1\"; write it like \"0-3,^2\", "
		"numbers below 128");
	warned(BASE "colour = 'red'\n",
	       "t.cfg:3:1: unknown key 'colour' is ignored; see hvctl.cfg(5) for the keys\n");
	warned(BASE "vfb = [ 'vnc=1' ]\n",
	       "t.cfg:3:1: 'vfb' means nothing here and is ignored; remove it\n");
	warned(BASE "cmdline = 'a'\nextra = 'b'\n",
	       "t.cfg:3:1: 'cmdline' is given, so 'root' and 'extra' are ignored; "
	       "keep one\n");
}

TEST(test_cpus, "CPUs: a set for all, or one for each vCPU")
{
	static const struct {
		const char *text;
		uint64_t first[2], second[2], last[2];
	} t[] = {
		{ "'0-3,^2'", { 0xb }, { 0xb }, { 0xb } },
		{ "'all,^0'", { ~1ull, ~0ull }, { ~1ull, ~0ull }, { ~1ull, ~0ull } },
		{ "'^0,all'", { ~0ull, ~0ull }, { ~0ull, ~0ull }, { ~0ull, ~0ull } },
		{ "'all'", { ~0ull, ~0ull }, { ~0ull, ~0ull }, { ~0ull, ~0ull } },
		{ "' 0 - 3 , ^2 '", { 0xb }, { 0xb }, { 0xb } },
		{ "'nodes:0-3,^0'", { ~1ull, ~0ull }, { ~1ull, ~0ull }, { ~1ull, ~0ull } },
		{ "'node:0, ^ 1'", { ~2ull, ~0ull }, { ~2ull, ~0ull }, { ~2ull, ~0ull } },
		{ "'nodes:all'", { ~0ull, ~0ull }, { ~0ull, ~0ull }, { ~0ull, ~0ull } },
		{ "'5,nodes:1-2'", { 0x20 }, { 0x20 }, { 0x20 } },
		{ "['0','1']", { 1 }, { 2 }, { 0 } },
		{ "['2-4,^3','all,^64']", { 0x14 }, { ~0ull, ~1ull }, { 0 } },
		{ "['5']", { 0x20 }, { 0 }, { 0 } },
		{ "7", { 0x80 }, { 0x80 }, { 0x80 } },
		{ "[]", { 0 }, { 0 }, { 0 } },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct hvctl_config *c;
		char text[200];

		snprintf(text, sizeof(text), BASE "vcpus = 3\ncpus = %s\n", t[i].text);
		c = parse(text);
		CU_ASSERT_PTR_NOT_NULL_FATAL(c);
		CU_ASSERT_STRING_EQUAL(warnings, "");
		CU_ASSERT_EQUAL(memcmp(c->cpus[0], t[i].first, sizeof(c->cpus[0])), 0);
		CU_ASSERT_EQUAL(memcmp(c->cpus[1], t[i].second, sizeof(c->cpus[0])), 0);
		CU_ASSERT_EQUAL(memcmp(c->cpus[2], t[i].last, sizeof(c->cpus[0])), 0);
		hvctl_config_free(c);
	}
	/* What is empty is nowhere, not anywhere. */
	refused(BASE "cpus = '^1'\n", "t.cfg:3:8: no CPU is left in \"^1\" of 'cpus'; begin with "
				      "what is allowed, like \"all,^0\"");
	refused(BASE "cpus = '1,^1'\n", "t.cfg:3:8: no CPU is left in \"1,^1\" of 'cpus'; begin "
					"with what is allowed, like \"all,^0\"");
	refused(BASE "vcpus = 2\ncpus = [ '0', '3-4,^0-7' ]\n",
		"t.cfg:4:15: no CPU is left in \"3-4,^0-7\" of 'cpus'; begin with what is "
		"allowed, like \"all,^0\"");
	refused(BASE "cpus = 'node:1'\n",
		"t.cfg:3:8: no CPU is left in \"node:1\" of 'cpus'; begin with what is allowed, "
		"like \"all,^0\"");
	refused(BASE "cpus = '5,^node:0'\n",
		"t.cfg:3:8: no CPU is left in \"5,^node:0\" of 'cpus'; begin with what is "
		"allowed, like \"all,^0\"");
	refused(BASE "cpus = '1 2'\n", "t.cfg:3:8: 'cpus' is a set of CPUs, not \"1 2\"; write it "
				      "like \"0-3,^2\", numbers below 128");
	refused(BASE "cpus = ''\n", "t.cfg:3:8: 'cpus' is a set of CPUs, not \"\"; write it like "
				    "\"0-3,^2\", numbers below 128");
	refused(BASE "cpus = 'all0'\n", "t.cfg:3:8: 'cpus' is a set of CPUs, not \"all0\"; write "
					"it like \"0-3,^2\", numbers below 128");
	refused(BASE "cpus = '0,^all'\n", "t.cfg:3:8: 'cpus' is a set of CPUs, not \"0,^all\"; "
					  "write it like \"0-3,^2\", numbers below 128");
	warned(BASE "vcpus = 2\ncpus = [ '0', '1', '0' ]\n",
	       "t.cfg:4:1: 'cpus' has a set for each of 3 vCPUs and there are 2; the rest is "
	       "ignored\n");
}

TEST(test_actions, "actions that are not done here are taken as the nearest")
{
	static const struct {
		const char *word, *instead;
		enum hvctl_action action;
	} t[] = {
		{ "destroy", NULL, HVCTL_ACTION_DESTROY },
		{ "restart", NULL, HVCTL_ACTION_RESTART },
		{ "preserve", NULL, HVCTL_ACTION_PRESERVE },
		{ "coredump-destroy", NULL, HVCTL_ACTION_COREDUMP_DESTROY },
		{ "coredump-restart", NULL, HVCTL_ACTION_COREDUMP_RESTART },
		{ "rename-restart", NULL, HVCTL_ACTION_RENAME_RESTART },
		{ "soft-reset", "restart", HVCTL_ACTION_RESTART },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char text[200], line[200] = "";
		struct hvctl_config *c;

		snprintf(text, sizeof(text), BASE "on_poweroff = '%s'\n", t[i].word);
		if (t[i].instead)
			snprintf(line, sizeof(line),
				 "t.cfg:3:15: 'on_poweroff' cannot be \"%s\" here and is taken as "
				 "\"%s\"; write that\n",
				 t[i].word, t[i].instead);
		c = parse(text);
		CU_ASSERT_PTR_NOT_NULL_FATAL(c);
		CU_ASSERT_EQUAL(c->on_poweroff, t[i].action);
		CU_ASSERT_STRING_EQUAL(warnings, line);
		hvctl_config_free(c);
	}
	refused(BASE "on_crash = 'coredump'\n",
		"t.cfg:3:12: 'on_crash' cannot be \"coredump\"; write destroy, restart, "
		"preserve, rename-restart, coredump-destroy or coredump-restart");
}

TEST(test_files, "files")
{
	const char *const bad_override[] = { "memory=", NULL };
	struct hvctl_config *c;
	char *big;

	CU_ASSERT_EQUAL(hvctl_config_load(ctx, "/nonexistent/x.cfg", NULL, &c), -ENOENT);
	CU_ASSERT_STRING_EQUAL(hvctl_error(ctx),
			       "cannot open the configuration /nonexistent/x.cfg: No such file or "
			       "directory; check the path");
	CU_ASSERT_EQUAL(hvctl_config_load(ctx, "/", NULL, &c), -EISDIR);
	CU_ASSERT_STRING_EQUAL(hvctl_error(ctx), "the configuration / is a directory; give a file");
	CU_ASSERT_PTR_NULL(parse_with(BASE, bad_override));
	CU_ASSERT_STRING_EQUAL(hvctl_error(ctx),
			       "command line:1:8: 'memory' has no value; write one after the '='");

	big = malloc((1 << 20) + 2);
	memset(big, '\n', (1 << 20) + 1);
	big[(1 << 20) + 1] = 0;
	refused(big, "t.cfg: more than 1 MiB, which is no configuration; give another file");
	free(big);
}

/* No prefix of a good file and no changed byte of it may do worse than an error. */
TEST(test_damage, "damaged files")
{
	static const char text[] =
		"name='g'\nkernel=\"/k\" # c\ndisk=[ 'phy:/d,xvda,w', \"vdev=sda1,target=/x\" ]\n"
		"vif=['mac=00:16:3e:1:2:3,bridge=b0,ip=1.2.3.4']; cpus='0-3,^1'\nuuid='"
		"0123456789abcdef0123456789abcdef'\nmemory=0x10\n";
	char copy[sizeof(text)];
	size_t i;
	int b;

	for (i = 0; i < sizeof(text); i++) {
		memcpy(copy, text, i);
		copy[i] = 0;
		hvctl_config_free(parse(copy));
	}
	for (i = 0; i < sizeof(text) - 1; i++)
		for (b = 1; b < 256; b += 3) {
			memcpy(copy, text, sizeof(text));
			copy[i] = (char)b;
			hvctl_config_free(parse(copy));
		}
	CU_PASS("survived");
}

/* A zero byte would cut off what is behind it, unseen. */
TEST(test_zero_bytes, "zero bytes")
{
	static const char *const text[] = { "a = \"b\0c\"", "a = \"b\\\0c\"", "a = b\0c",
					    "a\0 = b" };
	static const size_t length[] = { 9, 10, 7, 6 };

	for (unsigned int i = 0; i < 4; i++) {
		struct cfg cfg = { 0 };
		char error[256] = "";

		CU_ASSERT_EQUAL(cfg_parse(&cfg, "t.cfg", text[i], length[i], error, sizeof(error)),
				-EINVAL);
		CU_ASSERT_EQUAL(strncmp(error, "t.cfg:1:", 8), 0);
		cfg_release(&cfg);
	}
}

/* Names and strings hold what they like: what is said about them is one line without commands. */
TEST(test_control_characters, "control characters")
{
	char long_name[1024] = "name = '";
	size_t n;

	refused("name = \"#\\name=y\"\n",
		"t.cfg:1:8: \"#\\name=y\" is not a name for a domain; use 1 to 63 letters, digits, "
		"- _ . + and not digits alone");
	refused("name = '\x1b[2J\x7f\xc3\xa4\\t'\n",
		"t.cfg:1:8: \"\\x1b[2J\\x7f\xc3\xa4\\t\" is not a name for a domain; use 1 to 63 "
		"letters, digits, - _ . + and not digits alone");
	warned(BASE "disk = [ 'od\\nd=1,vdev=xvda,target=/a' ]\n",
	       "t.cfg:3:10: unknown option 'od\\nd' of a disk is ignored; see hvctl.cfg(5)\n");
	/* Longer than a message may be: cut off between two characters. */
	for (n = strlen(long_name); n < sizeof(long_name) - 3; n++)
		long_name[n] = '\x01';
	strcpy(long_name + n, "'\n");
	CU_ASSERT_PTR_NULL(parse(long_name));
	n = strlen(hvctl_error(ctx));
	CU_ASSERT_TRUE(n > 500 && n < 512);
	CU_ASSERT_STRING_EQUAL(hvctl_error(ctx) + n - 4, "\\x01");
}

/* What is written from a configuration is read as the same. */
TEST(test_text, "a configuration as text")
{
	static const char *const all[] = {
		BASE,
		BASE "uuid = '00112233445566778899aabbccddeeff'\nmemory = 100\nmaxmem = 200\n"
		     "vcpus = 2\nmaxvcpus = 4\ncpus = [ '0-3,^1', 'all', '5' ]\n"
		     "cpu_weight = 300\n",
		BASE "vcpus = 3\ncpus = [ '1', 'all', '2,4-127' ]\ncpus_soft = '0'\ncap = 50\n"
		     "localtime = 1\nrtc_timeoffset = -3600\non_poweroff = 'preserve'\n"
		     "on_reboot = 'destroy'\non_crash = 'restart'\n",
		BASE "ramdisk = '/with \\\"quotes\\\" and \\\\ and \\t'\nextra = 'a=\\'b\\'\\n'\n",
		BASE "disk = [ '/a,xvda', 'vdev=xvdb,target=/x y,z' ]\n",
		BASE "type = 'pvh'\n",
		BASE "pvh = 1\nvcpus = 4\nmaxvcpus = 16\nmaxmem = 128\n",
		BASE "type = 'pvh'\npvh = 1\n",
		BASE "type = 'pvh'\nbuilder = 'generic'\n",
		BASE "builder = 'linux'\ntype = 'pvh'\n",
		BASE "builder = 'generic'\npvh = 0\n",
		BASE "disk = [ '/a,raw,xvda,w!', '/dev/sr0,raw,xvdb,r,cdrom', ',,xvde,cdrom',"
		     "'vdev=xvdf,overlay=/o,format=qcow2,target=/b',"
		     "'vdev=xvdg,overlay=/q,target=/b',"
		     "\n"
		     "'format=qcow2,vdev=xvdc,backendtype=hvblkd,data-mode=window,iops=100,bps=10G,"
		     "target=/odd,name=\\\"x\\\"', 'nbd://h/e,raw,xvdd,r,backendtype=hvblkd' ]\n",
		BASE "vif = [ '', 'mac=00:16:3e:00:00:01,bridge=b0,ip=10.0.0.1 10.0.0.2,vifname=v',"
		     "'bridge=b1,backendtype=hvnetd,bps=2M' ]\n",
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct hvctl_config *c = parse(all[i]), *d;
		char *text, *again;

		CU_ASSERT_PTR_NOT_NULL_FATAL(c);
		text = hvctl_config_text(c);
		CU_ASSERT_PTR_NOT_NULL_FATAL(text);
		d = parse(text);
		CU_ASSERT_PTR_NOT_NULL_FATAL(d);
		CU_ASSERT_STRING_EQUAL(warnings, "");
		again = hvctl_config_text(d);
		CU_ASSERT_STRING_EQUAL(text, again);
		CU_ASSERT_EQUAL(memcmp(c->cpus, d->cpus, 2 * sizeof(c->cpus[0])), 0);
		CU_ASSERT_EQUAL(c->rtc_offset, d->rtc_offset);
		CU_ASSERT_EQUAL(c->pvh, strstr(all[i], "pvh'") || strstr(all[i], "pvh = 1"));
		CU_ASSERT_EQUAL(c->pvh, d->pvh);
		CU_ASSERT_EQUAL(c->on_crash, d->on_crash);
		CU_ASSERT_STRING_EQUAL(c->cmdline, d->cmdline);
		CU_ASSERT_TRUE(!c->ramdisk || !strcmp(c->ramdisk, d->ramdisk));
		CU_ASSERT_EQUAL(c->nr_disks, d->nr_disks);
		for (unsigned int n = 0; n < c->nr_disks && n < d->nr_disks; n++) {
			CU_ASSERT_STRING_EQUAL(c->disks[n].target, d->disks[n].target);
			CU_ASSERT_STRING_EQUAL(c->disks[n].format, d->disks[n].format);
			CU_ASSERT_STRING_EQUAL(c->disks[n].base_format, d->disks[n].base_format);
			CU_ASSERT_EQUAL(!c->disks[n].backing, !d->disks[n].backing);
			CU_ASSERT_EQUAL(c->disks[n].number, d->disks[n].number);
			CU_ASSERT_EQUAL(c->disks[n].writable, d->disks[n].writable);
			CU_ASSERT_EQUAL(c->disks[n].forced, d->disks[n].forced);
			CU_ASSERT_EQUAL(c->disks[n].cdrom, d->disks[n].cdrom);
			CU_ASSERT_EQUAL(c->disks[n].backend, d->disks[n].backend);
			CU_ASSERT_STRING_EQUAL(c->disks[n].data_mode, d->disks[n].data_mode);
			CU_ASSERT_EQUAL(c->disks[n].bps, d->disks[n].bps);
		}
		CU_ASSERT_EQUAL(c->nr_vifs, d->nr_vifs);
		for (unsigned int n = 0; n < c->nr_vifs && n < d->nr_vifs; n++) {
			CU_ASSERT_STRING_EQUAL(c->vifs[n].bridge, d->vifs[n].bridge);
			CU_ASSERT_STRING_EQUAL(c->vifs[n].vifname, d->vifs[n].vifname);
			CU_ASSERT_EQUAL(c->vifs[n].hvnetd, d->vifs[n].hvnetd);
			CU_ASSERT_EQUAL(c->vifs[n].bps, d->vifs[n].bps);
			CU_ASSERT_TRUE(!c->vifs[n].ip || !strcmp(c->vifs[n].ip, d->vifs[n].ip));
		}
		free(text);
		free(again);
		hvctl_config_free(c);
		hvctl_config_free(d);
	}
}

/* Whatever a terminal would obey is shown, in whichever encoding it reads. */
TEST(test_one_line, "what a terminal would obey")
{
	static const struct {
		const char *text, *shown;
	} all[] = {
		{ "\xc2\x9b" "2J", "\\xc2\\x9b" "2J" },		/* U+009B */
		{ "\x9b" "2J", "\\x9b" "2J" },
		{ "\xc2\x80\xc2\x9f\xc2\xa0", "\\xc2\\x80\\xc2\\x9f\xc2\xa0" },
		{ "\xc3\x9b", "\xc3\x9b" },			/* its second byte is no CSI */
		{ "\xe2\x82\xac \xf0\x9f\x98\x80", "\xe2\x82\xac \xf0\x9f\x98\x80" },
		{ "\xe0\x82\x9b", "\\xe0\\x82\\x9b" },		/* U+009B, too long */
		{ "\xc0\x9b", "\\xc0\\x9b" },			/* ESC, too long */
		{ "\xe2\x9b", "\\xe2\\x9b" },			/* cut off */
		{ "\xff\n", "\\xff\\n" },
		{ "\xed\x9f\xbf\xed\xa0\x80", "\xed\x9f\xbf\\xed\\xa0\\x80" },	/* U+D7FF, U+D800 */
		{ "\xed\xbf\xbf\xee\x80\x80", "\\xed\\xbf\\xbf\xee\x80\x80" },	/* U+DFFF, U+E000 */
		{ "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },		/* U+10FFFF */
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" },	/* and the next */
	};
	char line[64];

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		hvctl_one_line(line, sizeof(line), all[i].text);
		CU_ASSERT_STRING_EQUAL(line, all[i].shown);
	}
	/* Cut off in front of what does not fit as a whole. */
	hvctl_one_line(line, 4, "a\xe2\x82\xac");
	CU_ASSERT_STRING_EQUAL(line, "a");
	hvctl_one_line(line, 5, "a\x9b");
	CU_ASSERT_STRING_EQUAL(line, "a");
}

SUITE("config", .before = set_up, .after = tear_down)
