/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libhvctl: the toolstack as a library. Everything the hvctl command does is a call of this header.
 *
 * A program opens a context and passes it to every call. A context is not thread-safe; open one per
 * thread. Calls return 0 (or what is said) on success and a negative errno value on failure;
 * hvctl_error() then has one line that says what failed, where, and what to do about it. A failed
 * call has changed nothing unless its description says otherwise.
 *
 * The library talks to the hypervisor through /dev/xen/privcmd and to the store daemon through its
 * Unix socket; both are opened when first needed, so that a context for parsing a file needs
 * neither. It has to run in dom0 as root.
 *
 * Errors of nearly every call, not repeated below: -ENOMEM (this process has no memory), -ENODEV
 * (not in a dom0: /dev/xen/privcmd is missing), -EACCES (not root), -ECONNREFUSED (the store daemon
 * does not run), -ESRCH (no such domain).
 */
#ifndef HVCTL_H
#define HVCTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HVCTL_NAME_MAX	64		/* longest domain name with its zero */
#define HVCTL_MAX_VCPUS	128		/* of a domain */

/* --- the context -------------------------------------------------------------------- */

struct hvctl_ctx;

/* A new context, or NULL without memory. Opens nothing yet. */
struct hvctl_ctx *hvctl_open(void);

/* Close a context and all it holds. NULL is fine. */
void hvctl_close(struct hvctl_ctx *ctx);

/*
 * In a child after fork() that goes on with a context which its parent goes on with, too: it has a
 * connection to the store of its own from then on. Of one, each would get the other's answers.
 */
void hvctl_forked(struct hvctl_ctx *ctx);

/*
 * The line of the last failed call, "" if none failed. Valid until the next call with this context.
 */
const char *hvctl_error(const struct hvctl_ctx *ctx);

/* What that call failed with, as an errno value (ESRCH ...); 0 if none failed. */
int hvctl_error_number(const struct hvctl_ctx *ctx);

/*
 * Write @text into the @size bytes (1 at least) at @to as one line that no terminal obeys: control
 * characters, which names, paths and strings of a configuration may hold, become C escapes, those
 * from U+0080 to U+009F and bytes that are no UTF-8 too. The rest stays, since paths are UTF-8.
 * What does not fit is cut off, never inside an escape or a character. Messages have been through
 * it.
 */
void hvctl_one_line(char *to, size_t size, const char *text);

/*
 * Be told of the steps of long calls: @step is a phrase like "loading the kernel", @percent how
 * much of the whole call is done. fn NULL switches it off. Called from within the long call; do not
 * call back into it.
 */
typedef void (*hvctl_progress_fn)(void *data, const char *step, unsigned int percent);
void hvctl_set_progress(struct hvctl_ctx *ctx, hvctl_progress_fn fn, void *data);

/*
 * Ask the call that is running with this context to give up: hvctl_create() then undoes what it did
 * and answers -EINTR. May be called from a signal handler. Other calls finish as if nothing had
 * been said; the wish is forgotten when hvctl_create() returns.
 */
void hvctl_cancel(struct hvctl_ctx *ctx);

/*
 * Be told of things that are odd but not fatal (an unknown key ...), a line without newline each.
 */
typedef void (*hvctl_warning_fn)(void *data, const char *line);
void hvctl_set_warning(struct hvctl_ctx *ctx, hvctl_warning_fn fn, void *data);

/*
 * Be told that a domain is about to exist (@building) and when hvctl_create() is through with it,
 * be it that it stands or that all has been undone. If the process is killed between the two, an
 * empty or half a domain may be left, and whoever remembers its @uuid can hvctl_destroy_uuid() it.
 * @lock: a descriptor that keeps others from creating domains, in this process and in any that
 * inherits it. Whoever cleans up keeps it open until that is done: then no other domain can have
 * got that uuid meanwhile. With -1 it is told once more (@building) when there is a domain that
 * will take long: then the lock is to be given back at once, and nobody else gets that uuid because
 * this one has it.
 */
typedef void (*hvctl_building_fn)(void *data, const uint8_t uuid[16], int lock, bool building);
void hvctl_set_building(struct hvctl_ctx *ctx, hvctl_building_fn fn, void *data);

/* --- configurations ----------------------------------------------------------------- */

enum hvctl_action {		/* what happens when a domain has stopped */
	HVCTL_ACTION_DESTROY,
	HVCTL_ACTION_RESTART,	/* destroyed and built again from the same configuration */
	HVCTL_ACTION_PRESERVE,	/* left as it is, for inspection */
	HVCTL_ACTION_COREDUMP_DESTROY, /* as the words say, after a core was written */
	HVCTL_ACTION_COREDUMP_RESTART,
	HVCTL_ACTION_RENAME_RESTART,	/* kept under another name, and built again */
};

enum hvctl_disk_backend {
	HVCTL_DISK_KERNEL,	/* dom0's xen-blkback; a loop device for a file */
	HVCTL_DISK_HVBLKD,	/* the daemon hvblkd */
};

struct hvctl_disk {
	char *target;		/* block device, file or NBD URI; of an empty CD drive: "" */
	char *backing;		/* what lies below an overlay and is only read; NULL */
	/* "raw", "qcow2": the target is made over that, of this format, if it is missing. */
	char base_format[8];
	char vdev[16];		/* "xvda" ... */
	uint32_t number;	/* the number of vdev in the store and in the guest */
	bool writable;
	bool forced;		/* "w!": whoever else uses it */
	bool cdrom;
	enum hvctl_disk_backend backend;
	/* What the target is: "raw"; with hvblkd also "qcow2", "vhd", "vhdx", "vmdk", "nbd". */
	char format[8];
	/* The rest is hvblkd's. */
	char data_mode[12];	/* "persistent", "window"; "": as hvblkd likes */
	uint64_t iops, bps;	/* operations and bytes a second, 0: no limit */
};

struct hvctl_vif {
	uint8_t mac[6];
	bool mac_given;		/* else chosen at creation */
	char bridge[16];	/* created if missing */
	char *ip;		/* told to the backend, NULL if not given */
	char vifname[16];	/* of the interface in dom0, "" for vif<domid>.<n> */
	bool hvnetd;		/* served by that daemon, and not by dom0's xen-netback */
	uint64_t bps;		/* hvnetd: bytes a second that it may send, 0: no limit */
};

/* A domain to create. Strings are malloc()ed and owned by the structure; NULL where absent. */
struct hvctl_config {
	char name[HVCTL_NAME_MAX];
	uint8_t uuid[16];
	bool uuid_given;		/* else chosen at creation */
	char *kernel;			/* path, required */
	char *ramdisk;
	char *cmdline;			/* "" if absent: cmdline, or root= and extra put together */
	uint64_t memory_mib;
	uint64_t max_memory_mib;	/* >= memory_mib */
	uint64_t min_memory_mib;	/* that hvballoond leaves it, 0: it leaves it alone */
	unsigned int vcpus;		/* online at start */
	unsigned int max_vcpus;		/* >= vcpus */
	/* Bit n of a vCPU's: it may run on host CPU n; all zero: anywhere. */
	uint64_t cpus[HVCTL_MAX_VCPUS][2];
	uint64_t cpus_soft[HVCTL_MAX_VCPUS][2]; /* the same: where they had rather run */
	unsigned int cpu_weight;	/* its share when CPUs are scarce; 0: as everybody, 256 */
	unsigned int cap;		/* of one CPU, in percent, for all vCPUs; 0: no limit */
	bool localtime;
	int32_t rtc_offset;		/* seconds */
	enum hvctl_action on_poweroff, on_reboot, on_crash;
	unsigned int nr_disks, nr_vifs;
	struct hvctl_disk *disks;
	struct hvctl_vif *vifs;
	/* By hardware assist, with page tables of its own and no emulated devices; else PV. */
	bool pvh;
};

/*
 * Read a configuration file in xl.cfg syntax (see hvctl.cfg(5)).
 * @overrides: NULL or a NULL-ended array of further lines ("memory=256") that win over the file's.
 * Unknown keys are warned of. Errors: -ENOENT, -EACCES (file), -EINVAL (syntax or value; the
 * message has file, line, column, key and remedy). The result is freed with hvctl_config_free().
 */
int hvctl_config_load(struct hvctl_ctx *ctx, const char *path, const char *const *overrides,
		      struct hvctl_config **config);

/* The same for a text in memory; @name is used in messages. */
int hvctl_config_parse(struct hvctl_ctx *ctx, const char *name, const char *text, size_t len,
		       const char *const *overrides, struct hvctl_config **config);

/*
 * The other way: a configuration as a text in that syntax, malloc()ed, from which the same comes
 * again. NULL without memory.
 */
char *hvctl_config_text(const struct hvctl_config *config);

/*
 * What a domain was created from, with the name that it has now; to be freed. -EINVAL: it was not
 * created by hvctl, which then does not know.
 */
int hvctl_config_of(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_config **config);

/* Free a configuration. NULL is fine. */
void hvctl_config_free(struct hvctl_config *config);

/* --- life and death of domains ------------------------------------------------------ */

#define HVCTL_CREATE_PAUSED	1u	/* do not let it run yet; hvctl_unpause() does */
/* Restoring: although this machine's CPU lacks what the guest was shown; a warning names it. */
#define HVCTL_FORCE_CPU		2u

/*
 * Build and start a domain, all or nothing: whatever fails, no domain, memory, loop device,
 * interface or store entry of it stays behind. Reports progress.
 * @config: a uuid and MAC addresses that were not given are chosen and entered.
 * @domid: set on success.
 * Errors: -EEXIST (name or uuid in use), -EBUSY (disk in use by a domain or dom0), -ENOENT (kernel,
 * ramdisk or disk missing), -ENOEXEC (kernel cannot be started), -EFBIG (kernel or ramdisk larger
 * than the domain's memory), -ESTALE (one of them changed while it was read), -ENOSPC (too little
 * free memory), -ENOMEM (too little in dom0), -E2BIG (command line), -EINVAL, and what devices say.
 * The context keeps the loop devices of the domain's file-backed disks open; they last until the
 * backend lets go of them even if the context is closed. Somebody should run hvctl_monitor() for
 * the domain.
 */
int hvctl_create(struct hvctl_ctx *ctx, struct hvctl_config *config, unsigned int flags,
		 uint32_t *domid);

/*
 * Mind a domain: wait until it stops, do what the configuration says for the reason, tidy up behind
 * it.
 * @domid: in: which; changes when the domain is restarted. One that asks for restart after restart
 * waits for them, stopped: a few at once are free, then there is one a minute.
 * Returns 0 when the domain is gone for good or preserved.
 */
int hvctl_monitor(struct hvctl_ctx *ctx, struct hvctl_config *config, uint32_t *domid);

/*
 * Ask the guest to stop; it may take its time or ignore it.
 * Errors: -EPERM for dom0.
 */
int hvctl_shutdown(struct hvctl_ctx *ctx, uint32_t domid);
int hvctl_reboot(struct hvctl_ctx *ctx, uint32_t domid);

/*
 * Wait until the domain has gone (or has stopped and is preserved). -ETIMEDOUT after @seconds; 0:
 * forever.
 */
int hvctl_wait_gone(struct hvctl_ctx *ctx, uint32_t domid, unsigned int seconds);

/* Kill a domain at once and remove its devices and store entries. -EPERM for dom0. */
int hvctl_destroy(struct hvctl_ctx *ctx, uint32_t domid);

/*
 * The same for the domain of this uuid, also when it is not in the store yet or the store does not
 * answer. -ESRCH if there is none but dom0.
 */
int hvctl_destroy_uuid(struct hvctl_ctx *ctx, const uint8_t uuid[16]);

/*
 * Stop a domain's vCPUs and let them go on. Pausing twice needs resuming once. -EPERM for dom0.
 * -EBUSY: it comes from another host that has not said yet that it is to run here.
 */
int hvctl_pause(struct hvctl_ctx *ctx, uint32_t domid);
int hvctl_unpause(struct hvctl_ctx *ctx, uint32_t domid);

/* --- saving and restoring ----------------------------------------------------------- */

#define HVCTL_SAVE_CHECKPOINT	1u	/* the guest goes on when its image is written */
#define HVCTL_SAVE_PLAIN	2u	/* without compression; zeros and duplicates are left out */

/*
 * Save a running guest to the file @path, or to standard output if that is "-", and destroy it. The
 * guest suspends itself within @seconds (0: 60). The file has its name when it is whole. Whatever
 * fails, and hvctl_cancel(), leaves the guest running and no file. Reports progress.
 * Errors: -EPERM (dom0), -EOPNOTSUPP (a kernel that does not suspend, a device that nobody could
 * give it again), -EBUSY (paused, or somebody else saves it), -ETIMEDOUT, -EINVAL (it has others'
 * or devices' frames mapped), -ECANCELED (it ended, or did not stand still), -EINTR, what files
 * say.
 */
int hvctl_save(struct hvctl_ctx *ctx, uint32_t domid, const char *path, unsigned int flags,
	       unsigned int seconds);

/*
 * Be told that a guest is about to be stopped (@saving) and when hvctl_save() is through with it.
 * If the process is killed between the two, a guest may stand still that nobody would ever let go
 * on, and the file @part (NULL: none) be left; whoever remembers @domid and @uuid can
 * hvctl_save_undo() it. @lock: a descriptor that keeps others from saving this domain, in this
 * process and in any that inherits it.
 */
typedef void (*hvctl_saving_fn)(void *data, uint32_t domid, const uint8_t uuid[16], int lock,
				const char *part, bool saving);
void hvctl_set_saving(struct hvctl_ctx *ctx, hvctl_saving_fn fn, void *data);

/*
 * What a process left that was killed in hvctl_save(), whose lock the caller holds: the guest goes
 * on, also one that has not stopped yet (up to 30 s are waited for that), and one that was being
 * destroyed is, as is one whose file is whole and has its name. -EBUSY: who read the image from a
 * pipe may have taken all of it; the guest stands still until somebody says what is. -ESRCH: there
 * is no domain @domid of this uuid.
 */
int hvctl_save_undo(struct hvctl_ctx *ctx, uint32_t domid, const uint8_t uuid[16]);

/*
 * Let such a guest go on: the caller knows that nobody has its image. -EINVAL: it is none; -EBUSY:
 * its file is whole, or somebody saves it.
 */
int hvctl_save_resume(struct hvctl_ctx *ctx, uint32_t domid);

/*
 * Make a guest of the image @path ("-": standard input) that hvctl_save(), or Xen's xl save, wrote.
 * An image is not trusted, but its configuration is done as if it were given to hvctl_create(): it
 * names files of dom0. All or nothing, as there.
 * @flags: HVCTL_CREATE_PAUSED, HVCTL_FORCE_CPU.
 * @name: NULL, or another name; the guest has a uuid and MAC addresses of its own then, and its
 * interfaces in dom0 have the names that they have without vifname.
 * @config: what came of it, for hvctl_monitor(), to be freed with hvctl_config_free(); NULL on
 * failure.
 * Errors: -EINVAL (no image, or damaged), and those of hvctl_create().
 */
int hvctl_restore(struct hvctl_ctx *ctx, const char *path, unsigned int flags, const char *name,
		  struct hvctl_config **config, uint32_t *domid);

/*
 * Make @count guests of one image, @prefix-1, @prefix-2 and so on (@prefix NULL: the image's name),
 * each with a uuid, MAC addresses and a generation of its own, and for each disk that is written an
 * empty qcow2 image over it in /var/lib/annulus/clones/<uuid>/, which goes when the clone is
 * destroyed. The image is read once, if dom0 has the memory to keep what is in it.
 * What can be found wrong is found before the first is made: names, memory for all. If one fails
 * later, those before it run, and the message says how many. hvctl_cancel(): the same.
 * @fn: told of each that runs; it has the configuration from then on, for hvctl_monitor() and
 * hvctl_config_free(). -EINVAL also: no count, or "-" of an image by xl with more than one.
 * Other errors: those of hvctl_restore().
 */
typedef void (*hvctl_cloned_fn)(void *data, struct hvctl_config *config, uint32_t domid);
int hvctl_clone(struct hvctl_ctx *ctx, const char *path, unsigned int count, const char *prefix,
		unsigned int flags, hvctl_cloned_fn fn, void *data);

/* --- moving guests to other hosts --------------------------------------------------- */

struct hvctl_migration {
	/*
	 * What /bin/sh runs to reach hvctl_migrate_receive() at the other host, by its standard
	 * input and output; its standard error is the caller's.
	 */
	const char *command;
	uint64_t bandwidth;	  /* bytes a second while the guest runs, 0: as it comes */
	unsigned int downtime_ms; /* how long it may stand still, 0: 300 */
	unsigned int seconds;	  /* to suspend itself, at most 3000, 0: 60 */
	bool force;		  /* stop it also when it writes faster than it is sent */
	bool compress;
	bool force_cpu;		  /* also to a CPU that lacks what it was shown */
	/*
	 * Seconds, at most 86400, for which this host keeps what the guest's memory held, so that
	 * it need not be sent when the guest comes back; 0: not.
	 */
	unsigned int keep;
	/* what came of it */
	char token[33];		  /* "": it had not begun */
	bool settled;		  /* false: hvctl_migrate_settle() has to be called */
	unsigned int rounds;
	uint64_t pages, spared;	  /* that were sent; that were not, as the other host had them */
	uint64_t ms, still_ms;	  /* that it took, and that the guest stood still */
	uint32_t again;		  /* it failed, and the guest is a new domain here; 0: it is not */
	struct hvctl_config *config; /* then, for hvctl_monitor(), to be freed; else NULL */
};

/*
 * Move a running guest to another host. It runs there when this answers 0, and here after any
 * error but one: with !settled it was given away and the other host did not answer, or somebody
 * has to say where it is to run. It never runs on both. Reports progress.
 * Errors: those of hvctl_save(), -EPIPE (the link), -EPROTO (no hvctl, or another version, at the
 * other end), -ECONNABORTED (the other end refuses: the message says why), -ERANGE (it writes
 * faster than it is sent), -ETIMEDOUT (a backend does not let go of its device).
 */
int hvctl_migrate(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_migration *migration);

/*
 * The other end, on a pair of descriptors. 0: the guest of *config runs here, as *domid, and is to
 * be minded; or, with *config NULL, there was nothing to do. The same after an error if *config is
 * not NULL. -EAGAIN: the link went; it is all here, and waits to hear whether it runs.
 */
int hvctl_migrate_receive(struct hvctl_ctx *ctx, int in, int out, struct hvctl_config **config,
			  uint32_t *domid);

enum hvctl_settle { HVCTL_SETTLE_ASK, HVCTL_SETTLE_HERE, HVCTL_SETTLE_THERE };

/*
 * A migration was broken off, or a host does not answer: ask the other host again (of the one that
 * the guest came from only), or hear from a person on which host it is to run. Who says "there"
 * has to know that it has not run here. As hvctl_migrate_receive() for who runs here afterwards.
 * -ESRCH: there is no such migration. -EAGAIN: the other host does not answer. -ENOTUNIQ: it
 * contradicts what is known.
 */
int hvctl_migrate_settle(struct hvctl_ctx *ctx, const char *token, enum hvctl_settle how,
			 struct hvctl_config **config, uint32_t *domid);

/*
 * Be told that a migration is under way (@under_way) and when it is not any more. If the process is
 * killed between the two, whoever remembers the token can hvctl_migrate_undo() it. @lock: as for
 * hvctl_set_saving(), -1: none.
 */
typedef void (*hvctl_migrating_fn)(void *data, const char *token, bool leaving, int lock,
				   bool under_way);
void hvctl_set_migrating(struct hvctl_ctx *ctx, hvctl_migrating_fn fn, void *data);

/*
 * What a process (@dead, or 0) left that was killed: what had been decided is done, and without a
 * decision the guest goes on at the host that it came from. With *config not NULL it runs here as
 * *domid, and nobody minds it yet, also after an error.
 */
int hvctl_migrate_undo(struct hvctl_ctx *ctx, const char *token, bool leaving, pid_t dead,
		       struct hvctl_config **config, uint32_t *domid);

/* What hvctl_save() wrote, without making a guest of it. */
struct hvctl_image {
	struct hvctl_config *config;	/* freed with hvctl_config_free(); NULL on failure */
	unsigned int bits;		/* 64 or 32 */
	uint64_t pages, zero_pages, same_pages;
};

/* Read and check the whole of an image ("-": standard input). -EINVAL: none, or damaged. */
int hvctl_image_check(struct hvctl_ctx *ctx, const char *path, struct hvctl_image *image);

/* --- looking and changing ----------------------------------------------------------- */

enum hvctl_state {
	HVCTL_RUNNING, HVCTL_BLOCKED, HVCTL_PAUSED, HVCTL_SHUTDOWN, HVCTL_CRASHED, HVCTL_DYING,
};

struct hvctl_domain {
	uint32_t domid;
	char name[HVCTL_NAME_MAX];	/* "(null)" if the store has none */
	uint8_t uuid[16];
	enum hvctl_state state;
	unsigned int shutdown_reason;	/* SHUTDOWN_* of the ABI, if state is SHUTDOWN or CRASHED */
	uint64_t memory_kib;
	uint64_t max_memory_kib;
	unsigned int vcpus;		/* online */
	unsigned int max_vcpus;
	uint64_t cpu_time_ns;
};

/* All domains by rising domid. *list is freed with free(). */
int hvctl_list(struct hvctl_ctx *ctx, struct hvctl_domain **list, size_t *count);

/*
 * Wait until some domain has come, stopped or gone, or at most @ms. 1: perhaps one has; 0: the time
 * is over. The first call of a context answers 1 at once.
 */
int hvctl_wait_change(struct hvctl_ctx *ctx, unsigned int ms);

/* One domain. */
int hvctl_get(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_domain *domain);

/* Find a domain by its name or, if there is none of that name, by its number. -ESRCH. */
int hvctl_find(struct hvctl_ctx *ctx, const char *name_or_id, uint32_t *domid);

/* A word for a state: "running" ... */
const char *hvctl_state_name(enum hvctl_state state);

/*
 * Ask the guest's balloon for @mib; the limit is lowered or raised with it. -EINVAL: more than its
 * maximum.
 */
int hvctl_set_memory(struct hvctl_ctx *ctx, uint32_t domid, uint64_t mib);

#define HVCTL_MIB_MAX	(1ull << 24)	/* 16 TiB */

/*
 * Let a domain have @mib at most until it is gone or restarts: that is the limit of
 * hvctl_set_memory() and the hypervisor's. It is not told. -EINVAL: it has more, or was asked to
 * have more; no such size. -EPERM for dom0; -EBUSY: it is being saved.
 */
int hvctl_set_max_memory(struct hvctl_ctx *ctx, uint32_t domid, uint64_t mib);

/*
 * Wait until the domain has @mib, give or take less than one. Reports progress. As long as memory
 * comes or goes, it waits; when none has for 35 s, it is -ETIMEDOUT, and the message says how much
 * there is. -ECANCELED: it has stopped, or was asked for another size meanwhile.
 */
int hvctl_wait_memory(struct hvctl_ctx *ctx, uint32_t domid, uint64_t mib);

/* One vCPU of a domain. */
struct hvctl_vcpu {
	unsigned int number;
	bool online, blocked, running;
	unsigned int cpu;	/* the host CPU that it runs or ran on */
	uint64_t cpu_time_ns;
	uint64_t cpus[2];	/* bit n: it may run on host CPU n */
	uint64_t cpus_soft[2];	/* the same: where it had rather run */
};

/* The vCPUs of a domain by rising number. *list is freed with free(). */
int hvctl_vcpus(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_vcpu **list, size_t *count);

/*
 * Let a vCPU run on the host CPUs @hard only, and rather on those of @soft; NULL leaves that as it
 * is. -EINVAL: there is no such vCPU, or none of the CPUs is there.
 */
int hvctl_pin(struct hvctl_ctx *ctx, uint32_t domid, unsigned int vcpu, const uint64_t hard[2],
	      const uint64_t soft[2]);

/* How much of the host's CPUs a domain gets. */
struct hvctl_share {
	unsigned int weight;	/* its part when they are scarce, 1 to 65535; 256 is usual */
	unsigned int cap;	/* of one CPU, in percent, for all its vCPUs; 0: no limit */
};

/* Read it, and set it until the domain is gone. -EINVAL: outside of the range. */
int hvctl_share(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_share *share);
int hvctl_set_share(struct hvctl_ctx *ctx, uint32_t domid, const struct hvctl_share *share);

/*
 * A set of host CPUs from "0-2,5", in its order: '^' takes a range out again, "all" is every CPU,
 * and so is "node:0", since there is one node. Bit n of the 128 is CPU n. -EINVAL: that is no set;
 * -ENOENT: none is left in it. Neither has a message.
 */
int hvctl_cpus_parse(const char *text, uint64_t set[2]);

/* The other way, "" for none; 512 bytes are enough for any. What does not fit is left out. */
void hvctl_cpus_text(const uint64_t set[2], char *to, size_t size);

/*
 * Press a letter of the guest's SysRq key ("h" has its kernel list them on its console). -EPERM
 * for dom0; -EINVAL: not a letter or digit.
 */
int hvctl_sysrq(struct hvctl_ctx *ctx, uint32_t domid, char letter);

/* Send an NMI to one vCPU. -EPERM for dom0; -EINVAL: there is no such vCPU. */
int hvctl_nmi(struct hvctl_ctx *ctx, uint32_t domid, unsigned int vcpu);

/* Ask the guest to have @count vCPUs online. -EINVAL: none or more than its maximum. */
int hvctl_set_vcpus(struct hvctl_ctx *ctx, uint32_t domid, unsigned int count);

/* Give a domain another name. -EEXIST: in use; -EINVAL: not a name. */
int hvctl_rename(struct hvctl_ctx *ctx, uint32_t domid, const char *name);

/*
 * Write an ELF core of a PV domain, running or stopped, to the file @path ("-": standard output),
 * in place of what is there, or into the device or pipe that it is. The domain is paused meanwhile.
 * Reports progress; hvctl_cancel() ends it. Without success there is no file. -EOPNOTSUPP: a PVH
 * domain; -EINVAL: its kernel does not say where its pages are; -EBUSY: it is being saved;
 * -ENOSPC, -EPIPE and what else files say; -EPERM for dom0.
 */
int hvctl_crash_dump(struct hvctl_ctx *ctx, uint32_t domid, const char *path);

/* Seconds since the domain was created (dom0: since the host's hypervisor started it). */
int hvctl_uptime(struct hvctl_ctx *ctx, uint32_t domid, uint64_t *seconds);

struct hvctl_device {
	uint32_t number;	/* vdev number or vif index */
	uint32_t backend;	/* domid of the backend */
	unsigned int state;	/* XenbusState* of the backend: 4 is connected */
	char target[256];	/* disk: file or device; vif: bridge */
	char name[32];		/* disk: vdev; vif: MAC address */
	bool writable;		/* disk */
};

/* A domain's disks and network interfaces. *list is freed with free(). */
int hvctl_disks(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_device **list, size_t *count);
int hvctl_vifs(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_device **list, size_t *count);

/*
 * Give a running domain one more disk: @spec is an item of 'disk' in a configuration. Nothing of it
 * stays if this fails. -EEXIST: it has a disk of that name; -EBUSY: it is being saved; the rest as
 * hvctl_create().
 */
int hvctl_disk_attach(struct hvctl_ctx *ctx, uint32_t domid, const char *spec);

/*
 * Take the disk @vdev ("xvdb") away from a running domain, whose kernel is asked for it. -ENOENT:
 * it has none of that name; -EBUSY: it is being saved; -ETIMEDOUT: it does not let go of it within
 * 10 s, and keeps it.
 */
int hvctl_disk_detach(struct hvctl_ctx *ctx, uint32_t domid, const char *vdev);

/*
 * Make the disk @vdev of a running domain one of @bytes, or (0) look at what it stands on, which
 * may be larger than it was. Its kernel sees that in use. *@now: what it has now, in bytes.
 * -ENOENT: no such disk; -EINVAL: smaller than it is, or no whole sectors; -EROFS: it is only read;
 * -EOPNOTSUPP: a block device or a server, which others make larger; -ESTALE: another file has that
 * name by now; -EIO: who serves it says why not; -ETIMEDOUT: it has not answered within 30 s.
 */
int hvctl_disk_resize(struct hvctl_ctx *ctx, uint32_t domid, const char *vdev, uint64_t bytes,
		      uint64_t *now);

/*
 * Put the medium @file (a file or block device, which is raw, or an NBD server) into the CD drive
 * @vdev of a domain, in place of what is in it; take out what is in it. The device goes and comes
 * again, as its kernel agrees; without a medium there is none. It is the same after a restart.
 * -ENOENT: it was not created with such a drive, or nothing is in it, or there is no such file;
 * -EINVAL: that is a disk and no drive; -EEXIST: another disk was attached as that; -EBUSY:
 * somebody writes to that file, or the domain is being saved; -ETIMEDOUT: its kernel uses it, and
 * keeps it. If @file cannot be served after all, what was in it is put back.
 */
int hvctl_cd_insert(struct hvctl_ctx *ctx, uint32_t domid, const char *vdev, const char *file);
int hvctl_cd_eject(struct hvctl_ctx *ctx, uint32_t domid, const char *vdev);

/*
 * The same for interfaces: @spec is an item of 'vif' and gets the first number that is free; @name
 * is a number or a MAC address. -EEXIST: the domain has one with that address.
 */
int hvctl_vif_attach(struct hvctl_ctx *ctx, uint32_t domid, const char *spec);
int hvctl_vif_detach(struct hvctl_ctx *ctx, uint32_t domid, const char *name);

/* --- the CPU that a domain is shown ------------------------------------------------- */

#define HVCTL_NO_SUBLEAF	0xffffffffu

struct hvctl_cpuid_leaf {
	uint32_t leaf, subleaf;		/* HVCTL_NO_SUBLEAF: it has none */
	uint32_t reg[4];		/* EAX, EBX, ECX, EDX */
};

struct hvctl_cpuid {
	/*
	 * The domain's policy, which its kernel is told. In leaf 0x40000000 EAX is how many leaves
	 * the hypervisor has there, 0 for all of them.
	 */
	struct hvctl_cpuid_leaf *policy;
	size_t nr_policy;
	bool faulting;			/* its programs are told the same */
	/* Else: the leaves in which a program, which asks the CPU itself, is told otherwise. */
	struct hvctl_cpuid_leaf *beyond;
	size_t nr_beyond;
};

/* Fill *@cpuid; hvctl_cpuid_free() releases what is in it. */
int hvctl_cpuid(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_cpuid *cpuid);
void hvctl_cpuid_free(struct hvctl_cpuid *cpuid);

/* The name of a feature bit (register 0 to 3, EAX to EDX), or NULL: it is none, or has none. */
const char *hvctl_cpuid_feature(uint32_t leaf, uint32_t subleaf, unsigned int reg,
				unsigned int bit);

/* --- the console -------------------------------------------------------------------- */

/*
 * Where a domain's console can be attached: a Unix socket or a terminal device.
 * -ENOENT: the console daemon has not taken care of this domain (yet).
 */
int hvctl_console_path(struct hvctl_ctx *ctx, uint32_t domid, char *path, size_t size);

/* --- the host ----------------------------------------------------------------------- */

struct hvctl_host {
	char version[64];		/* "4.17-annulus" ... */
	char changeset[64];
	char compiler[64];
	char capabilities[256];		/* guest types, "xen-3.0-x86_64" ... */
	char cmdline[1024];		/* the hypervisor's */
	unsigned int cpus, cores_per_socket, threads_per_core;
	uint32_t cpu_khz;
	uint64_t total_kib, free_kib, scrub_kib;
	uint64_t claimed_kib;		/* of what is free: promised to domains that are made */
	uint64_t free_frames;
	uint64_t virt_start;		/* lowest address of the hypervisor's area */
};

int hvctl_host(struct hvctl_ctx *ctx, struct hvctl_host *host);

/* The hypervisor's console ring, zero-terminated, freed with free(); @clear empties it. */
int hvctl_dmesg(struct hvctl_ctx *ctx, bool clear, char **text, size_t *len);

/*
 * What has been added to that ring since *@index, which is 0 at first: *text is malloc()ed, and
 * empty if nothing has. What was overwritten meanwhile is left out.
 */
int hvctl_dmesg_more(struct hvctl_ctx *ctx, uint32_t *index, char **text, size_t *len);

/* Press debug keys ("h" lists them in the hypervisor's log). */
int hvctl_debug_keys(struct hvctl_ctx *ctx, const char *keys);

/*
 * Let the hypervisor check its own invariants. 0: all hold; -EUCLEAN: some do not, the hypervisor's
 * log says which; -EOPNOTSUPP: this hypervisor has no audit.
 */
int hvctl_audit(struct hvctl_ctx *ctx);

/* One class of the hypervisor's own allocations. */
struct hvctl_heap_class {
	char name[17];
	uint64_t bytes;
	uint64_t objects;
};

/* All classes. *list is freed with free(). -EOPNOTSUPP: this hypervisor does not tell. */
int hvctl_heap(struct hvctl_ctx *ctx, struct hvctl_heap_class **list, size_t *count);

/* What a domain did with others' grants since it was made. */
struct hvctl_grants {
	uint32_t domid;
	uint64_t mapped;
	uint64_t unmapped;	/* entries of page tables taken out */
	uint64_t untouched;	/* of these, no CPU had come to them */
	uint64_t copied, copied_bytes;
	uint64_t flushes;	/* of TLBs, for unmapping */
	uint64_t flushes_avoided;
};

/*
 * All domains, by number. *list is freed with free(). @judged: may be NULL; does this machine know
 * of pages that no CPU came to? -EOPNOTSUPP: this hypervisor does not tell.
 */
int hvctl_grants(struct hvctl_ctx *ctx, struct hvctl_grants **list, size_t *count, bool *judged);

/* Called for one node of the store; anything but 0 ends the walk. Must not be negative. */
typedef int (*hvctl_store_fn)(void *data, const char *path, const char *value);

/*
 * Show @fn the node at the absolute @path and all below it, parents first. The store may change
 * meanwhile; nodes that vanish are left out. Returns what @fn ended the walk with, 0 if it did not.
 * -ENOENT: there is no such node; -EINVAL: this is no path.
 */
int hvctl_store(struct hvctl_ctx *ctx, const char *path, hvctl_store_fn fn, void *data);

#ifdef __cplusplus
}
#endif

#endif
