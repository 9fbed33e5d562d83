// SPDX-License-Identifier: LGPL-2.1-or-later
#include "diskuse.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* The file's name may be gone, or another file's by now; the device knows it by its inode. */
static bool ask_loop(const char *loop, struct disk_id *id)
{
	struct loop_info64 info;
	char node[64];
	int fd, error;

	snprintf(node, sizeof(node), "/dev/%.40s", loop);
	fd = open(node, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return false;
	error = ioctl(fd, LOOP_GET_STATUS64, &info);
	close(fd);
	if (error)
		return false;
	if (info.lo_rdevice)
		*id = (struct disk_id){ false, major(info.lo_rdevice), minor(info.lo_rdevice), 0 };
	else
		*id = (struct disk_id){ true, major(info.lo_device), minor(info.lo_device),
					info.lo_inode };
	return true;
}

static const struct use_paths host = { "/sys", "/proc/self/mountinfo", "/proc/swaps", ask_loop };

const struct use_paths *use_paths = &host;

/* What is looked for beyond a disk that was found. */
#define BELOW	1u	/* what it lies upon */
#define PARTS	2u	/* its partitions */
#define ABOVE	4u	/* what is mapped onto it, loop devices */

struct kin {
	struct disk_id id;
	unsigned int look, done;	/* what to look for, and what was */
	bool holds;		/* a mapping, or a loop device set up by hand: a use by itself */
};

/* Sysfs has a directory for each device number. */
struct place {
	char path[512];
};

static struct place at(const struct disk_kin *kin, const struct disk_id *id, const char *rest)
{
	struct place p;

	snprintf(p.path, sizeof(p.path), "%s/dev/block/%u:%u%s", kin->paths->sys, id->major,
		 id->minor, rest);
	return p;
}

/* The first line of a file, without its end. */
static bool read_line(const char *path, char *line, size_t size)
{
	FILE *f = fopen(path, "re");
	bool ok = f && fgets(line, (int)size, f);

	if (f)
		fclose(f);
	if (ok)
		line[strcspn(line, "\n")] = 0;
	return ok;
}

static bool parse_number(const char *text, struct disk_id *id)
{
	char end;

	*id = (struct disk_id){ 0 };
	return sscanf(text, "%u:%u%c", &id->major, &id->minor, &end) == 2;
}

static bool read_number(const char *path, struct disk_id *id)
{
	char line[32];

	return read_line(path, line, sizeof(line)) && parse_number(line, id);
}

bool disk_id_parse(const char *text, struct disk_id *id)
{
	unsigned long long inode;
	char end;

	*id = (struct disk_id){ 0 };
	if (!strncmp(text, "block:", 6))
		return parse_number(text + 6, id);
	if (sscanf(text, "file:%u:%u:%llu%c", &id->major, &id->minor, &inode, &end) != 3)
		return false;
	id->file = true;
	id->inode = inode;
	return true;
}

static bool same(const struct disk_id *a, const struct disk_id *b)
{
	return a->file == b->file && a->major == b->major && a->minor == b->minor &&
	       a->inode == b->inode;
}

/* Sysfs knows a device by the name that it has below /dev, with '!' for '/'. */
static bool by_name(const struct use_paths *paths, const char *path, struct disk_id *id)
{
	char file[512], *p;
	size_t n;

	if (strncmp(path, "/dev/", 5) || strlen(path) > 200 || strstr(path, ".."))
		return false;
	n = (size_t)snprintf(file, sizeof(file), "%s/class/block/", paths->sys);
	if (n >= sizeof(file) - 210)
		return false;
	snprintf(file + n, sizeof(file) - n, "%s", path + 5);
	for (p = file + n; *p; p++)
		if (*p == '/')
			*p = '!';
	strcat(file, "/dev");
	return read_number(file, id);
}

static bool by_path(const struct use_paths *paths, const char *path, struct disk_id *id)
{
	struct stat st;

	if (by_name(paths, path, id))
		return true;
	if (stat(path, &st))
		return false;
	if (S_ISBLK(st.st_mode))
		*id = (struct disk_id){ false, major(st.st_rdev), minor(st.st_rdev), 0 };
	else if (S_ISREG(st.st_mode))
		*id = (struct disk_id){ true, major(st.st_dev), minor(st.st_dev), st.st_ino };
	else
		return false;
	return true;
}

/* "/dev/sda1", or the number if there is no name. */
static void name_of(const struct disk_kin *kin, const struct disk_id *id, char *name, size_t size)
{
	struct place p = at(kin, id, "");
	char link[512], *base;
	ssize_t n = readlink(p.path, link, sizeof(link) - 1);

	if (n < 0) {
		snprintf(name, size, "block device %u:%u", id->major, id->minor);
		return;
	}
	link[n] = 0;
	base = strrchr(link, '/');
	snprintf(name, size, "/dev/%.60s", base ? base + 1 : link);
	for (base = name; *base; base++)
		if (*base == '!')
			*base = '/';
}

static int add(struct disk_kin *kin, const struct disk_id *id, unsigned int look, bool holds)
{
	struct kin *list;
	size_t i;

	for (i = 0; i < kin->count; i++)
		if (same(&kin->list[i].id, id)) {
			kin->list[i].look |= look;
			return 0;
		}
	list = realloc(kin->list, (kin->count + 1) * sizeof(*list));
	if (!list)
		return -ENOMEM;
	kin->list = list;
	list[kin->count++] = (struct kin){ *id, look, 0, holds };
	return 0;
}

/* Add those that the directory @dir of @k in sysfs has a link or a directory with @file to. */
static int add_listed(struct disk_kin *kin, const struct kin *k, const char *dir, const char *file,
		      unsigned int look, bool holds)
{
	struct place p = at(kin, &k->id, dir);
	DIR *d = opendir(p.path);
	struct dirent *e;
	int error = 0;

	while (d && !error && (e = readdir(d))) {
		char path[sizeof(p.path) + 300];
		struct disk_id id;

		if (*e->d_name == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s/%s", p.path, e->d_name, file);
		if (access(path, F_OK))
			continue;
		snprintf(path, sizeof(path), "%s/%s/dev", p.path, e->d_name);
		if (read_number(path, &id))
			error = add(kin, &id, look, holds);
	}
	if (d)
		closedir(d);
	return error;
}

/* What is behind the loop device @loop, whose directory in sysfs is @dir. */
static bool behind_loop(const struct disk_kin *kin, const char *loop, const char *dir,
			struct disk_id *id)
{
	char file[1024], line[4096];

	snprintf(file, sizeof(file), "%s/loop/backing_file", dir);
	if (!read_line(file, line, sizeof(line)))
		return false;
	return (kin->paths->behind && kin->paths->behind(loop, id)) ||
	       by_path(kin->paths, line, id);
}

/* The loop devices behind which there is @k. */
static int add_loops(struct disk_kin *kin, const struct kin *k)
{
	char path[512];
	struct dirent *e;
	DIR *d;
	int error = 0;

	snprintf(path, sizeof(path), "%s/block", kin->paths->sys);
	d = opendir(path);
	while (d && !error && (e = readdir(d))) {
		char file[sizeof(path) + 300], line[16];
		struct disk_id id, behind;
		bool by_hand;

		if (strncmp(e->d_name, "loop", 4))
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
		if (!behind_loop(kin, e->d_name, file, &behind) || !same(&behind, &k->id))
			continue;
		/*
		 * Those that go with their last user are a domain's, which the store knows and
		 * which may be about to go, or a mount's, which shows.
		 */
		snprintf(file, sizeof(file), "%s/%s/loop/autoclear", path, e->d_name);
		by_hand = !read_line(file, line, sizeof(line)) || *line == '0';
		snprintf(file, sizeof(file), "%s/%s/dev", path, e->d_name);
		if (read_number(file, &id))
			error = add(kin, &id, PARTS | ABOVE, by_hand);
	}
	if (d)
		closedir(d);
	return error;
}

static int add_below(struct disk_kin *kin, const struct kin *k)
{
	struct disk_id id;
	struct place p;
	char name[80];
	int error = 0;

	if (k->id.file)
		return 0;
	/* A partition shares bytes with the disk, and with what is mapped onto the whole of it. */
	p = at(kin, &k->id, "/partition");
	if (!access(p.path, F_OK)) {
		p = at(kin, &k->id, "/../dev");
		if (read_number(p.path, &id))
			error = add(kin, &id, k->look & (BELOW | ABOVE), false);
	}
	p = at(kin, &k->id, "");
	name_of(kin, &k->id, name, sizeof(name));
	if (!error && behind_loop(kin, name + strlen("/dev/"), p.path, &id))
		error = add(kin, &id, k->look, false);
	/*
	 * Volumes beside each other lie upon the same disk: what else is mapped onto it does no
	 * harm. Its partitions know of no volumes.
	 */
	if (!error)
		error = add_listed(kin, k, "/slaves", "dev", BELOW | PARTS, false);
	return error;
}

int disk_kin_find(const struct use_paths *paths, const struct disk_id *id, struct disk_kin *kin)
{
	size_t i;
	int error;

	*kin = (struct disk_kin){ .paths = paths };
	error = add(kin, id, BELOW | PARTS | ABOVE, false);
	for (i = 0; !error && i < kin->count; i++) {
		const struct kin k = kin->list[i];

		/* Who is met again with more to look for is looked at again. */
		if (k.look == k.done)
			continue;
		kin->list[i].done = k.look;
		if (k.look & BELOW)
			error = add_below(kin, &k);
		if (!error && k.look & PARTS && !k.id.file)
			error = add_listed(kin, &k, "", "partition", PARTS | ABOVE, false);
		if (!error && k.look & ABOVE && !k.id.file)
			error = add_listed(kin, &k, "/holders", "dev", PARTS | ABOVE, true);
		if (!error && k.look & ABOVE)
			error = add_loops(kin, &k);
		i = (size_t)-1;	/* from the first again */
	}
	return error;
}

void disk_kin_free(struct disk_kin *kin)
{
	free(kin->list);
	kin->list = NULL;
	kin->count = 0;
}

bool disk_kin_has(const struct disk_kin *kin, const struct disk_id *id)
{
	size_t i;

	for (i = 0; i < kin->count; i++)
		if (same(&kin->list[i].id, id))
			return true;
	return false;
}

/* Blanks and the like in a path of /proc are "\040". */
static void unescape(char *text)
{
	char *to = text;

	while (*text) {
		if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' &&
		    isdigit(text[2] & 0xff) && isdigit(text[3] & 0xff)) {
			*to++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 |
				       (text[3] - '0'));
			text += 4;
		} else {
			*to++ = *text++;
		}
	}
	*to = 0;
}

/* One line of mountinfo (Linux, Documentation/filesystems/proc.rst, 3.5). */
static bool parse_mount(char *line, struct disk_id *id, char **point, char **source)
{
	char *field[10], *save = NULL, *p;
	unsigned int n = 0;

	*source = NULL;
	for (p = strtok_r(line, " \n", &save); p && n < 5; p = strtok_r(NULL, " \n", &save))
		field[n++] = p;
	if (n < 5 || !parse_number(field[2], id))
		return false;
	*point = field[4];
	/* Some fields that need not be there, "-", the file system's name, the device. */
	while (p && strcmp(p, "-"))
		p = strtok_r(NULL, " \n", &save);
	if (p && strtok_r(NULL, " \n", &save))
		*source = strtok_r(NULL, " \n", &save);
	unescape(*point);
	if (*source)
		unescape(*source);
	return true;
}

/* A command with a part of a name in it is another command. */
static bool fits(const char *name)
{
	return strlen(name) <= 100;
}

/* A file system of several devices has a number of its own, and names the first as its source. */
static bool find_mount(const struct disk_kin *kin, char *who, char *remedy)
{
	FILE *f = fopen(kin->paths->mounts, "re");
	bool found = false;
	char *line = NULL;
	size_t size = 0;

	while (f && !found && getline(&line, &size, f) > 0) {
		char *point, *source, name[80];
		struct disk_id id, from;

		if (!parse_mount(line, &id, &point, &source))
			continue;
		found = disk_kin_has(kin, &id);
		if (!found && source && *source == '/' && by_name(kin->paths, source, &from)) {
			found = disk_kin_has(kin, &from);
			id = from;
		}
		if (!found)
			continue;
		name_of(kin, &id, name, sizeof(name));
		snprintf(who, DISK_USE_TEXT, "%s is mounted on %.100s%s", name, point,
			 fits(point) ? "" : "...");
		if (fits(point))
			snprintf(remedy, DISK_USE_TEXT, "umount %s", point);
		else
			snprintf(remedy, DISK_USE_TEXT, "umount it, see findmnt");
	}
	free(line);
	if (f)
		fclose(f);
	return found;
}

static bool find_swap(const struct disk_kin *kin, char *who, char *remedy)
{
	FILE *f = fopen(kin->paths->swaps, "re");
	bool found = false;
	char *line = NULL;
	size_t size = 0;

	while (f && !found && getline(&line, &size, f) > 0) {
		struct disk_id id;

		line[strcspn(line, " \t\n")] = 0;
		unescape(line);
		found = *line == '/' && by_path(kin->paths, line, &id) && disk_kin_has(kin, &id);
		if (!found)
			continue;
		snprintf(who, DISK_USE_TEXT, "%.100s%s is swap", line, fits(line) ? "" : "...");
		if (fits(line))
			snprintf(remedy, DISK_USE_TEXT, "swapoff %s", line);
		else
			snprintf(remedy, DISK_USE_TEXT, "swapoff it, see /proc/swaps");
	}
	free(line);
	if (f)
		fclose(f);
	return found;
}

/* What kind of mapping it is says how it is undone. */
static void name_holder(const struct disk_kin *kin, const struct disk_id *id, char *who,
			char *remedy)
{
	char dm[130], uuid[130] = "", name[80]; /* the kernel's: 128, 129 */
	struct place p = at(kin, id, "/dm/uuid");

	name_of(kin, id, name, sizeof(name));
	read_line(p.path, uuid, sizeof(uuid));
	p = at(kin, id, "/dm/name");
	if (read_line(p.path, dm, sizeof(dm))) {
		bool lvm = !strncmp(uuid, "LVM-", 4);

		snprintf(who, DISK_USE_TEXT, "the %s %s (%s) lies upon it",
			 lvm ? "LVM volume" : "device mapping", dm, name);
		snprintf(remedy, DISK_USE_TEXT, lvm ? "lvchange -an /dev/mapper/%s"
						    : "dmsetup remove %s", dm);
		return;
	}
	p = at(kin, id, "/md");
	if (!access(p.path, F_OK)) {
		snprintf(who, DISK_USE_TEXT, "the RAID array %s lies upon it", name);
		snprintf(remedy, DISK_USE_TEXT, "mdadm --stop %s", name);
		return;
	}
	p = at(kin, id, "/loop");
	snprintf(who, DISK_USE_TEXT, "%s lies upon it", name);
	if (!access(p.path, F_OK))
		snprintf(remedy, DISK_USE_TEXT, "losetup -d %s", name);
	else
		snprintf(remedy, DISK_USE_TEXT, "stop %s", name);
}

bool disk_used(const struct disk_kin *kin, char *who, char *remedy)
{
	size_t i;

	/* What is at the top says most. */
	if (find_mount(kin, who, remedy) || find_swap(kin, who, remedy))
		return true;
	for (i = kin->count; i-- > 0;)
		if (kin->list[i].holds) {
			name_holder(kin, &kin->list[i].id, who, remedy);
			return true;
		}
	return false;
}

int disk_idle(const struct use_paths *paths, const struct disk_id *id)
{
	unsigned long reads, writes = 0;
	char path[128];
	bool known;
	FILE *f;

	snprintf(path, sizeof(path), "%s/dev/block/%u:%u/inflight", paths->sys, id->major,
		 id->minor);
	f = fopen(path, "re");
	/* A loop device goes with its last user. */
	if (!f)
		return errno == ENOENT ? 1 : -errno;
	known = fscanf(f, "%lu %lu", &reads, &writes) == 2;
	fclose(f);
	return known && !writes;
}
