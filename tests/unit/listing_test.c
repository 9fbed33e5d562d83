// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/cli/json.c libhvctl/cli/devices.c libhvctl/cli/builtin-block-list.c
// sources: libhvctl/cli/builtin-network-list.c libhvctl/cli/builtin-list.c
// sources: libhvctl/cli/builtin-uptime.c libhvctl/cli/builtin-image.c
// sources: libhvctl/cli/builtin-version.c libhvctl/context.c
// libs: -ljansson
// bits: 64 32
/*
 * The verbs that list for programs (--json): whatever bytes the store has in a value, each domain
 * and each device is there, and the answer is JSON.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/cli.h"
#include "suite.h"
#include "xs.h"

static const struct {
	const char *value, *json;
} texts[] = {
	{ "plain", "plain" },
	{ "", "" },
	{ "\n\x01 \xc2\x9b \xf0\x9f\x98\x80", "\n\x01 \xc2\x9b \xf0\x9f\x98\x80" },
	{ "a\xff", "a\\xff" },
	{ "\x80", "\\x80" },
	{ "cut off \xf0\x9f\x98", "cut off \\xf0\\x9f\\x98" },
	{ "too long \xc0\x9b", "too long \\xc0\\x9b" },
	{ "surrogate \xed\xa0\x80", "surrogate \\xed\\xa0\\x80" },
	{ "beyond \xf4\x90\x80\x80", "beyond \\xf4\\x90\\x80\\x80" },
};

#define TEXTS	(sizeof(texts) / sizeof(texts[0]))

/* ------------------------------------------------------------------------------------------------
 * The command line and the library, with a domain or device for each text
 */

int cli_options(const struct command *cmd, int argc, char **argv, const char *letters, char set[8])
{
	(void)cmd;
	(void)argv;
	(void)letters;
	memset(set, 0, 8);
	set[0] = 'j';
	return argc > 1 ? argc - 1 : 1;
}

bool cli_has(const char set[8], char letter)
{
	return set[0] == letter;
}

int cli_usage(const struct command *cmd, const char *format, ...)
{
	(void)cmd;
	(void)format;
	return CLI_USAGE;
}

int cli_failed(const struct hvctl_ctx *ctx)
{
	(void)ctx;
	return CLI_FAILED;
}

bool cli_domain(struct hvctl_ctx *ctx, const char *text, uint32_t *domid)
{
	(void)ctx;
	(void)text;
	*domid = 1;
	return true;
}

int cli_domains(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv, int first,
		struct hvctl_domain **list, size_t *count)
{
	(void)ctx;
	(void)cmd;
	(void)argc;
	(void)argv;
	(void)first;
	*list = calloc(TEXTS, sizeof(**list));
	*count = TEXTS;
	for (size_t i = 0; i < TEXTS; i++)
		strcpy((*list)[i].name, texts[i].value);
	return CLI_OK;
}

void cli_uuid(const uint8_t uuid[16], char text[37])
{
	(void)uuid;
	strcpy(text, "uuid");
}

static int devices(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_device **list, size_t *count)
{
	(void)ctx;
	(void)domid;
	*list = calloc(TEXTS, sizeof(**list));
	*count = TEXTS;
	for (size_t i = 0; i < TEXTS; i++) {
		strcpy((*list)[i].name, texts[i].value);
		strcpy((*list)[i].target, texts[i].value);
	}
	return 0;
}

int hvctl_disks(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_device **list, size_t *count)
{
	return devices(ctx, domid, list, count);
}

/* A drive with something in it, which has a device, one without, and a disk. */
static bool has_drives;

int hvctl_config_of(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_config **config)
{
	static char medium[] = "/cd.iso", none[] = "";
	static struct hvctl_disk disks[] = {
		{ .target = medium, .vdev = "xvdc", .cdrom = true },
		{ .target = none, .vdev = "xvdd", .number = 51760, .cdrom = true },
		{ .target = medium, .vdev = "xvde" },
	};
	static struct hvctl_config c = { .disks = disks, .nr_disks = 3 };

	(void)ctx;
	(void)domid;
	*config = has_drives ? &c : NULL;
	return has_drives ? 0 : -EINVAL;
}

void hvctl_config_free(struct hvctl_config *config)
{
	(void)config;
}

static int image_error;

int hvctl_image_check(struct hvctl_ctx *ctx, const char *path, struct hvctl_image *image)
{
	static struct hvctl_config c = { .name = "guest", .vcpus = 2, .max_vcpus = 4,
					 .nr_disks = 3, .nr_vifs = 1 };

	(void)ctx;
	CU_ASSERT_STRING_EQUAL(path, "domain");
	*image = (struct hvctl_image){ image_error ? NULL : &c, 32, 512, 7, 5 };
	return image_error;
}

static bool host_there;

int hvctl_host(struct hvctl_ctx *ctx, struct hvctl_host *host)
{
	(void)ctx;
	memset(host, 0, sizeof(*host));
	strcpy(host->version, "4.17-annulus");
	return host_there ? 0 : -ENODEV;
}

int hvctl_vifs(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_device **list, size_t *count)
{
	return devices(ctx, domid, list, count);
}

int hvctl_uptime(struct hvctl_ctx *ctx, uint32_t domid, uint64_t *seconds)
{
	(void)ctx;
	(void)domid;
	*seconds = 7;
	return 0;
}

const char *hvctl_state_name(enum hvctl_state state)
{
	(void)state;
	return "running";
}

/* Of the library's context, which has no store here. */
struct xs *xs_open(const char *socket)
{
	(void)socket;
	return NULL;
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

/* ------------------------------------------------------------------------------------------------
 * What they print
 */

/* The verb's answer, or NULL if it is not JSON. */
static json_t *answer(const struct command *cmd)
{
	char *argv[] = { (char *)cmd->name, (char *)"domain", NULL };
	int file = memfd_create("answer", MFD_CLOEXEC), out;
	json_t *value;

	fflush(stdout);
	out = dup(STDOUT_FILENO);
	dup2(file, STDOUT_FILENO);
	CU_ASSERT_EQUAL(cmd->run(NULL, cmd, cmd == &cmd_version ? 1 : 2, argv),
			cmd == &cmd_image_info && image_error ? CLI_FAILED : CLI_OK);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	close(out);
	lseek(file, 0, SEEK_SET);
	value = json_loadfd(file, 0, NULL);
	close(file);
	return value;
}

static void test_any_bytes(void)
{
	static const struct {
		const struct command *cmd;
		const char *keys[2];	/* of its texts */
	} verbs[] = {
		{ &cmd_block_list, { "vdev", "target" } },
		{ &cmd_network_list, { "mac", "bridge" } },
		{ &cmd_list, { "name", "name" } },
		{ &cmd_uptime, { "name", "name" } },
	};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		json_t *list = answer(verbs[i].cmd);

		CU_ASSERT_EQUAL(json_array_size(list), TEXTS);
		for (size_t j = 0; j < 2 * json_array_size(list); j++) {
			json_t *entry = json_array_get(list, j / 2);
			const char *text =
				json_string_value(json_object_get(entry, verbs[i].keys[j % 2]));

			CU_ASSERT(text && strcmp(text, texts[j / 2].json) == 0);
		}
		json_decref(list);
	}
}

static void test_empty_drive(void)
{
	json_t *list, *entry;

	has_drives = true;
	list = answer(&cmd_block_list);
	has_drives = false;
	CU_ASSERT_EQUAL(json_array_size(list), TEXTS + 1);
	entry = json_array_get(list, TEXTS);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(entry, "vdev")), "xvdd");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(entry, "target")), "");
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(entry, "number")), 51760);
	CU_ASSERT_TRUE(json_is_false(json_object_get(entry, "connected")));
	json_decref(list);
}

static json_int_t number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void test_image(void)
{
	json_t *image = answer(&cmd_image_info);

	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(image, "name")), "guest");
	CU_ASSERT_EQUAL(number(image, "bits"), 32);
	CU_ASSERT_EQUAL(number(image, "memory_kib"), 2048);
	CU_ASSERT_EQUAL(number(image, "vcpus"), 2);
	CU_ASSERT_EQUAL(number(image, "max_vcpus"), 4);
	CU_ASSERT_EQUAL(number(image, "disks"), 3);
	CU_ASSERT_EQUAL(number(image, "vifs"), 1);
	CU_ASSERT_EQUAL(number(image, "pages"), 512);
	CU_ASSERT_EQUAL(number(image, "zero_pages"), 7);
	CU_ASSERT_EQUAL(number(image, "same_pages"), 5);
	json_decref(image);
	/* A damaged one is no JSON. */
	image_error = -EINVAL;
	CU_ASSERT_PTR_NULL(answer(&cmd_image_info));
	image_error = 0;
}

static void test_version(void)
{
	json_t *version = answer(&cmd_version);

	CU_ASSERT_TRUE(json_is_null(json_object_get(version, "hypervisor")));
	json_decref(version);
	host_there = true;
	version = answer(&cmd_version);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(version, "hypervisor")),
			       "4.17-annulus");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(version, "control_abi")), "4.17");
	json_decref(version);
}

static void test_no_memory(void)
{
	json_t *array = json_array();

	cli_json_add(&array, json_integer(1));
	CU_ASSERT_EQUAL(json_array_size(array), 1);
	errno = 0;
	cli_json_add(&array, NULL);
	CU_ASSERT_PTR_NULL(array);
	CU_ASSERT_EQUAL(errno, ENOMEM);
	cli_json_add(&array, json_integer(2));
	CU_ASSERT_PTR_NULL(array);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "texts of any bytes", test_any_bytes },
		{ "an empty drive", test_empty_drive },
		{ "a saved guest", test_image },
		{ "versions", test_version },
		{ "no memory", test_no_memory },
		CU_TEST_INFO_NULL
	};

	return suite_run("listing", tests);
}
