// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * The thread table: who was seen writing.
 *
 * Weak spot: the table only grows during a session; threads that have exited
 * stay in it, told apart by their start time.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "internal.h"

/* Threads that appear between two tries; the table cannot pass its maximum. */
#define ROOM 64

enum glassram_error glassram_threads(struct glassram_session *session,
				     struct glassram_thread **ret_threads, size_t *ret_nr,
				     uint64_t *ret_overflow)
{
	struct glassram_thread *list = NULL;
	struct glassram_threads args;
	uint32_t capacity = ROOM;
	int err;

	do {
		free(list);
		list = calloc(capacity, sizeof(*list));
		if (!list)
			return gr_fail_errno(ENOMEM, "cannot read the threads of process %d",
					     session->pid);
		args = (struct glassram_threads){
			.size = sizeof(args),
			.threads = (uintptr_t)list,
			.nr_threads = capacity,
		};
		err = ioctl(session->fd, GLASSRAM_THREADS, &args) ? errno : 0;
		if (err != ENOSPC || args.nr_threads <= capacity)
			break;
		capacity = args.nr_threads + ROOM;
	} while (1);
	if (err) {
		free(list);
		return gr_explain_session(err, session->pid, "THREADS");
	}
	if (!args.nr_threads) {
		free(list);
		list = NULL;
	}
	*ret_threads = list;
	*ret_nr = args.nr_threads;
	if (ret_overflow)
		*ret_overflow = args.overflow;
	return GLASSRAM_OK;
}
