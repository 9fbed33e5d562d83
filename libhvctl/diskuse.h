/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who uses a disk: dom0, by mounts, swap, LVM, RAID, other device mappings and loop devices, and
 * what of all this lies upon what. Looks at sysfs and /proc, and asks loop devices.
 */
#ifndef HVCTL_DISKUSE_H
#define HVCTL_DISKUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A disk, whatever paths lead to it: a block device's number, or a file's file system and inode. */
struct disk_id {
	bool file;
	uint32_t major, minor;
	uint64_t inode;		/* of a file */
};

/* As text of the store: "block:8:1", "file:8:1:4711". False: this is none. */
bool disk_id_parse(const char *text, struct disk_id *id);

/* Where to look. */
struct use_paths {
	const char *sys;	/* "/sys" */
	const char *mounts;	/* "/proc/self/mountinfo" */
	const char *swaps;	/* "/proc/swaps" */
	/* What is behind the loop device "loop0"? By the device itself; NULL: by sysfs alone. */
	bool (*behind)(const char *loop, struct disk_id *id);
};
/* Those in brackets above; tests have a tree of their own. */
extern const struct use_paths *use_paths;

/* Everything that has bytes in common with one disk, itself first. */
struct disk_kin {
	const struct use_paths *paths;
	struct kin *list;
	size_t count;
};

/*
 * Find what a disk lies upon and what lies upon it: the whole disk of a partition and a disk's
 * partitions, but no partition beside it; devices that are mapped onto it and those it is mapped
 * onto, but no volume beside it; loop devices and what is behind them. -ENOMEM; release with
 * disk_kin_free() then, too. What sysfs does not tell is not there.
 */
int disk_kin_find(const struct use_paths *paths, const struct disk_id *id, struct disk_kin *kin);
void disk_kin_free(struct disk_kin *kin);

/* Does it have bytes in common with @id? */
bool disk_kin_has(const struct disk_kin *kin, const struct disk_id *id);

#define DISK_USE_TEXT	260

/*
 * Does dom0 use it? @who: by what, "/dev/sda1 is mounted on /srv"; @remedy: a command that ends
 * that, "umount /srv". Both have room for DISK_USE_TEXT bytes.
 */
bool disk_used(const struct disk_kin *kin, char *who, char *remedy);

/*
 * disk_idle - whether no write is under way at a block device, whoever began it: 1, also if it is
 * not there any more; 0; -errno.
 */
int disk_idle(const struct use_paths *paths, const struct disk_id *id);

#endif
