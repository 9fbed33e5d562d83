// SPDX-License-Identifier: GPL-2.0-or-later
//
// A fuzzer without libFuzzer: main() runs it on the empty input and on every file named, each
// once. A directory stands for the files in it; a file NAME.pack holds many inputs, each behind its
// length (4 bytes, little endian). If an input ends the program, its name is the last line.

#include <dirent.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

int __attribute__((weak)) LLVMFuzzerInitialize(int *argc, char ***argv);
/* Not there when make coverage builds it without sanitizers. */
void __attribute__((weak)) __sanitizer_set_death_callback(void (*fn)(void));

static char now[4096]; /* what runs: "file" or "file, input n of a pack" */
static unsigned long inputs;

static void say_which(void)
{
	static const char text[] = "replay: stopped by the input ";
	ssize_t n = write(2, text, sizeof(text) - 1);

	n += write(2, now, strlen(now));
	n += write(2, "\n", 1);
	(void)n;
}

static void stopped(int sig)
{
	say_which();
	signal(sig, SIG_DFL);
	raise(sig);
}

/* In a block of just its size: the address sanitizer sees every byte read too far. */
static void run(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size);

	if (size && !copy) {
		fprintf(stderr, "replay: no memory for %s\n", now);
		exit(2);
	}
	if (size)
		memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	inputs++;
}

static void run_pack(const char *path, const uint8_t *data, size_t size)
{
	size_t at = 0;

	for (unsigned n = 1; at < size; n++) {
		size_t len;

		snprintf(now, sizeof(now), "%s, input %u", path, n);
		if (size - at < 4) {
			fprintf(stderr, "replay: %s is cut off\n", path);
			exit(2);
		}
		len = data[at] | (size_t)data[at + 1] << 8 | (size_t)data[at + 2] << 16 |
			(size_t)data[at + 3] << 24;
		at += 4;
		if (len > size - at) {
			fprintf(stderr, "replay: %s is cut off\n", path);
			exit(2);
		}
		run(data + at, len);
		at += len;
	}
}

static void run_file(const char *path)
{
	size_t len = strlen(path), size = 0, room = 0;
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;

	if (!f) {
		perror(path);
		exit(2);
	}
	do {
		if (size == room) {
			room = room ? room * 2 : 65536;
			data = realloc(data, room);
			if (!data) {
				fprintf(stderr, "replay: no memory for %s\n", path);
				exit(2);
			}
		}
		size += fread(data + size, 1, room - size, f);
	} while (!feof(f) && !ferror(f));
	if (ferror(f)) {
		perror(path);
		exit(2);
	}
	fclose(f);
	snprintf(now, sizeof(now), "%s", path);
	if (len > 5 && !strcmp(path + len - 5, ".pack"))
		run_pack(path, data, size);
	else
		run(data, size);
	free(data);
}

static void run_path(const char *path)
{
	struct dirent **entries;
	struct stat st;
	int n;

	if (stat(path, &st)) {
		perror(path);
		exit(2);
	}
	if (!S_ISDIR(st.st_mode)) {
		run_file(path);
		return;
	}
	n = scandir(path, &entries, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		char name[4096];

		if (entries[i]->d_name[0] != '.') {
			snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
			run_path(name);
		}
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

int main(int argc, char **argv)
{
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(say_which);
	signal(SIGABRT, stopped);
	signal(SIGTERM, stopped);
	if (LLVMFuzzerInitialize && LLVMFuzzerInitialize(&argc, &argv))
		return 2;
	snprintf(now, sizeof(now), "of no bytes");
	run(NULL, 0);
	for (int i = 1; i < argc; i++)
		run_path(argv[i]);
	printf("%lu inputs\n", inputs);
	return 0;
}
