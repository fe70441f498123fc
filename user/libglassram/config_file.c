// SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
/*
 * Files of settings: lines NAME = VALUE, and where they lie.
 *
 * A format of its own, as each line has to be told apart in messages, and people
 * write these files by hand: JSON has neither line numbers for its values nor
 * comments.
 *
 * Weak: a value cannot hold a #, and no setting needs one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glassram/config.h>

#include "internal.h"

#define SYSTEM_FILE "/etc/glassram/config.conf"
#define USER_FILE "glassram/config.conf"
/* Nobody means more. It bounds what a wrong file can make us read, too. */
#define LINE_MAX_BYTES 500
#define LINES_MAX 10000

/**
 * struct reader - a file being read
 * @config: what it changes
 * @path, @line: where we are
 * @number: number of the file + 1
 */
struct reader {
	struct glassram_config *config;
	const char *path;
	uint32_t line;
	uint32_t number;
};

static const char blank[] = " \t\r";

/* The text without what is blank at both ends. */
static char *trim(char *text)
{
	size_t len;

	text += strspn(text, blank);
	len = strlen(text);
	while (len && strchr(blank, text[len - 1]))
		len--;
	text[len] = '\0';
	return text;
}

/* Put file and line before the message that @error has. */
static enum glassram_error fail_here(const struct reader *reader, enum glassram_error error)
{
	char message[512];

	snprintf(message, sizeof(message), "%s", glassram_error_message());
	return gr_fail(error, "%s:%u: %s", reader->path, reader->line, message);
}

static enum glassram_error read_line(const struct reader *reader, char *text)
{
	struct glassram_config *config = reader->config;
	enum glassram_error error;
	char *equals, *name, *value;

	text[strcspn(text, "#")] = '\0';
	text = trim(text);
	if (!*text)
		return GLASSRAM_OK;
	equals = strchr(text, '=');
	if (!equals)
		return gr_fail(GLASSRAM_ERR_INVALID, "'%.40s' has no '=': write NAME = VALUE", text);
	*equals = '\0';
	name = trim(text);
	value = trim(equals + 1);
	for (size_t i = 0; i < GLASSRAM_SETTINGS; i++)
		if (!strcmp(name, glassram_setting_name(i)) &&
		    config->origin[i].file == reader->number)
			return gr_fail(GLASSRAM_ERR_INVALID, "%s stands in line %u already: keep one of them",
				       name, config->origin[i].line);
	error = glassram_config_set(config, name, value);
	for (size_t i = 0; !error && i < GLASSRAM_SETTINGS; i++)
		if (!strcmp(name, glassram_setting_name(i)))
			config->origin[i] = (struct glassram_config_origin){
				.file = reader->number, .line = reader->line, .given = true };
	return error;
}

/* Return: the length of the line, -1 at the end, -2 with the message set. */
static int next_line(FILE *file, char *text)
{
	int len = 0, c;

	while ((c = getc(file)) != EOF && c != '\n') {
		if (!c) {
			gr_fail(GLASSRAM_ERR_INVALID, "a zero byte: this is no file of settings");
			return -2;
		}
		if (len == LINE_MAX_BYTES) {
			gr_fail(GLASSRAM_ERR_INVALID, "the line is longer than %d bytes: shorten it",
				LINE_MAX_BYTES);
			return -2;
		}
		text[len++] = (char)c;
	}
	text[len] = '\0';
	return c == EOF && !len ? -1 : len;
}

static enum glassram_error read_lines(struct reader *reader, FILE *file)
{
	char text[LINE_MAX_BYTES + 1];
	enum glassram_error error;
	int len;

	for (;;) {
		reader->line++;
		len = next_line(file, text);
		if (ferror(file))
			return gr_fail_errno(errno, "reading %s", reader->path);
		if (len == -1)
			return GLASSRAM_OK;
		if (reader->line > LINES_MAX)
			return gr_fail(GLASSRAM_ERR_INVALID, "%s has more than %d lines: this is no file of settings",
				       reader->path, LINES_MAX);
		error = len < 0 ? GLASSRAM_ERR_INVALID : read_line(reader, text);
		if (error)
			return fail_here(reader, error);
	}
}

/*
 * Is there a file, as far as we can see? A folder that we may not look into is
 * somebody else's: `sudo -u` leaves HOME as it was.
 */
static bool is_there(const char *path)
{
	struct stat status;

	return !stat(path, &status) || (errno != ENOENT && errno != ENOTDIR && errno != EACCES);
}

/* @optional: it need not exist. */
static enum glassram_error read_file(struct glassram_config *config, const char *path,
				     bool optional)
{
	struct glassram_config changed = *config;
	struct reader reader = { .config = &changed, .path = path,
				 .number = config->nr_files + 1 };
	enum glassram_error error;
	struct stat status;
	FILE *file;
	int fd;

	if (config->nr_files == GLASSRAM_CONFIG_FILES)
		return gr_fail(GLASSRAM_ERR_INVALID, "%s is one file of settings too many: %d are the most",
			       path, GLASSRAM_CONFIG_FILES);
	/* A pipe without a writer must not stop us. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && optional && !is_there(path))
		return GLASSRAM_OK;
	if (fd < 0)
		return gr_fail(GLASSRAM_ERR_INVALID, "%s cannot be read (%s): mend that, or remove it",
			       path, strerrordesc_np(errno));
	if (fstat(fd, &status) || !S_ISREG(status.st_mode)) {
		close(fd);
		return gr_fail(GLASSRAM_ERR_INVALID, "%s is no regular file: name a file of settings",
			       path);
	}
	file = fdopen(fd, "r");
	if (!file) {
		close(fd);
		return gr_fail_errno(ENOMEM, "reading %s", path);
	}
	error = read_lines(&reader, file);
	fclose(file);
	if (error)
		return error;
	snprintf(changed.files[changed.nr_files++], GLASSRAM_CONFIG_PATH, "%s", path);
	*config = changed;
	return GLASSRAM_OK;
}

enum glassram_error glassram_config_read(struct glassram_config *config, const char *path)
{
	return read_file(config, path, false);
}

enum glassram_error glassram_config_load(struct glassram_config *config)
{
	const char *folder = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	enum glassram_error error = read_file(config, SYSTEM_FILE, true);
	char *path = NULL;
	int len = -1;

	if (error)
		return error;
	/* The standard wants a relative path to be ignored. */
	if (folder && *folder == '/')
		len = asprintf(&path, "%s/" USER_FILE, folder);
	else if (home && *home == '/')
		len = asprintf(&path, "%s/.config/" USER_FILE, home);
	else
		return GLASSRAM_OK;
	if (len < 0)
		return gr_fail_errno(ENOMEM, "reading the settings");
	error = read_file(config, path, true);
	free(path);
	return error;
}
