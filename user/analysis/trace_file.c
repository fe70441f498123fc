// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * Reading and writing of trace files, plain or xz.
 *
 * What is read comes from strangers: every count is checked against what is
 * left of the file and against a limit before memory is taken for it.
 * Weak: the words are read as they lie in memory, so only little-endian
 * machines can do it; there is no other one that the module runs on.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glassram/trace.h>
#include <lzma.h>

#include "../libglassram/internal.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "trace files are little-endian");

#define WORD sizeof(uint64_t)
#define CHUNK (256 * 1024)
/* xz -6 needs 9 MiB, -9 65 MiB: a file that asks for more is hostile. */
#define DECODER_MEMORY (128ULL << 20)
/* About a second at 60 Hz: what a killed recorder may lose of a compressed file. */
#define EPOCHS_PER_FLUSH 64

static const unsigned char xz_magic[6] = { 0xfd, '7', 'z', 'X', 'Z', 0 };

struct buffer {
	unsigned char *bytes;
	size_t used;
	size_t size;
};

static bool buffer_room(struct buffer *buffer, size_t wanted)
{
	size_t size = buffer->size ?: CHUNK;
	unsigned char *bytes;

	while (size - buffer->used < wanted)
		size *= 2;
	if (size == buffer->size)
		return true;
	bytes = realloc(buffer->bytes, size);
	if (!bytes)
		return false;
	buffer->bytes = bytes;
	buffer->size = size;
	return true;
}

static enum glassram_error too_long(const char *path)
{
	return gr_fail(GLASSRAM_ERR_INVALID,
		       "%s: more than 1 GiB of trace: record a shorter time", path);
}

/* The whole file as it is. */
static enum glassram_error read_all(const char *path, struct buffer *file)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;
	int err = 0;

	if (fd < 0)
		return gr_fail(GLASSRAM_ERR_SYSTEM, "%s: cannot be opened (%s): is that the file's name?",
			       path, strerror(errno));
	do {
		if (file->used > GLASSRAM_TRACE_WORDS * WORD) {
			close(fd);
			return too_long(path);
		}
		if (!buffer_room(file, CHUNK)) {
			close(fd);
			return gr_fail_errno(ENOMEM, "reading %s", path);
		}
		got = read(fd, file->bytes + file->used, CHUNK);
		if (got > 0)
			file->used += got;
		else if (got < 0 && errno != EINTR)
			err = errno;
	} while (got > 0 || (got < 0 && !err));
	close(fd);
	if (err)
		return gr_fail(GLASSRAM_ERR_SYSTEM, "%s: cannot be read (%s): a trace is a plain file",
			       path, strerror(err));
	return GLASSRAM_OK;
}

static enum glassram_error decode_failed(const char *path, lzma_ret ret)
{
	switch (ret) {
	case LZMA_MEM_ERROR:
		return gr_fail_errno(ENOMEM, "reading %s", path);
	case LZMA_MEMLIMIT_ERROR:
		return gr_fail(GLASSRAM_ERR_INVALID,
			       "%s: wants more than 128 MiB to be decompressed: compress it with xz -9 or less",
			       path);
	default:
		return gr_fail(GLASSRAM_ERR_INVALID,
			       "%s: the compressed data are damaged: copy or record it again", path);
	}
}

static enum glassram_error decompress(const char *path, const struct buffer *file,
				      struct buffer *plain, bool *ret_cut)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	lzma_ret ret = lzma_stream_decoder(&stream, DECODER_MEMORY, LZMA_CONCATENATED);
	enum glassram_error error = GLASSRAM_OK;

	stream.next_in = file->bytes;
	stream.avail_in = file->used;
	while (ret == LZMA_OK) {
		size_t before;

		if (plain->used > GLASSRAM_TRACE_WORDS * WORD) {
			error = too_long(path);
			break;
		}
		if (!buffer_room(plain, CHUNK)) {
			ret = LZMA_MEM_ERROR;
			break;
		}
		before = plain->size - plain->used;
		stream.next_out = plain->bytes + plain->used;
		stream.avail_out = before;
		ret = lzma_code(&stream, LZMA_FINISH);
		plain->used += before - stream.avail_out;
	}
	lzma_end(&stream);
	if (error)
		return error;
	*ret_cut = ret == LZMA_BUF_ERROR;
	return ret == LZMA_STREAM_END || *ret_cut ? GLASSRAM_OK : decode_failed(path, ret);
}

static bool good_range(const struct glassram_trace_range *range)
{
	return range->count && range->count <= GLASSRAM_TRACE_PAGES &&
	       range->page < GLASSRAM_TRACE_PAGES &&
	       range->count <= GLASSRAM_TRACE_PAGES - range->page;
}

/* Check all records; counts them and their ranges. */
static enum glassram_error check(const char *path, const uint64_t *words, size_t nr,
				 struct glassram_trace *trace)
{
	uint64_t last_ns = 0, writes = 0;
	size_t at = 0;

	while (at < nr) {
		struct glassram_trace_range range;

		if (words[at] != GLASSRAM_TRACE_EPOCH)
			return gr_fail(GLASSRAM_ERR_INVALID, at ?
				       "%s: no record begins at byte %zu, where one must: the file is damaged" :
				       "%s: not a trace (its first word is not 'E'): `glassctl trace` records one",
				       path, at * WORD);
		if (nr - at < 3 || words[at + 2] > (nr - at - 3) / 2) {
			trace->cut = true;
			break;
		}
		if (words[at + 1] < last_ns)
			return gr_fail(GLASSRAM_ERR_INVALID,
				       "%s: epoch %zu ends before the one before it: the file is damaged",
				       path, trace->nr_epochs);
		last_ns = words[at + 1];
		for (size_t i = 0; i < words[at + 2]; i++) {
			memcpy(&range, &words[at + 3 + 2 * i], sizeof(range));
			if (!good_range(&range))
				return gr_fail(GLASSRAM_ERR_INVALID,
					       "%s: range %zu of epoch %zu (page %#llx, %llu pages) is not within an address space: the file is damaged",
					       path, i, trace->nr_epochs,
					       (unsigned long long)range.page,
					       (unsigned long long)range.count);
			writes += range.count;
			if (writes > GLASSRAM_TRACE_WRITES)
				return gr_fail(GLASSRAM_ERR_INVALID,
					       "%s: more than 2^32 written pages by epoch %zu: the file is damaged, or record a shorter time",
					       path, trace->nr_epochs);
		}
		trace->nr_ranges += words[at + 2];
		trace->nr_epochs++;
		at += 3 + 2 * words[at + 2];
	}
	if (!trace->nr_epochs)
		return gr_fail(GLASSRAM_ERR_INVALID, "%s: holds no whole epoch: record for longer", path);
	return GLASSRAM_OK;
}

static enum glassram_error take(const char *path, const uint64_t *words,
				struct glassram_trace *trace)
{
	size_t at = 0, first = 0;

	/* One more of each: none is no failure. */
	trace->epochs = calloc(trace->nr_epochs + 1, sizeof(*trace->epochs));
	trace->ranges = calloc(trace->nr_ranges + 1, sizeof(*trace->ranges));
	if (!trace->epochs || !trace->ranges) {
		glassram_trace_finish(trace);
		return gr_fail_errno(ENOMEM, "reading %s", path);
	}
	for (size_t i = 0; i < trace->nr_epochs; i++) {
		size_t nr = words[at + 2];

		trace->epochs[i] = (struct glassram_trace_epoch){ words[at + 1], first, nr };
		memcpy(trace->ranges + first, words + at + 3, nr * sizeof(*trace->ranges));
		first += nr;
		at += 3 + 2 * nr;
	}
	return GLASSRAM_OK;
}

enum glassram_error glassram_trace_load(const char *path, struct glassram_trace *ret_trace)
{
	struct buffer file = { 0 }, plain = { 0 };
	struct glassram_trace trace = { 0 };
	enum glassram_error error = read_all(path, &file);

	if (!error && file.used >= sizeof(xz_magic) &&
	    !memcmp(file.bytes, xz_magic, sizeof(xz_magic))) {
		error = decompress(path, &file, &plain, &trace.cut);
		free(file.bytes);
		file = plain;
	}
	if (!error) {
		trace.cut |= file.used % WORD != 0;
		error = check(path, (const uint64_t *)file.bytes, file.used / WORD, &trace);
	}
	if (!error)
		error = take(path, (const uint64_t *)file.bytes, &trace);
	free(file.bytes);
	if (!error)
		*ret_trace = trace;
	return error;
}

void glassram_trace_finish(struct glassram_trace *trace)
{
	free(trace->epochs);
	free(trace->ranges);
	*trace = (struct glassram_trace){ 0 };
}

struct glassram_trace_writer {
	char *path;
	int fd;
	bool compressed;
	unsigned int unflushed;
	lzma_stream stream;
};

static enum glassram_error write_failed(const struct glassram_trace_writer *writer, int err)
{
	return gr_fail(GLASSRAM_ERR_SYSTEM, "%s: cannot be written (%s): free space, or write it elsewhere",
		       writer->path, strerror(err));
}

static enum glassram_error write_all(struct glassram_trace_writer *writer, const void *data,
				     size_t left)
{
	const char *at = data;

	while (left) {
		ssize_t put = write(writer->fd, at, left);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return write_failed(writer, errno);
		at += put;
		left -= put;
	}
	return GLASSRAM_OK;
}

static enum glassram_error compress(struct glassram_trace_writer *writer, const void *data,
				    size_t length, lzma_action action)
{
	unsigned char out[16 * 1024];
	lzma_stream *stream = &writer->stream;
	enum glassram_error error;
	lzma_ret ret;

	stream->next_in = data;
	stream->avail_in = length;
	do {
		stream->next_out = out;
		stream->avail_out = sizeof(out);
		ret = lzma_code(stream, action);
		if (ret != LZMA_OK && ret != LZMA_STREAM_END)
			return ret == LZMA_MEM_ERROR ?
			       gr_fail_errno(ENOMEM, "compressing %s", writer->path) :
			       write_failed(writer, EIO);
		error = write_all(writer, out, sizeof(out) - stream->avail_out);
		if (error)
			return error;
	} while (action == LZMA_RUN ? stream->avail_in || !stream->avail_out : ret != LZMA_STREAM_END);
	return GLASSRAM_OK;
}

static void writer_free(struct glassram_trace_writer *writer)
{
	if (writer->compressed)
		lzma_end(&writer->stream);
	if (writer->fd >= 0)
		close(writer->fd);
	free(writer->path);
	free(writer);
}

enum glassram_error glassram_trace_create(const char *path,
					  struct glassram_trace_writer **ret_writer)
{
	struct glassram_trace_writer *writer = calloc(1, sizeof(*writer));
	size_t length = strlen(path);

	if (!writer)
		return gr_fail_errno(ENOMEM, "creating %s", path);
	writer->stream = (lzma_stream)LZMA_STREAM_INIT;
	writer->path = strdup(path);
	writer->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (!writer->path || writer->fd < 0) {
		int err = writer->path ? errno : ENOMEM;

		writer_free(writer);
		return gr_fail(GLASSRAM_ERR_SYSTEM,
			       "%s: cannot be created (%s): write it elsewhere", path, strerror(err));
	}
	writer->compressed = length >= 3 && !strcmp(path + length - 3, ".xz");
	if (writer->compressed &&
	    lzma_easy_encoder(&writer->stream, LZMA_PRESET_DEFAULT, LZMA_CHECK_CRC32) != LZMA_OK) {
		writer_free(writer);
		return gr_fail_errno(ENOMEM, "compressing %s", path);
	}
	*ret_writer = writer;
	return GLASSRAM_OK;
}

static enum glassram_error put_bytes(struct glassram_trace_writer *writer, const void *data,
				     size_t length)
{
	return writer->compressed ? compress(writer, data, length, LZMA_RUN) :
				    write_all(writer, data, length);
}

enum glassram_error glassram_trace_put(struct glassram_trace_writer *writer, uint64_t end_ns,
				       const struct glassram_trace_range *ranges, size_t nr)
{
	uint64_t head[3] = { GLASSRAM_TRACE_EPOCH, end_ns, nr };
	enum glassram_error error = put_bytes(writer, head, sizeof(head));

	if (!error)
		error = put_bytes(writer, ranges, nr * sizeof(*ranges));
	if (error || !writer->compressed || ++writer->unflushed < EPOCHS_PER_FLUSH)
		return error;
	writer->unflushed = 0;
	return compress(writer, NULL, 0, LZMA_SYNC_FLUSH);
}

enum glassram_error glassram_trace_close(struct glassram_trace_writer *writer)
{
	enum glassram_error error = GLASSRAM_OK;

	if (!writer)
		return GLASSRAM_OK;
	if (writer->compressed)
		error = compress(writer, NULL, 0, LZMA_FINISH);
	if (close(writer->fd) && !error)
		error = write_failed(writer, errno);
	writer->fd = -1;
	writer_free(writer);
	return error;
}
