// SPDX-License-Identifier: GPL-2.0-only
/*
 * What `glassctl stream` is made of, without a module: subscribers that read, that
 * are slow, that do not read at all; the socket; and the density map.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <glassram/hilbert.h>

#include "../../user/glassctl/density.h"
#include "../../user/glassctl/subscribers.h"
#include "../../user/glassctl/watch.h"
#include "tap.h"

static char folder[] = "/tmp/glassctl-stream-XXXXXX";
static char path[64];

static int subscribe(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	return fd;
}

static struct glassram_message map_message(float *cells, uint32_t side, uint64_t sequence)
{
	for (uint32_t i = 0; i < side * side; i++)
		cells[i] = (float)((i + sequence) % 256) / 256;
	return (struct glassram_message){
		.type = GLASSRAM_MESSAGE_DENSITY,
		.pid = 1,
		.sequence = sequence,
		.density = { side, side, cells },
	};
}

/**
 * struct reader - a subscriber that reads binary messages until the end
 * @pause_us, @most: it reads so many bytes (0: all), and sleeps so long
 * @got: messages, each checked; @ordered: their sequence only rises
 */
struct reader {
	int fd;
	unsigned int pause_us;
	size_t most;
	unsigned int got;
	uint64_t last;
	bool whole, ordered;
};

static void *read_all(void *data)
{
	struct reader *r = data;
	size_t have = 0, room = 1 << 20, used;
	char *buffer = malloc(room);
	struct glassram_message m = { 0 };
	size_t most = r->most ?: room;
	ssize_t n;

	r->whole = r->ordered = true;
	while ((n = read(r->fd, buffer + have, most < room - have ? most : room - have)) > 0) {
		have += (size_t)n;
		while (!glassram_message_decode(buffer, have, &m, &used) && used) {
			r->ordered = r->ordered && (!r->got || m.sequence > r->last);
			r->last = m.sequence;
			r->got++;
			r->whole = r->whole && m.density.cells[5] ==
					   (float)((5 + m.sequence) % 256) / 256;
			glassram_message_finish(&m);
			memmove(buffer, buffer + used, have - used);
			have -= used;
		}
		usleep(r->pause_us);
	}
	r->whole = r->whole && !have;
	free(buffer);
	close(r->fd);
	return NULL;
}

#define SIDE 64

/* Fast, slow and dead subscribers at once. */
static void test_three_of_them(void)
{
	struct subscribers *s = subscribers_open(path);
	struct reader fast = { .pause_us = 0 }, slow = { .pause_us = 100000, .most = 4096 };
	static float cells[SIDE * SIDE];
	struct subscribers_figures f;
	double begin, longest = 0;
	pthread_t threads[2];
	int dead;

	tap_check(s, "a socket is there");
	if (!s)
		return;
	fast.fd = subscribe();
	slow.fd = subscribe();
	dead = subscribe();
	subscribers_wait(s, 0.05);
	subscribers_wait(s, 0.05);
	subscribers_wait(s, 0.05);
	subscribers_figures(s, &f);
	tap_check(f.now == 3 && f.came == 3, "three subscribers came");
	pthread_create(&threads[0], NULL, read_all, &fast);
	pthread_create(&threads[1], NULL, read_all, &slow);
	begin = watch_clock();
	for (uint64_t i = 1; watch_clock() - begin < SUBSCRIBERS_PATIENCE + 1.5; i++) {
		struct glassram_message m = map_message(cells, SIDE, i);
		size_t length;
		void *bytes;
		double before;

		if (glassram_message_encode(&m, &bytes, &length))
			break;
		before = watch_clock();
		subscribers_send(s, bytes, length);
		longest = fmax(longest, watch_clock() - before);
		free(bytes);
		subscribers_wait(s, 0.01);
	}
	subscribers_figures(s, &f);
	tap_check(f.dropped == 1 && f.now == 2, "the one that reads nothing is dropped");
	tap_check(f.skipped > 0, "messages were skipped: %ju", (uintmax_t)f.skipped);
	tap_check(longest < 0.5, "nobody was waited for: %.4f s", longest);
	subscribers_close(s);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	close(dead);
	tap_check(fast.whole && fast.ordered && fast.got > 100,
		  "the one that reads has each message whole: %u", fast.got);
	tap_check(slow.ordered && slow.got > 1 && slow.got < fast.got / 2,
		  "the slow one has fewer, in order: %u", slow.got);
	tap_check(access(path, F_OK), "the socket is gone");
}

static void test_lines(void)
{
	struct subscribers *s = subscribers_open(path);
	char line[] = "{\"a\":1}\n", got[64];
	int fd = subscribe();
	struct subscribers_figures f;
	ssize_t n;

	subscribers_wait(s, 0.05);
	subscribers_send(s, line, strlen(line));
	n = read(fd, got, sizeof(got));
	tap_check(n == (ssize_t)strlen(line) && !memcmp(got, line, (size_t)n), "a line arrives as it is");
	tap_check(write(fd, "hello", 5) == 5, "subscribers may speak");
	subscribers_wait(s, 0.05);
	subscribers_figures(s, &f);
	tap_check(f.now == 1, "and nobody minds");
	close(fd);
	subscribers_wait(s, 0.05);
	subscribers_send(s, line, strlen(line));
	subscribers_figures(s, &f);
	tap_check(!f.now && !f.dropped, "one that goes is forgotten");
	subscribers_close(s);
}

static void test_too_many(void)
{
	struct subscribers *s = subscribers_open(path);
	struct subscribers_figures f;
	int fds[SUBSCRIBERS_MAX + 1];
	char c;

	for (int i = 0; i <= SUBSCRIBERS_MAX; i++) {
		fds[i] = subscribe();
		subscribers_wait(s, 0.001);
	}
	subscribers_wait(s, 0.05);
	subscribers_figures(s, &f);
	tap_check(f.now == SUBSCRIBERS_MAX && f.refused == 1, "there is room for %d", SUBSCRIBERS_MAX);
	tap_check(!read(fds[SUBSCRIBERS_MAX], &c, 1), "one more is told at once");
	for (int i = 0; i <= SUBSCRIBERS_MAX; i++)
		close(fds[i]);
	subscribers_close(s);
}

/* What a function prints on stderr, without its last newline. */
static char said[1024];

static struct subscribers *open_and_hear(const char *where)
{
	int saved = dup(2), file = open(folder, O_TMPFILE | O_RDWR, 0600);
	struct subscribers *s;
	ssize_t n;

	dup2(file, 2);
	s = subscribers_open(where);
	fflush(stderr);
	dup2(saved, 2);
	close(saved);
	n = pread(file, said, sizeof(said) - 1, 0);
	said[n > 0 ? n - 1 : 0] = '\0';
	close(file);
	return s;
}

static void test_the_socket(void)
{
	struct subscribers *first = subscribers_open(path), *second;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char elsewhere[256];
	struct stat st;
	int fd;

	tap_check(!stat(path, &st) && (st.st_mode & 0777) == 0600, "others may not connect");
	tap_check(!open_and_hear(path) && strstr(said, "another stream"), "taken: %s", said);
	subscribers_close(first);
	/* as a stream leaves it that was killed */
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)))
		perror("# bind");
	close(fd);
	second = open_and_hear(path);
	tap_check(second && !*said, "a socket that was left behind is replaced");
	subscribers_close(second);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	tap_check(!open_and_hear(path) && strstr(said, "no socket") && !access(path, F_OK),
		  "a file is left alone: %s", said);
	unlink(path);
	snprintf(elsewhere, sizeof(elsewhere), "%s/no/such/folder", folder);
	tap_check(!open_and_hear(elsewhere) && strstr(said, "folder does not exist"), "%s", said);
	memset(elsewhere, 'x', 200);
	elsewhere[200] = '\0';
	tap_check(!open_and_hear(elsewhere) && strstr(said, "shorter"), "too long is told");
	first = subscribers_open(path);
	unlink(path);
	second = subscribers_open(path);
	subscribers_close(first);
	tap_check(!access(path, F_OK), "another's socket is not removed");
	subscribers_close(second);
	subscribers_close(NULL);
}

#define SLOTS 5000U

static void test_density(void)
{
	static uint32_t hits[SLOTS], stamp[SLOTS];
	const struct glassram_columns columns = { .hits = hits, .stamp = stamp };
	struct density d = { .order = 5 };
	struct glassram_density map;
	uint32_t point;

	/* 5000 slots need order 7; a cell of order 5 holds 16 of them */
	for (uint32_t i = 0; i < SLOTS; i++) {
		stamp[i] = i < 4096 ? GLASSRAM_STAMP_UNWRITTEN : GLASSRAM_STAMP_NO_PAGE;
		hits[i] = 100;
	}
	tap_check(density_order(SLOTS) == 7 && density_order(1) == 5 && density_order(16384) == 7 &&
		  density_order(16385) == 8, "the order of the curve");
	tap_check(density_map(&d, &columns, SLOTS, 20, &map) && map.width == 32 && map.height == 32 &&
		  map.cells[0] == 0, "the first map is empty");
	for (uint32_t i = 0; i < 16; i++)
		hits[16 * 40 + i] += 10; /* all of cell 40, in each of ten epochs */
	hits[16 * 41] += 5;
	hits[16 * 42] = 3; /* set back */
	hits[16 * 43] += 4000; /* weights of a policy */
	tap_check(density_map(&d, &columns, SLOTS, 30, &map), "a second map");
	point = hilbert_point(40, 5);
	tap_check(map.cells[(point >> 16) * 32 + (point & 0xffff)] == 1, "all of it is 1");
	point = hilbert_point(41, 5);
	tap_check(fabsf(map.cells[(point >> 16) * 32 + (point & 0xffff)] - 5.0f / 160) < 1e-6f,
		  "a part is its share of pages and epochs");
	point = hilbert_point(42, 5);
	tap_check(fabsf(map.cells[(point >> 16) * 32 + (point & 0xffff)] - 3.0f / 160) < 1e-6f,
		  "counters that were set back count from 0");
	point = hilbert_point(43, 5);
	tap_check(map.cells[(point >> 16) * 32 + (point & 0xffff)] == 1, "no more than 1");
	hits[16 * 41] += 5;
	tap_check(density_map(&d, &columns, SLOTS, 30, &map) &&
		  density_map(&d, &columns, SLOTS, 31, &map), "two more, one within an epoch");
	point = hilbert_point(41, 5);
	tap_check(fabsf(map.cells[(point >> 16) * 32 + (point & 0xffff)] - 5.0f / 16) < 1e-6f,
		  "nothing is lost between them");
	density_finish(&d);
}

int main(void)
{
	if (!mkdtemp(folder)) {
		printf("Bail out! no folder in /tmp: %s\n", strerror(errno));
		return 1;
	}
	snprintf(path, sizeof(path), "%s/socket", folder);
	test_lines();
	test_three_of_them();
	test_too_many();
	test_the_socket();
	test_density();
	rmdir(folder);
	return tap_end();
}
