// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trace files: written and read back, plain and compressed, cut off, and made
 * by somebody who means no good. Each refusal must say what is wrong.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <glassram/trace.h>

#include "tap.h"

static char folder[] = "/tmp/glassram-trace-XXXXXX";

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void put_file(const char *path, const void *bytes, size_t length)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, bytes, length) != (ssize_t)length)
		abort();
	close(fd);
}

static const struct glassram_trace_range ranges[] = {
	{ 0x7f0000000, 512 }, { 0x10, 1 }, { (1ULL << 45) - 4, 4 },
};

static void write_trace(const char *path, size_t epochs)
{
	struct glassram_trace_writer *writer = NULL;
	bool fine = !glassram_trace_create(path, &writer);

	for (size_t i = 0; fine && i < epochs; i++)
		fine = !glassram_trace_put(writer, 1000 * (i + 1), ranges, i % 4);
	tap_check(fine && !glassram_trace_close(writer), "%zu epochs are written to %s", epochs,
		  strrchr(path, '/') + 1);
}

static bool holds(const struct glassram_trace *trace, size_t epochs)
{
	if (trace->nr_epochs != epochs)
		return false;
	for (size_t i = 0; i < epochs; i++) {
		const struct glassram_trace_epoch *epoch = &trace->epochs[i];

		if (epoch->end_ns != 1000 * (i + 1) || epoch->nr != i % 4 ||
		    memcmp(trace->ranges + epoch->first, ranges, epoch->nr * sizeof(*ranges)))
			return false;
	}
	return true;
}

static void test_round_trip(const char *name)
{
	struct glassram_trace trace = { 0 };

	write_trace(path_of(name), 200);
	tap_check(!glassram_trace_load(path_of(name), &trace) && holds(&trace, 200) && !trace.cut,
		  "%s is read as it was written", name);
	glassram_trace_finish(&trace);
}

/* What a recorder leaves that was killed. */
static void test_cut(const char *name, size_t at_least)
{
	struct glassram_trace trace = { 0 };
	off_t length;
	int fd;

	write_trace(path_of(name), 200);
	fd = open(path_of(name), O_RDWR);
	length = lseek(fd, 0, SEEK_END);
	if (ftruncate(fd, length - 12))
		abort();
	close(fd);
	tap_check(!glassram_trace_load(path_of(name), &trace) && trace.cut &&
		  trace.nr_epochs >= at_least && holds(&trace, trace.nr_epochs),
		  "%s cut short leaves %zu whole epochs", name, trace.nr_epochs);
	glassram_trace_finish(&trace);
}

static void test_refused(const char *what, const void *bytes, size_t length, const char *reason)
{
	struct glassram_trace trace = { .nr_epochs = 42 };

	put_file(path_of("hostile"), bytes, length);
	tap_check(glassram_trace_load(path_of("hostile"), &trace) == GLASSRAM_ERR_INVALID &&
		  strstr(glassram_error_message(), reason) && trace.nr_epochs == 42,
		  "%s: %s", what, glassram_error_message());
}

#define REFUSED(what, reason, ...)                                              \
	do {                                                                    \
		uint64_t words[] = { __VA_ARGS__ };                             \
		test_refused(what, words, sizeof(words), reason);               \
	} while (0)

static void test_hostile(void)
{
	struct glassram_trace trace;

	test_refused("an empty file", "", 0, "no whole epoch");
	test_refused("text", "hello, this is no trace at all", 30, "not a trace");
	REFUSED("a record of another kind", "at byte 24", 'E', 1, 0, 'F', 2, 0);
	REFUSED("an empty range", "range 0 of epoch 0", 'E', 1, 1, 5, 0);
	REFUSED("a range beyond the addresses", "not within an address space", 'E', 1, 1,
		1ULL << 45, 1);
	REFUSED("a range that wraps", "not within an address space", 'E', 1, 1, 5, ~0ULL);
	REFUSED("more writes than memory", "2^32", 'E', 1, 2, 0, 1ULL << 32, 0, 1);
	REFUSED("time that runs backwards", "ends before", 'E', 2, 0, 'E', 1, 0);
	REFUSED("more ranges than there are, only", "no whole epoch", 'E', 1, 1ULL << 61, 5, 1);
	test_refused("a damaged xz file", "\xfd" "7zXZ\0\0\1\2\3\4\5\6\7\x8\x9\xa", 17, "damaged");
	tap_check(glassram_trace_load(path_of("nothing"), &trace) == GLASSRAM_ERR_SYSTEM &&
		  strstr(glassram_error_message(), "nothing"), "no file: %s",
		  glassram_error_message());
	tap_check(glassram_trace_load(folder, &trace) == GLASSRAM_ERR_SYSTEM, "a folder: %s",
		  glassram_error_message());
}

/* No sequence of bytes may do more than be refused. */
static void test_noise(void)
{
	static const char *const bases[] = { "noise.trace", "noise.xz" };

	srandom(1);
	for (size_t b = 0; b < 2; b++) {
		unsigned char bytes[8192];
		size_t length;
		int fd;

		write_trace(path_of(bases[b]), 60);
		fd = open(path_of(bases[b]), O_RDONLY);
		length = read(fd, bytes, sizeof(bytes));
		close(fd);
		for (int i = 0; i < 300; i++) {
			struct glassram_trace trace = { 0 };
			unsigned char copy[sizeof(bytes)];

			memcpy(copy, bytes, length);
			for (int n = 0; n < 3; n++)
				copy[random() % length] = random();
			put_file(path_of("noisy"), copy, length);
			if (!glassram_trace_load(path_of("noisy"), &trace))
				glassram_trace_finish(&trace);
		}
		tap_check(true, "300 times noise in %s", bases[b]);
	}
}

int main(void)
{
	struct glassram_trace_writer *writer;

	if (!mkdtemp(folder))
		return 1;
	test_round_trip("plain.trace");
	test_round_trip("packed.trace.xz");
	test_cut("cut.trace", 199);
	test_cut("cut.trace.xz", 128);
	test_hostile();
	test_noise();
	tap_check(glassram_trace_create("/nowhere/at/all", &writer) == GLASSRAM_ERR_SYSTEM &&
		  strstr(glassram_error_message(), "/nowhere"), "nowhere to write: %s",
		  glassram_error_message());
	tap_check(!glassram_trace_close(NULL), "closing nothing is fine");
	if (chdir(folder) || system("rm -f plain* packed* cut* hostile nois*") || chdir("/") ||
	    rmdir(folder))
		return 1;
	return tap_end();
}
