// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * diskverify DEVICE SECONDS [MIB] - in a guest: mixed random reads and writes past the cache, 32
 * at once, of 4 to 64 KiB. Each block of 4 KiB carries its own number, its version, and a CRC-32C
 * over all of it; what is read must be the version that was written last. Flushes now and
 * then. At the end everything is read once more. Its last line is
 *	VERIFY done OPERATIONS operations, ERRORS errors
 * and a line "VERIFY at OPERATIONS" comes every second.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BLOCK	4096u
#define DEPTH	32u
#define MOST	16u		/* blocks of one operation */

struct head {
	uint64_t magic, block, version;
	uint32_t crc, pad;
};
#define MAGIC 0x6b73696479666576ull

struct operation {
	struct iocb iocb;
	uint64_t block;
	unsigned int nr;
	int writes, busy;
	char *data;
};

static uint32_t table[256];
static uint64_t *versions, seed = 88172645463325252ull, errors, operations, next_version = 1;
static unsigned char *busy;
static struct operation ops[DEPTH];
static int fd;

static uint64_t random64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static uint32_t crc32c(const void *data, size_t size)
{
	const unsigned char *p = data;
	uint32_t crc = ~0u;

	while (size--)
		crc = crc >> 8 ^ table[(crc ^ *p++) & 0xff];
	return ~crc;
}

static void fill(char *to, uint64_t block, uint64_t version)
{
	struct head *h = (struct head *)to;
	uint64_t *words = (uint64_t *)to, x = block * 0x9e3779b97f4a7c15ull + version;

	for (unsigned int i = sizeof(*h) / 8; i < BLOCK / 8; i++) {
		x = x * 6364136223846793005ull + 1442695040888963407ull;
		words[i] = x;
	}
	*h = (struct head){ .magic = MAGIC, .block = block, .version = version };
	h->crc = crc32c(to, BLOCK);
}

static void complain(const char *what, uint64_t block, uint64_t got, uint64_t want)
{
	if (errors++ < 20)
		printf("VERIFY error: %s, block %llu: %llu instead of %llu\n", what,
		       (unsigned long long)block, (unsigned long long)got,
		       (unsigned long long)want);
}

static void verify(char *data, uint64_t block)
{
	struct head *h = (struct head *)data;
	uint32_t crc = h->crc;

	if (!versions[block])
		return;
	h->crc = 0;
	if (h->magic != MAGIC || crc32c(data, BLOCK) != crc)
		complain("torn", block, crc, 0);
	else if (h->block != block)
		complain("of another place", block, h->block, block);
	else if (h->version != versions[block])
		complain("of another time", block, h->version, versions[block]);
}

static void begin(aio_context_t aio, struct operation *o, uint64_t block, unsigned int nr,
		  int writes)
{
	struct iocb *list[1] = { &o->iocb };

	*o = (struct operation){ .block = block, .nr = nr, .writes = writes, .busy = 1,
				 .data = o->data };
	for (unsigned int i = 0; i < nr; i++) {
		busy[block + i] = 1;
		if (writes) {
			versions[block + i] = next_version++;
			fill(o->data + i * BLOCK, block + i, versions[block + i]);
		}
	}
	o->iocb = (struct iocb){ .aio_data = (uintptr_t)o, .aio_fildes = (uint32_t)fd,
				 .aio_lio_opcode = writes ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
				 .aio_buf = (uintptr_t)o->data, .aio_nbytes = nr * BLOCK,
				 .aio_offset = (int64_t)(block * BLOCK) };
	if (syscall(SYS_io_submit, aio, 1L, list) != 1) {
		printf("VERIFY error: io_submit: %s\n", strerror(errno));
		exit(1);
	}
}

static void end(struct operation *o, int64_t result)
{
	if (result != (int64_t)o->nr * BLOCK)
		complain(o->writes ? "write" : "read", o->block, (uint64_t)result, o->nr * BLOCK);
	for (unsigned int i = 0; i < o->nr; i++) {
		busy[o->block + i] = 0;
		if (!o->writes && result == (int64_t)o->nr * BLOCK)
			verify(o->data + i * BLOCK, o->block + i);
	}
	o->busy = 0;
	operations++;
}

static int is_free(uint64_t block, unsigned int nr)
{
	while (nr--)
		if (busy[block + nr])
			return 0;
	return 1;
}

int main(int argc, char **argv)
{
	struct io_event events[DEPTH];
	aio_context_t aio = 0;
	uint64_t blocks;
	time_t until, said;
	unsigned int under_way = 0;

	if (argc < 3)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (unsigned int i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int k = 0; k < 8; k++)
			c = c & 1 ? c >> 1 ^ 0x82f63b78u : c >> 1;
		table[i] = c;
	}
	fd = open(argv[1], O_RDWR | O_DIRECT);
	if (fd < 0) {
		printf("VERIFY error: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	blocks = (uint64_t)lseek(fd, 0, SEEK_END) / BLOCK;
	if (argc > 3 && blocks > strtoull(argv[3], NULL, 10) * 256)
		blocks = strtoull(argv[3], NULL, 10) * 256;
	versions = calloc(blocks, sizeof(*versions));
	busy = calloc(blocks, 1);
	for (unsigned int i = 0; i < DEPTH; i++)
		ops[i].data = mmap(NULL, MOST * BLOCK, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!versions || !busy || syscall(SYS_io_setup, DEPTH, &aio))
		return 1;
	said = time(NULL);
	until = said + atol(argv[2]);
	for (;;) {
		int over = time(NULL) >= until;
		long n;

		for (unsigned int i = 0; i < DEPTH && !over; i++) {
			unsigned int nr = 1 + random64() % MOST;
			uint64_t block = random64() % (blocks - nr + 1);

			if (ops[i].busy || !is_free(block, nr))
				continue;
			begin(aio, &ops[i], block, nr, random64() & 1);
			under_way++;
		}
		if (!under_way && over)
			break;
		if (random64() % 64 == 0 && fdatasync(fd))
			complain("flush", 0, (uint64_t)errno, 0);
		n = syscall(SYS_io_getevents, aio, 1L, (long)DEPTH, events, NULL);
		for (long i = 0; i < n; i++) {
			end((struct operation *)(uintptr_t)events[i].data, events[i].res);
			under_way--;
		}
		if (time(NULL) != said) {
			said = time(NULL);
			printf("VERIFY at %llu\n", (unsigned long long)operations);
		}
	}
	for (uint64_t block = 0; block < blocks; block += MOST) {
		unsigned int nr = blocks - block < MOST ? (unsigned int)(blocks - block) : MOST;

		if (pread(fd, ops[0].data, nr * BLOCK, (off_t)(block * BLOCK)) != nr * BLOCK)
			complain("last read", block, (uint64_t)errno, 0);
		else
			for (unsigned int i = 0; i < nr; i++)
				verify(ops[0].data + i * BLOCK, block + i);
	}
	printf("VERIFY done %llu operations, %llu errors\n", (unsigned long long)operations,
	       (unsigned long long)errors);
	return errors != 0;
}
