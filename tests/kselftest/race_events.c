// SPDX-License-Identifier: GPL-2.0-only
/*
 * Event streams at the wrong moment: opened and closed while records come in,
 * read by two threads at once, left over when their session closes; and the
 * sum that must hold whatever was lost: records and LOST together are all
 * that happened.
 *
 * Weak spot: what a record says is the matter of the events tests; here only
 * how many there are, and that each is whole.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "event_log.h"
#include "race.h"

#include "kselftest_harness.h"

#define EVERYTHING ((1ULL << GLASSRAM_EVENT_NR) - 1)
#define LAYOUT_EVENTS (EVENT(MAP) | EVENT(UNMAP) | EVENT(REMOVE) | EVENT(REMAP))

/* Words of target.shared. */
enum { FORKS = RACE_OWN };

/* Does a bit of everything that there are events for. */
static int eventful_target(struct target *t)
{
	target_pause(t);
	while (!t->shared[RACE_STOP]) {
		char *area = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		pid_t pid = fork();
		int status;

		if (!pid)
			_exit(5);
		memset(area, 1, 16 * PAGE);
		madvise(area, PAGE, MADV_DONTNEED);
		area = mremap(area, 16 * PAGE, 32 * PAGE, MREMAP_MAYMOVE);
		if (area == MAP_FAILED || munmap(area, 32 * PAGE) ||
		    waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != 5)
			return 2;
		t->shared[FORKS]++;
		t->shared[RACE_BEATS]++;
	}
	target_pause(t);
	return 0;
}

FIXTURE(race_events)
{
	struct target target;
	struct session session;
	struct unloader unloader;
};

FIXTURE_VARIANT(race_events)
{
	bool unload;
};

FIXTURE_VARIANT_ADD(race_events, alone) {};
FIXTURE_VARIANT_ADD(race_events, beside_rmmod) {.unload = true};

FIXTURE_SETUP(race_events)
{
	self->session = (struct session){.fd = -1, .mem_fd = -1, .pagemap_fd = -1,
					 .counters_fd = -1};
	self->unloader = (struct unloader){0};
	ASSERT_EQ(0, target_start(&self->target, eventful_target));
	if (variant->unload)
		ASSERT_EQ(0, unloader_start(&self->unloader));
	ASSERT_EQ(0, race_open(&self->session, self->target.pid));
	ASSERT_EQ(0, session_advance(&self->session, 0));
}

FIXTURE_TEARDOWN(race_events)
{
	struct unloads seen = unloader_stop(&self->unloader);

	EXPECT_EQ(0, seen.error);
	session_close(&self->session);
	target_kill(&self->target);
}

static uint64_t all_events(struct __test_metadata *_metadata)
{
	struct glassram_query query = {.size = sizeof(query)};
	int device = device_open();

	ASSERT_LE(0, device);
	ASSERT_EQ(0, ioctl(device, GLASSRAM_QUERY, &query));
	close(device);
	return query.features & GLASSRAM_FEATURE_LAYOUT_EVENTS ? EVERYTHING :
								 EVERYTHING & ~LAYOUT_EVENTS;
}

TEST_F_TIMEOUT(race_events, streams_come_and_go, 300)
{
	unsigned int rounds = race_rounds(30), seed = 1, records = 0, holders = 0;
	struct session *s = &self->session;
	uint64_t all = all_events(_metadata);
	struct glassram_event buffer[64];
	int fds[8];

	memset(fds, -1, sizeof(fds));
	race_go(&self->target);
	for (unsigned int i = 0; i < rounds || self->target.shared[FORKS] < 20; i++) {
		unsigned int which = rand_r(&seed) % ARRAY_SIZE(fds);
		ssize_t n;

		if (fds[which] >= 0) {
			n = read(fds[which], buffer, sizeof(buffer));
			EXPECT_TRUE(n > 0 || (n < 0 && errno == EAGAIN));
			EXPECT_EQ(0, n > 0 ? n % sizeof(*buffer) : 0);
			records += n > 0 ? n / sizeof(*buffer) : 0;
			close(fds[which]);
			fds[which] = -1;
		} else {
			fds[which] = events_open(s->fd, all & (rand_r(&seed) << 1 | 2 | i % 2),
						 GLASSRAM_EVENTS_MIN);
			ASSERT_LE(0, fds[which]) TH_LOG("%s", strerror(-fds[which]));
		}
		ASSERT_EQ(0, session_advance(s, 0));
		/* The session goes under them now and then; they end, and may be closed later. */
		if (i % 8 == 7) {
			session_close(s);
			for (unsigned int k = 0; k < ARRAY_SIZE(fds); k++) {
				struct pollfd p = {.fd = fds[k], .events = POLLIN};

				if (fds[k] < 0)
					continue;
				holders++;
				EXPECT_EQ(1, poll(&p, 1, patience_ms(5000)));
				EXPECT_TRUE(p.revents & POLLHUP);
				while ((n = read(fds[k], buffer, sizeof(buffer))) > 0)
					records += n / sizeof(*buffer);
				EXPECT_EQ(0, n) TH_LOG("%s", strerror(errno));
				if (rand_r(&seed) % 2) {
					close(fds[k]);
					fds[k] = -1;
				}
			}
			for (unsigned int k = 0; k < ARRAY_SIZE(fds); k++) {
				if (fds[k] >= 0)
					close(fds[k]);
				fds[k] = -1;
			}
			ASSERT_EQ(0, race_open(s, self->target.pid));
			ASSERT_EQ(0, session_advance(s, 0));
		}
	}
	for (unsigned int k = 0; k < ARRAY_SIZE(fds); k++)
		if (fds[k] >= 0)
			close(fds[k]);
	TH_LOG("%u rounds, %u records read, %u streams outlived their session", rounds, records,
	       holders);
	EXPECT_LT(0, records);
	EXPECT_LT(0, holders);
	ASSERT_EQ(0, session_stats(s));
	EXPECT_EQ(0, s->stats.unexplained);
	self->target.shared[RACE_STOP] = 1;
	ASSERT_EQ(0, target_paused(&self->target));
	session_close(s);
	EXPECT_EQ(0, race_unarmed(self->target.pid));
	EXPECT_EQ(0, target_finish(&self->target));
}

struct reader {
	int fd;
	unsigned int rest_us; /* before each read: so slow that the ring overflows */
	uint64_t counts[GLASSRAM_EVENT_NR];
	uint64_t lost;
	uint64_t broken;
	int error;
};

/* Reads until the stream ends, a few records at a time, by blocking. */
static void *read_on(void *argument)
{
	struct glassram_event buffer[5];
	struct reader *r = argument;
	uint64_t last = 0;
	ssize_t n;

	while ((n = read(r->fd, buffer, sizeof(buffer))) > 0) {
		r->broken += n % sizeof(*buffer) != 0;
		for (size_t i = 0; i < n / sizeof(*buffer); i++) {
			const struct glassram_event *e = &buffer[i];

			/* Each reader alone sees time going forward. */
			if (e->size != sizeof(*e) || e->type >= GLASSRAM_EVENT_NR ||
			    e->time_ns < last) {
				r->broken++;
				continue;
			}
			last = e->time_ns;
			r->counts[e->type]++;
			if (e->type == GLASSRAM_EVENT_LOST)
				r->lost += e->value;
		}
		if (r->rest_us)
			usleep(r->rest_us);
	}
	r->error = n ? -errno : 0;
	return NULL;
}

TEST_F_TIMEOUT(race_events, two_threads_read_one_stream, 300)
{
	unsigned int forks = race_rounds(40);
	struct session *s = &self->session;
	struct reader readers[2] = {0};
	pthread_t threads[2];
	uint64_t happened;
	int fd;

	fd = events_open(s->fd, EVENT(FORK), GLASSRAM_EVENTS_MAX);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fcntl(fd, F_SETFL, 0));
	for (int i = 0; i < 2; i++) {
		readers[i].fd = fd;
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, read_on, &readers[i]));
	}
	race_go(&self->target);
	while (self->target.shared[FORKS] < forks)
		ASSERT_EQ(0, session_advance(s, 0));
	self->target.shared[RACE_STOP] = 1;
	ASSERT_EQ(0, target_paused(&self->target));
	happened = self->target.shared[FORKS];
	session_close(s);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	TH_LOG("%ju forks; %ju and %ju records, %ju lost", (uintmax_t)happened,
	       (uintmax_t)readers[0].counts[GLASSRAM_EVENT_FORK],
	       (uintmax_t)readers[1].counts[GLASSRAM_EVENT_FORK],
	       (uintmax_t)(readers[0].lost + readers[1].lost));
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(0, readers[i].error);
		EXPECT_EQ(0, readers[i].broken);
	}
	EXPECT_EQ(happened, readers[0].counts[GLASSRAM_EVENT_FORK] +
			    readers[1].counts[GLASSRAM_EVENT_FORK] +
			    readers[0].lost + readers[1].lost);
	close(fd);
	EXPECT_EQ(0, target_finish(&self->target));
}

/* The hit ring is as small as may be; it overflows before it is read, then beside a slow reader. */
TEST_F_TIMEOUT(race_events, hits_read_and_hits_lost_are_all_hits, 300)
{
	unsigned int advances = race_rounds(20);
	struct session *s = &self->session;
	struct reader reader = {0};
	uint64_t before;
	pthread_t thread;
	int fd;

	ASSERT_EQ(0, proc_freeze(self->target.pid));
	ASSERT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(0, session_stats(s));
	before = s->stats.hits;
	fd = events_open(s->fd, EVENT(HIT), GLASSRAM_EVENTS_MIN);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fcntl(fd, F_SETFL, 0));
	reader.fd = fd;
	reader.rest_us = 20000;
	kill(self->target.pid, SIGCONT);
	race_go(&self->target);
	do {
		ASSERT_EQ(0, session_advance(s, 0));
		ASSERT_EQ(0, session_stats(s));
	} while (s->stats.hits - before <= 2 * GLASSRAM_EVENTS_MIN);
	ASSERT_EQ(0, pthread_create(&thread, NULL, read_on, &reader));
	for (unsigned int i = 0; i < advances || self->target.shared[FORKS] < 5; i++)
		ASSERT_EQ(0, session_advance(s, 0));
	self->target.shared[RACE_STOP] = 1;
	ASSERT_EQ(0, target_paused(&self->target));
	ASSERT_EQ(0, proc_freeze(self->target.pid));
	/* Deferred hits are told when ADVANCE replays them. */
	ASSERT_EQ(0, session_advance(s, 0));
	ASSERT_EQ(0, session_stats(s));
	session_close(s);
	pthread_join(thread, NULL);
	TH_LOG("%ju hits: %ju records, %ju lost", (uintmax_t)(s->stats.hits - before),
	       (uintmax_t)reader.counts[GLASSRAM_EVENT_HIT], (uintmax_t)reader.lost);
	EXPECT_EQ(0, reader.broken);
	EXPECT_LT(0, reader.counts[GLASSRAM_EVENT_HIT]);
	EXPECT_LT(0, reader.lost) TH_LOG("the ring never overflowed");
	EXPECT_EQ(s->stats.hits - before, reader.counts[GLASSRAM_EVENT_HIT] + reader.lost);
	close(fd);
	kill(self->target.pid, SIGCONT);
	EXPECT_EQ(0, target_finish(&self->target));
}

TEST_HARNESS_MAIN
