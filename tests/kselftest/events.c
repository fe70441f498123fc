// SPDX-License-Identifier: GPL-2.0-only
/*
 * Event streams as files: arguments, reading, waiting, losing, ending. The
 * events are those of madvise(): the target gives each a number, by the page
 * that it drops, so that every record can be told from every other.
 *
 * Weak spot: what an event says is tested elsewhere (events_process,
 * events_layout, events_hit).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "event_log.h"
#include "target.h"

#include "kselftest_harness.h"

#define PAGES 16384UL

FIXTURE(events)
{
	struct target target;
	struct session session;
	uint64_t area;
};

/* Words that target and test share. */
enum { AREA, TO_DO, DONE, STOP };

/* At each step drop TO_DO pages, one after the other; they are never populated. */
static int dropper(struct target *t)
{
	char *area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (area == MAP_FAILED)
		return 1;
	t->shared[AREA] = (uintptr_t)area;
	for (;;) {
		target_pause(t);
		for (uint64_t i = 0; i < t->shared[TO_DO] && !t->shared[STOP]; i++) {
			madvise(area + t->shared[DONE] % PAGES * PAGE, PAGE, MADV_DONTNEED);
			t->shared[DONE]++;
		}
	}
	return 0;
}

FIXTURE_SETUP(events)
{
	struct glassram_query query = {.size = sizeof(query)};
	int device = device_open();

	self->session = (struct session){.fd = -1, .mem_fd = -1, .pagemap_fd = -1,
					 .counters_fd = -1};
	ASSERT_EQ(0, ioctl(device, GLASSRAM_QUERY, &query));
	close(device);
	ASSERT_TRUE(query.features & GLASSRAM_FEATURE_LAYOUT_EVENTS);
	ASSERT_EQ(0, target_start(&self->target, dropper));
	ASSERT_EQ(0, session_open(&self->session, self->target.pid));
	self->area = self->target.shared[AREA];
}

FIXTURE_TEARDOWN(events)
{
	session_close(&self->session);
	target_kill(&self->target);
}

/* Let the target drop @n pages, and wait until it did. */
static void drop(FIXTURE_DATA(events) *self, uint64_t n)
{
	self->target.shared[TO_DO] = n;
	target_next(&self->target);
}

/* Let the target drop pages until told to stop, and do not wait. */
static void drop_on(FIXTURE_DATA(events) *self)
{
	char go = 'n';

	self->target.shared[TO_DO] = UINT64_MAX;
	if (write(self->target.to_child, &go, 1) != 1)
		abort();
}

static void drop_no_more(FIXTURE_DATA(events) *self)
{
	char c;

	self->target.shared[STOP] = 1;
	if (read(self->target.from_child, &c, 1) != 1)
		abort();
	self->target.shared[STOP] = 0;
}

/*
 * Every number from *@next on comes once and in order, and LOST stands for as
 * many as are missing there. Return: index of the first record that breaks this.
 */
static size_t check_sequence(FIXTURE_DATA(events) *self, const struct glassram_event *records,
			     size_t nr, uint64_t *next)
{
	for (size_t i = 0; i < nr; i++) {
		const struct glassram_event *e = &records[i];

		if (e->size != sizeof(*e) || (i && e->time_ns < records[i - 1].time_ns))
			return i;
		if (e->type == GLASSRAM_EVENT_LOST) {
			if (!e->value || e->target != GLASSRAM_TARGET_NONE || e->tid)
				return i;
			*next += e->value;
			continue;
		}
		if (e->type != GLASSRAM_EVENT_REMOVE || e->length != PAGE ||
		    e->address != self->area + *next % PAGES * PAGE)
			return i;
		++*next;
	}
	return nr;
}

static int open_raw(int session_fd, struct glassram_events *args)
{
	int fd = ioctl(session_fd, GLASSRAM_EVENTS, args);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

TEST_F(events, arguments_are_checked)
{
	const struct glassram_events good = {.size = sizeof(good), .mask = EVENT(EXIT),
					     .records = 64};
	struct {
		struct glassram_events args;
		uint8_t more[8];
	} longer = {.args = good};
	struct glassram_events args = good;
	int fd = self->session.fd;

	EXPECT_EQ(0, open_raw(fd, &args));
	args.mask = 0;
	EXPECT_EQ(-EINVAL, open_raw(fd, &args));
	args.mask = EVENT(LOST);
	EXPECT_EQ(-EINVAL, open_raw(fd, &args))
		TH_LOG("nothing could ever come");
	for (int bit = GLASSRAM_EVENT_NR; bit < 64; bit++) {
		args.mask = EVENT(EXIT) | 1ULL << bit;
		EXPECT_EQ(-EINVAL, open_raw(fd, &args));
	}
	args = good;
	args.flags = 1;
	EXPECT_EQ(-EINVAL, open_raw(fd, &args));
	args = good;
	args.pad = 1;
	EXPECT_EQ(-EINVAL, open_raw(fd, &args));
	args = good;
	args.size--;
	EXPECT_EQ(-EINVAL, open_raw(fd, &args));
	args = good;
	args.records = GLASSRAM_EVENTS_MIN - 1;
	EXPECT_EQ(-EINVAL, open_raw(fd, &args));
	args.records = GLASSRAM_EVENTS_MAX + 1;
	EXPECT_EQ(-EINVAL, open_raw(fd, &args));
	args.records = 0;
	EXPECT_EQ(-EINVAL, open_raw(fd, &args));
	longer.args.size = sizeof(longer);
	EXPECT_EQ(0, open_raw(fd, &longer.args));
	longer.more[7] = 1;
	longer.args.size = sizeof(longer);
	EXPECT_EQ(-E2BIG, open_raw(fd, &longer.args));
	EXPECT_EQ(-EFAULT, open_raw(fd, (void *)8));
}

TEST_F(events, records_are_rounded_up_to_a_power_of_two)
{
	static const uint32_t cases[][2] = {
		{64, 64}, {65, 128}, {100, 128}, {1024, 1024}, {200000, 262144},
		{GLASSRAM_EVENTS_MAX, GLASSRAM_EVENTS_MAX},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct glassram_events args = {.size = sizeof(args), .mask = EVENT(EXIT),
					       .records = cases[i][0]};

		EXPECT_EQ(0, open_raw(self->session.fd, &args));
		EXPECT_EQ(cases[i][1], args.records);
	}
}

TEST_F(events, the_fd_is_a_file_to_be_read)
{
	struct glassram_event event;
	struct pollfd p;
	int fd = events_open(self->session.fd, EVENT(REMOVE), 64);

	ASSERT_LE(0, fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	EXPECT_EQ(-1, read(fd, &event, sizeof(event)));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(-1, write(fd, &event, sizeof(event)));
	EXPECT_EQ(-1, lseek(fd, 0, SEEK_CUR));
	p = (struct pollfd){.fd = fd, .events = POLLIN};
	EXPECT_EQ(0, poll(&p, 1, 0));

	drop(self, 2);
	EXPECT_EQ(1, poll(&p, 1, 0));
	EXPECT_EQ(POLLIN, p.revents);
	EXPECT_EQ(-1, read(fd, &event, sizeof(event) - 1));
	EXPECT_EQ(EINVAL, errno)
		TH_LOG("half a record was promised");
	EXPECT_EQ(-1, syscall(SYS_read, fd, 8UL, sizeof(event)));
	EXPECT_EQ(EFAULT, errno);
	/* None of that took one. */
	EXPECT_EQ(sizeof(event), read(fd, &event, sizeof(event)));
	EXPECT_EQ(self->area, event.address);
	EXPECT_EQ(self->target.pid, event.tid);
	EXPECT_EQ(self->target.pid, event.tgid);
	EXPECT_EQ(0, event.target);
	EXPECT_EQ(GLASSRAM_FIRST_EPOCH, event.epoch);
	EXPECT_EQ(1, poll(&p, 1, 0));
	EXPECT_EQ(sizeof(event), read(fd, &event, sizeof(event)));
	EXPECT_EQ(self->area + PAGE, event.address);
	EXPECT_EQ(0, poll(&p, 1, 0));
	close(fd);
}

TEST_F(events, a_buffer_gets_whole_records_and_as_many_as_fit)
{
	static const size_t spare[] = {0, 1, 63};
	struct glassram_event batch[100];
	uint64_t next = 0;
	int fd = events_open(self->session.fd, EVENT(REMOVE), 4096);

	ASSERT_LE(0, fd);
	drop(self, 3000);
	for (size_t want = 1; next < 3000; want = want % 99 + 1) {
		size_t bytes = want * sizeof(*batch) + spare[want % 3];
		size_t left = 3000 - next;

		memset(batch, 0xee, sizeof(batch));
		ASSERT_EQ(sizeof(*batch) * (want < left ? want : left), read(fd, batch, bytes));
		if (want > left)
			want = left;
		ASSERT_EQ(want, check_sequence(self, batch, want, &next));
		ASSERT_EQ(0xee, ((uint8_t *)batch)[want * sizeof(*batch)]);
	}
	close(fd);
}

TEST_F(events, the_room_asked_for_is_there_and_the_rest_is_counted)
{
	struct glassram_event batch[300];
	uint64_t next = 0;
	int fd = events_open(self->session.fd, EVENT(REMOVE), 128);

	ASSERT_LE(0, fd);
	drop(self, 128);
	ASSERT_EQ(128 * sizeof(*batch), read(fd, batch, sizeof(batch)));
	EXPECT_EQ(128, check_sequence(self, batch, 128, &next));
	drop(self, 228);
	ASSERT_EQ(129 * sizeof(*batch), read(fd, batch, sizeof(batch)));
	EXPECT_EQ(129, check_sequence(self, batch, 129, &next));
	EXPECT_EQ(GLASSRAM_EVENT_LOST, batch[128].type);
	EXPECT_EQ(100, batch[128].value);
	EXPECT_EQ(128 + 228, next);
	close(fd);
}

/* Reads and events in turn, by amounts that meet every state of the ring. */
TEST_F(events, lost_stands_where_the_lost_ones_would_have_been)
{
	struct glassram_event batch[200];
	uint64_t next = 0, seed = 1, emitted = 0;
	int fd = events_open(self->session.fd, EVENT(REMOVE), 64);

	ASSERT_LE(0, fd);
	for (int round = 0; round < 300; round++) {
		size_t some;
		ssize_t n;

		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		some = (seed >> 33) % 90;
		drop(self, some);
		emitted += some;
		n = read(fd, batch, ((seed >> 43) % 80 + 1) * sizeof(*batch));
		if (n < 0 && errno == EAGAIN)
			continue;
		ASSERT_LT(0, n);
		ASSERT_EQ(0, n % sizeof(*batch));
		ASSERT_EQ(n / sizeof(*batch),
			  check_sequence(self, batch, n / sizeof(*batch), &next));
	}
	for (;;) {
		ssize_t n = read(fd, batch, sizeof(batch));

		if (n < 0)
			break;
		ASSERT_EQ(n / sizeof(*batch),
			  check_sequence(self, batch, n / sizeof(*batch), &next));
	}
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(emitted, next);
	EXPECT_EQ(emitted, self->target.shared[DONE]);
	close(fd);
}

TEST_F(events, a_reader_that_is_too_slow_loses_none_uncounted)
{
	struct glassram_event batch[8];
	uint64_t next = 0, lost = 0, end = now_ns() + 2000000000ULL;
	int fd = events_open(self->session.fd, EVENT(REMOVE), 64);
	bool stopped = false;

	ASSERT_LE(0, fd);
	drop_on(self);
	for (;;) {
		ssize_t n = read(fd, batch, sizeof(batch));

		if (n < 0) {
			ASSERT_EQ(EAGAIN, errno);
			if (stopped)
				break;
			continue;
		}
		ASSERT_EQ(n / sizeof(*batch),
			  check_sequence(self, batch, n / sizeof(*batch), &next));
		for (size_t i = 0; i < n / sizeof(*batch); i++)
			lost += batch[i].type == GLASSRAM_EVENT_LOST ? batch[i].value : 0;
		usleep(lost ? 0 : 2000);
		if (!stopped && now_ns() > end && lost) {
			drop_no_more(self);
			stopped = true;
		}
	}
	TH_LOG("%lu events, %lu of them lost", (unsigned long)next, (unsigned long)lost);
	EXPECT_EQ(self->target.shared[DONE], next);
	EXPECT_LT(0, lost);
	close(fd);
}

TEST_F(events, streams_have_masks_of_their_own)
{
	struct event_log all, some, other;

	ASSERT_EQ(0, log_open(&all, &self->session, EVENT(REMOVE) | EVENT(EXIT)));
	ASSERT_EQ(0, log_open(&some, &self->session, EVENT(EXIT)));
	drop(self, 10);
	ASSERT_EQ(0, log_open(&other, &self->session, EVENT(REMOVE)));
	drop(self, 7);
	kill(self->target.pid, SIGKILL);
	log_wait(&all, 0, GLASSRAM_EVENT_EXIT);
	log_wait(&some, 0, GLASSRAM_EVENT_EXIT);
	ASSERT_EQ(0, log_read(&other));
	EXPECT_EQ(18, all.nr);
	EXPECT_EQ(17, log_count(&all, GLASSRAM_EVENT_REMOVE));
	EXPECT_EQ(1, log_count(&all, GLASSRAM_EVENT_EXIT));
	EXPECT_EQ(1, some.nr);
	EXPECT_EQ(1, log_count(&some, GLASSRAM_EVENT_EXIT));
	EXPECT_EQ(7, other.nr);
	EXPECT_EQ(7, log_count(&other, GLASSRAM_EVENT_REMOVE));
	log_close(&all);
	log_close(&some);
	log_close(&other);
}

/* One of several readers of one stream; sorts nothing, keeps what it got. */
struct reader {
	pthread_t thread;
	int fd;
	struct glassram_event *records;
	size_t nr;
	bool bad;
};

#define ALL_OF_THEM 20000UL

static void *read_some(void *argument)
{
	struct reader *r = argument;
	ssize_t n;

	for (;;) {
		n = read(r->fd, r->records + r->nr, 7 * sizeof(*r->records));
		if (n <= 0)
			break;
		r->nr += (size_t)n / sizeof(*r->records);
	}
	r->bad = n < 0;
	return NULL;
}

TEST_F(events, several_readers_get_each_record_once)
{
	static uint8_t seen[ALL_OF_THEM];
	struct reader readers[3];
	size_t total = 0;
	int fd = events_open(self->session.fd, EVENT(REMOVE), 32768);

	ASSERT_LE(0, fd);
	fcntl(fd, F_SETFL, 0);
	for (int i = 0; i < 3; i++) {
		readers[i] = (struct reader){.fd = fd};
		readers[i].records = calloc(ALL_OF_THEM + 8, sizeof(struct glassram_event));
		ASSERT_EQ(0, pthread_create(&readers[i].thread, NULL, read_some, &readers[i]));
	}
	drop(self, PAGES);
	/* The end of the session is the end of their file. */
	session_close(&self->session);
	for (int i = 0; i < 3; i++) {
		struct reader *r = &readers[i];

		pthread_join(r->thread, NULL);
		EXPECT_FALSE(r->bad);
		total += r->nr;
		for (size_t n = 0; n < r->nr; n++) {
			uint64_t number = (r->records[n].address - self->area) / PAGE;

			EXPECT_EQ(GLASSRAM_EVENT_REMOVE, r->records[n].type);
			if (number < PAGES)
				seen[number]++;
			EXPECT_TRUE(!n || r->records[n].time_ns >= r->records[n - 1].time_ns);
		}
		free(r->records);
	}
	EXPECT_EQ(PAGES, total);
	for (size_t i = 0; i < PAGES; i++) {
		ASSERT_EQ(1, seen[i]);
	}
	close(fd);
}

TEST_F(events, what_came_before_the_session_closed_can_still_be_read)
{
	struct glassram_event event;
	struct event_log log;
	struct pollfd p;

	ASSERT_EQ(0, log_open(&log, &self->session, EVENT(REMOVE)));
	p = (struct pollfd){.fd = log.fd, .events = POLLIN};
	drop(self, 5);
	session_close(&self->session);
	EXPECT_EQ(1, poll(&p, 1, patience_ms(5000)));
	EXPECT_EQ(POLLIN, p.revents & POLLIN);
	drop(self, 5);
	while (poll(&p, 1, patience_ms(5000)) == 1 && !(p.revents & POLLHUP))
		usleep(1000);
	EXPECT_EQ(POLLIN | POLLHUP, p.revents);
	ASSERT_EQ(0, log_read(&log));
	EXPECT_TRUE(log.ended);
	EXPECT_EQ(5, log.nr);
	EXPECT_EQ(0, read(log.fd, &event, sizeof(event)));
	EXPECT_EQ(1, poll(&p, 1, 0));
	EXPECT_EQ(POLLHUP, p.revents);
	log_close(&log);
}

TEST_F(events, a_blocked_reader_wakes)
{
	struct glassram_event event;
	int fd = events_open(self->session.fd, EVENT(REMOVE), 64);
	int status;
	pid_t child;

	ASSERT_LE(0, fd);
	fcntl(fd, F_SETFL, 0);
	/* Also in a process that has got the fd and no session. */
	child = fork();
	if (!child) {
		session_close(&self->session);
		_exit(read(fd, &event, sizeof(event)) == sizeof(event) &&
		      event.address == self->area ? 0 : 1);
	}
	usleep(100000);
	drop(self, 1);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);

	child = fork();
	if (!child) {
		session_close(&self->session);
		_exit(read(fd, &event, sizeof(event)) == 0 ? 0 : 1);
	}
	usleep(100000);
	session_close(&self->session);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status)
		TH_LOG("no end of file for who waits when the session closes");
	close(fd);
}

static void nothing(int signal __attribute__((unused)))
{
}

TEST_F(events, a_signal_interrupts_a_blocked_reader)
{
	struct sigaction action = {.sa_handler = nothing};
	struct glassram_event event;
	int fd = events_open(self->session.fd, EVENT(REMOVE), 64);

	ASSERT_LE(0, fd);
	fcntl(fd, F_SETFL, 0);
	sigaction(SIGALRM, &action, NULL);
	ualarm(100000, 0);
	EXPECT_EQ(-1, read(fd, &event, sizeof(event)));
	EXPECT_EQ(EINTR, errno);
	close(fd);
}

TEST_F(events, streams_come_and_go_while_events_flow)
{
	struct glassram_event batch[64];
	uint64_t read_records = 0;

	drop_on(self);
	for (int i = 0; i < 40; i++) {
		uint64_t types = EVENT(REMOVE) | (i % 3 ? EVENT(UNMAP) : 0) |
				 (i % 5 ? EVENT(THREAD_EXIT) : 0);
		int fd = events_open(self->session.fd, types, 64 << i % 4);
		ssize_t n;

		ASSERT_LE(0, fd);
		usleep(2000);
		n = read(fd, batch, sizeof(batch));
		if (n > 0)
			read_records += (size_t)n / sizeof(*batch);
		close(fd);
	}
	drop_no_more(self);
	EXPECT_LT(0, read_records);
}

TEST_F(events, a_stream_keeps_no_session_alive)
{
	struct glassram_query query = {.size = sizeof(query)};
	int fd = events_open(self->session.fd, EVENT(REMOVE) | EVENT(FORK) | EVENT(HIT), 64);
	int device = device_open();
	struct session again;

	ASSERT_LE(0, fd);
	session_close(&self->session);
	ASSERT_EQ(0, ioctl(device, GLASSRAM_QUERY, &query));
	EXPECT_EQ(0, query.sessions);
	ASSERT_EQ(0, session_open(&again, self->target.pid));
	session_close(&again);
	close(device);
	close(fd);
}

TEST_HARNESS_MAIN
