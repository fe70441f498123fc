/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The processes of a session: which there are, what they started and ended, and
 * following them.
 */
#ifndef GLASSVIEW_SOURCE_FAMILY_H
#define GLASSVIEW_SOURCE_FAMILY_H

#include "source.h"

/**
 * struct family - zero it before family_open()
 * @stream: tells of forks, execs and exits; NULL where the module has no events
 * @follow: NULL if only the target itself is watched
 */
struct family {
	struct glassram_stream *stream;
	struct glassram_follow *follow;
};

/**
 * family_open() - listen, and follow if asked to; before the first tick
 * Return: 0, or -1 with a one-line message printed; family_close() in any case.
 */
int family_open(struct family *family, struct glassram_session *session, bool follow);

/**
 * family_update() - bring what @view knows of processes up to date
 */
void family_update(struct family *family, struct glassram_session *session,
		   struct source_view *view);

/* family_close() - before the session goes. */
void family_close(struct family *family);

#endif
