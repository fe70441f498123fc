// SPDX-License-Identifier: GPL-2.0-only
/*
 * An io_uring of one entry, in raw system calls: its worker thread writes to
 * the caller's memory, or a read goes to a buffer that was pinned beforehand.
 *
 * Weak spot: one request at a time, waited for at once.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "matrix.h"

struct matrix_ring {
	int fd;
	struct io_uring_params params;
	char *rings; /* both queues: IORING_FEAT_SINGLE_MMAP is older than this project */
	size_t rings_length;
	struct io_uring_sqe *sqes;
	size_t sqes_length;
};

struct matrix_ring *matrix_ring_create(void)
{
	struct matrix_ring *ring = calloc(1, sizeof(*ring));
	struct io_uring_params *p;
	size_t length, other;

	if (!ring)
		return NULL;
	p = &ring->params;
	ring->fd = (int)syscall(SYS_io_uring_setup, 1, p);
	if (ring->fd < 0)
		return NULL;
	length = p->sq_off.array + p->sq_entries * sizeof(uint32_t);
	other = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);
	ring->rings_length = length > other ? length : other;
	ring->sqes_length = p->sq_entries * sizeof(*ring->sqes);
	ring->rings = mmap(NULL, ring->rings_length, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd,
			   IORING_OFF_SQ_RING);
	ring->sqes = mmap(NULL, ring->sqes_length, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd,
			  IORING_OFF_SQES);
	if (ring->rings == MAP_FAILED || ring->sqes == MAP_FAILED)
		return NULL;
	return ring;
}

void matrix_ring_destroy(struct matrix_ring *ring)
{
	if (!ring)
		return;
	munmap(ring->rings, ring->rings_length);
	munmap(ring->sqes, ring->sqes_length);
	close(ring->fd);
	free(ring);
}

int matrix_ring_pin(struct matrix_ring *ring, void *start, size_t length)
{
	struct iovec buffer = {start, length};

	return syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_BUFFERS, &buffer, 1) ?
		errno : 0;
}

static _Atomic uint32_t *word(struct matrix_ring *ring, uint32_t offset)
{
	return (_Atomic uint32_t *)(ring->rings + offset);
}

int matrix_ring_read(struct matrix_ring *ring, int fd, void *to, unsigned int length,
		     uint64_t offset, bool fixed)
{
	const struct io_sqring_offsets *sq = &ring->params.sq_off;
	const struct io_cqring_offsets *cq = &ring->params.cq_off;
	uint32_t tail = atomic_load(word(ring, sq->tail));
	uint32_t head = atomic_load(word(ring, cq->head));
	const struct io_uring_cqe *done;
	int result;

	ring->sqes[0] = (struct io_uring_sqe){
		.opcode = fixed ? IORING_OP_READ_FIXED : IORING_OP_READ,
		.flags = IOSQE_ASYNC,
		.fd = fd,
		.addr = (uintptr_t)to,
		.len = length,
		.off = offset,
	};
	*word(ring, sq->array) = 0;
	atomic_store(word(ring, sq->tail), tail + 1);
	while (syscall(SYS_io_uring_enter, ring->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		if (errno != EINTR)
			return -errno;
	done = (void *)(ring->rings + cq->cqes);
	result = done[head & *word(ring, cq->ring_mask)].res;
	atomic_store(word(ring, cq->head), head + 1);
	return result;
}
