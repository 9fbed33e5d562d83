// SPDX-License-Identifier: GPL-2.0-or-later
/* image-check and image-info: what is in the file that a guest was saved to. */
#include "cli.h"

#include <stdio.h>

static int read_image(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv,
		      const char *letters, char set[8], const char **path,
		      struct hvctl_image *image)
{
	int i = cli_options(cmd, argc, argv, letters, set);

	if (i < 0)
		return CLI_USAGE;
	if (argc - i != 1)
		return cli_usage(cmd, "one file is needed");
	*path = argv[i];
	return hvctl_image_check(ctx, *path, image) ? cli_failed(ctx) : CLI_OK;
}

static int run_check(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	struct hvctl_image image;
	const char *path;
	char set[8];
	int ret = read_image(ctx, cmd, argc, argv, "", set, &path, &image);

	if (ret)
		return ret;
	printf("%s: whole\n", path);
	hvctl_config_free(image.config);
	return CLI_OK;
}

static json_t *to_json(const struct hvctl_image *image, const char *uuid)
{
	const struct hvctl_config *c = image->config;

	return json_pack("{s:o s:s s:i s:I s:i s:i s:i s:i s:I s:I s:I}", "name",
			 cli_json_text(c->name), "uuid", uuid, "bits", (int)image->bits,
			 "memory_kib", (json_int_t)image->pages * 4, "vcpus", (int)c->vcpus,
			 "max_vcpus", (int)c->max_vcpus, "disks", (int)c->nr_disks, "vifs",
			 (int)c->nr_vifs, "pages", (json_int_t)image->pages, "zero_pages",
			 (json_int_t)image->zero_pages, "same_pages",
			 (json_int_t)image->same_pages);
}

static int run_info(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	struct hvctl_image image;
	const struct hvctl_config *c;
	const char *path;
	char uuid[37], set[8];
	int ret = read_image(ctx, cmd, argc, argv, "j", set, &path, &image);

	if (ret)
		return ret;
	c = image.config;
	cli_uuid(c->uuid, uuid);
	if (cli_has(set, 'j')) {
		json_t *value = to_json(&image, uuid);

		hvctl_config_free(image.config);
		return cli_print_json(value);
	}
	printf("name           %s\nuuid           %s\nbits           %u\nmemory         %llu MiB\n",
	       c->name, uuid, image.bits, (unsigned long long)image.pages >> 8);
	printf("vcpus          %u of %u\ndisks          %u\nvifs           %u\n", c->vcpus,
	       c->max_vcpus, c->nr_disks, c->nr_vifs);
	printf("pages          %llu, of which %llu zeros, %llu as another\n",
	       (unsigned long long)image.pages, (unsigned long long)image.zero_pages,
	       (unsigned long long)image.same_pages);
	hvctl_config_free(image.config);
	return CLI_OK;
}

const struct command cmd_image_check = {
	.name = "image-check",
	.usage = "FILE",
	.summary = "Check that the file of a saved guest is whole",
	.help = "Every record's hash and that of all together. - is standard input.\n",
	.run = run_check,
};

const struct command cmd_image_info = {
	.name = "image-info",
	.usage = "[--json] FILE",
	.summary = "Show what guest is in the file that it was saved to",
	.help = "The file is checked, too. - is standard input.\n\n  --json  for programs\n",
	.run = run_info,
};
