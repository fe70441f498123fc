// SPDX-License-Identifier: GPL-2.0-only
/*
 * Settings: each name with its range and default, that nothing wrong is taken,
 * and that each refusal is one line that names file, line, setting and cure.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glassram/config.h>

#include "tap.h"

static char dir[] = "/tmp/glassram-config-XXXXXX";
static struct glassram_config config;

/* Write @text into a file of the folder. Return: its path, until the next call. */
static const char *file(const char *name, const char *text, size_t len)
{
	static char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	if (!f || fwrite(text, 1, len, f) != len || fclose(f))
		exit(1);
	return path;
}

static enum glassram_error read_text(const char *text)
{
	glassram_config_init(&config);
	return glassram_config_read(&config, file("a.conf", text, strlen(text)));
}

static bool says(const char *words)
{
	const char *message = glassram_error_message();

	if (strstr(message, words) && !strchr(message, '\n'))
		return true;
	printf("# it says: %s\n", message);
	return false;
}

static enum glassram_error set(const char *name, const char *value)
{
	return glassram_config_set(&config, name, value);
}

static void test_defaults(void)
{
	static const char *const defaults[GLASSRAM_SETTINGS] = {
		"8", "on", "4", "12", "0.1", "on", "0.05", "0.5",
		"heat", "dusk", "on", "off", "on", "off", "off",
	};
	char value[GLASSRAM_CONFIG_WORD], origin[64];
	unsigned int wrong = 0, alone = 0;

	glassram_config_init(&config);
	for (size_t i = 0; i < GLASSRAM_SETTINGS; i++) {
		const char *text = glassram_setting_value(&config, i, value);

		if (strcmp(text, defaults[i])) {
			printf("# %s is %s\n", glassram_setting_name(i), text);
			wrong++;
		}
		alone += strcmp(glassram_setting_origin(&config, i, origin, sizeof(origin)),
				"default") != 0;
	}
	tap_check(!wrong && !alone, "all %d settings have their defaults", GLASSRAM_SETTINGS);
	tap_check(!glassram_config_check(&config), "which contradict nothing");
}

/* Each setting takes the ends of its range and nothing beyond. */
static void test_ranges(void)
{
	static const struct {
		const char *name;
		const char *good[4];
		const char *bad[8];
	} cases[] = {
		{ "hilbert-order", { "1", "12" },
		  { "0", "13", "-1", "+1", "8x", "", "4294967297", "1e1" } },
		{ "hilbert-min", { "1", "12" }, { "0", "13", " 4" } },
		{ "hilbert-max", { "1", "12" }, { "0", "13", "0x8" } },
		{ "hilbert-adaptive", { "on", "off" }, { "yes", "1", "", "ON" } },
		{ "look", { "heat", "my_look-2", "thread", "age" },
		  { "", "../heat", "a b", "Heat", "abcdefghijklmnopqrstuvwxyzabcdefgh" } },
		{ "palette", { "dusk" }, { "", "dawn", "dusk2" } },
		{ "glow", { "on", "off" }, { "dim" } },
		{ "animation", { "off" }, { "true" } },
		{ "scanout", { "on", "off" }, { "auto" } },
		{ "anonymise", { "on", "off" }, { "no" } },
		{ "sandbox", { "off" }, { "0" } },
		{ "sampling-rate", { NULL }, { "0.049", "0.51", "nan", "inf", "1e-1", "0,1" } },
		{ "sampling-min", { NULL }, { "0", "1", "-0.1" } },
		{ "sampling-max", { NULL }, { "", "." } },
		{ "sampling-adaptive", { "off" }, { "of" } },
	};
	struct glassram_config before;
	char value[GLASSRAM_CONFIG_WORD];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		unsigned int wrong = 0;
		size_t s = 0;

		glassram_config_init(&config);
		while (s < GLASSRAM_SETTINGS && strcmp(glassram_setting_name(s), cases[i].name))
			s++;
		for (size_t g = 0; g < 4 && cases[i].good[g]; g++)
			wrong += set(cases[i].name, cases[i].good[g]) ||
				 strcmp(glassram_setting_value(&config, s, value),
					cases[i].good[g]);
		before = config;
		for (size_t b = 0; b < 8 && cases[i].bad[b]; b++)
			wrong += set(cases[i].name, cases[i].bad[b]) != GLASSRAM_ERR_INVALID ||
				 !says(cases[i].name) || !says(glassram_setting_takes(s)) ||
				 memcmp(&config, &before, sizeof(config));
		tap_check(!wrong, "%s takes %s", cases[i].name, glassram_setting_takes(s));
	}
	tap_check(sizeof(cases) / sizeof(*cases) == GLASSRAM_SETTINGS, "no setting was left out");
}

/* What nothing acts on is refused, and says why. */
static void test_missing(void)
{
	static const struct {
		const char *name, *value;
	} missing[] = {
		{ "sampling-rate", "0.1" },  { "sampling-adaptive", "on" }, { "sampling-min", "0.05" },
		{ "sampling-max", "0.5" }, { "animation", "on" }, { "sandbox", "on" },
	};
	unsigned int nr = 0;

	for (size_t i = 0; i < sizeof(missing) / sizeof(*missing); i++) {
		glassram_config_init(&config);
		tap_check(set(missing[i].name, missing[i].value) == GLASSRAM_ERR_FEATURE_MISSING &&
			  says("has no effect") && says("leave it out") && says(missing[i].name),
			  "%s = %s is refused: nothing acts on it", missing[i].name,
			  missing[i].value);
	}
	for (size_t i = 0; i < GLASSRAM_SETTINGS; i++)
		nr += glassram_setting_missing(i) != NULL;
	tap_check(nr == sizeof(missing) / sizeof(*missing), "these are all");
}

static void test_file(void)
{
	char origin[128], want[128];

	tap_check(!read_text("# mine\n\n  hilbert-max=9  # less\r\n\tlook = age\nglow =off") &&
		  config.hilbert.max == 9 && !strcmp(config.view.look, "age") && !config.view.glow,
		  "a file with comments, blanks, carriage returns, and no last newline");
	snprintf(want, sizeof(want), "%s/a.conf:4", dir);
	tap_check(!strcmp(glassram_setting_origin(&config, GLASSRAM_SETTING_LOOK, origin,
						  sizeof(origin)), want),
		  "each setting knows its line");
	tap_check(!set("look", "thread") &&
		  !strcmp(glassram_setting_origin(&config, GLASSRAM_SETTING_LOOK, origin,
						  sizeof(origin)), "set") &&
		  !strcmp(config.view.look, "thread"), "what is set later wins");
	tap_check(!read_text(""), "an empty file");
}

static void test_bad_files(void)
{
	static const struct {
		const char *text;
		const char *where;
		const char *words;
	} bad[] = {
		{ "hilbert-max 9\n", ":1: ", "write NAME = VALUE" },
		{ "\n\nhilbert-max = 99\n", ":3: ", "takes a whole number from 1 to 12, not '99'" },
		{ "hilbert-max =\n", ":1: ", "not ''" },
		{ "= 9\n", ":1: ", "there is no setting ''" },
		{ "look = age\nlook = heat\n", ":2: ", "stands in line 1 already" },
		{ "hilbrt-max = 9\n", ":1: ", "did you mean hilbert-max?" },
		{ "anonymize = on\n", ":1: ", "did you mean anonymise?" },
		{ "hilbert_order = 9\n", ":1: ", "did you mean hilbert-order?" },
		{ "colour = red\n", ":1: ", "`glassctl config` shows all" },
		{ "sampling-rate = 0.2\n", ":1: ", "nothing is sampled yet" },
		{ "look = ../../etc/passwd\n", ":1: ", "look takes heat, thread, age" },
		{ "look = \x1b[2J\n", ":1: ", "look takes" },
	};
	struct glassram_config before;
	char text[1200];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		glassram_config_init(&before);
		tap_check(read_text(bad[i].text) && says("/a.conf") && says(bad[i].where) &&
			  says(bad[i].words) && !memcmp(&config, &before, sizeof(config)),
			  "refused, and nothing changed: %.*s",
			  (int)strspn(bad[i].text, "abcdefghijklmnopqrstuvwxyz-_=. 0123456789"),
			  bad[i].text);
	}
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	tap_check(read_text(text) == GLASSRAM_ERR_INVALID && says(":1: ") && says("shorten it"),
		  "a line without end");
	glassram_config_init(&config);
	tap_check(glassram_config_read(&config, file("b.conf", "look = a\0ge\n", 12)) ==
		  GLASSRAM_ERR_INVALID && says("b.conf:1: ") && says("zero byte"), "a binary file");
	tap_check(glassram_config_read(&config, dir) == GLASSRAM_ERR_INVALID &&
		  says("no regular file"), "a folder");
	tap_check(glassram_config_read(&config, "/no/such.conf") == GLASSRAM_ERR_INVALID &&
		  says("/no/such.conf") && says("No such file"), "a file that is not there");
	snprintf(text, sizeof(text), "%s/pipe", dir);
	tap_check(!mkfifo(text, 0600) && glassram_config_read(&config, text) ==
		  GLASSRAM_ERR_INVALID && says("no regular file"), "a pipe, without waiting for it");
	unlink(text);
}

/* The system's file cannot be made by a test; two reads are the same thing. */
static void test_places(void)
{
	char path[300], origin[300];
	const char *text = "look = age\nhilbert-min = 6\n";

	glassram_config_init(&config);
	tap_check(!glassram_config_read(&config, file("system.conf", text, strlen(text))),
		  "the first file");
	snprintf(path, sizeof(path), "%s/glassram", dir);
	mkdir(path, 0700);
	setenv("XDG_CONFIG_HOME", dir, 1);
	file("glassram/config.conf", "look = thread\n", 14);
	tap_check(!glassram_config_load(&config) && !strcmp(config.view.look, "thread") &&
		  config.hilbert.min == 6, "the user's file wins, setting by setting");
	tap_check(strstr(glassram_setting_origin(&config, GLASSRAM_SETTING_LOOK, origin,
						 sizeof(origin)), "glassram/config.conf:1") &&
		  strstr(glassram_setting_origin(&config, GLASSRAM_SETTING_HILBERT_MIN, origin,
						 sizeof(origin)), "system.conf:2"),
		  "and each is told apart");
	tap_check(glassram_config_read(&config, "/no/third") == GLASSRAM_ERR_INVALID &&
		  says("too many"), "a third file is refused");

	glassram_config_init(&config);
	setenv("XDG_CONFIG_HOME", "relative", 1);
	setenv("HOME", dir, 1);
	snprintf(path, sizeof(path), "%s/.config", dir);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/.config/glassram", dir);
	mkdir(path, 0700);
	file(".config/glassram/config.conf", "glow = off\n", 11);
	tap_check(!glassram_config_load(&config) && !config.view.glow,
		  "a relative XDG_CONFIG_HOME is ignored, ~/.config is taken");
	unsetenv("XDG_CONFIG_HOME");
	file(".config/glassram/config.conf", "glow = dim\n", 11);
	tap_check(glassram_config_load(&config) == GLASSRAM_ERR_INVALID &&
		  says(".config/glassram/config.conf:1: glow takes on or off, not 'dim'"),
		  "a mistake in it stops the program");
	setenv("HOME", "/nowhere", 1);
	glassram_config_init(&config);
	tap_check(!glassram_config_load(&config) && !config.nr_files, "no file is no error");
	unsetenv("HOME");
	tap_check(!glassram_config_load(&config), "nor is no home");
}

static void test_contradictions(void)
{
	glassram_config_init(&config);
	tap_check(!set("hilbert-max", "3") && glassram_config_check(&config) &&
		  says("hilbert-min 4 (default) is above hilbert-max 3 (set)"),
		  "a least order above the greatest");
	tap_check(read_text("hilbert-min = 9\nhilbert-max = 8\n") == GLASSRAM_OK &&
		  glassram_config_check(&config) && says("a.conf:1) is above") && says("a.conf:2)"),
		  "and both lines are named");
	glassram_config_init(&config);
	tap_check(!set("hilbert-order", "6") && glassram_config_check(&config) &&
		  says("while hilbert-adaptive is on"), "an order that nothing would follow");
	tap_check(!set("hilbert-adaptive", "off") && !glassram_config_check(&config),
		  "it is followed where the order is fixed");
}

/* What `glassctl config` prints can be read again. */
static void test_roundtrip(void)
{
	char text[2048] = "", value[GLASSRAM_CONFIG_WORD];
	struct glassram_config first;

	glassram_config_init(&config);
	set("hilbert-max", "7");
	set("glow", "off");
	first = config;
	for (size_t i = 0; i < GLASSRAM_SETTINGS; i++)
		if (!glassram_setting_missing(i) && i != GLASSRAM_SETTING_HILBERT_ORDER)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s = %s\n",
				 glassram_setting_name(i),
				 glassram_setting_value(&config, i, value));
	tap_check(!read_text(text) && config.hilbert.max == 7 && !config.view.glow &&
		  !memcmp(&config.view, &first.view, sizeof(first.view)) &&
		  !glassram_config_check(&config), "values as text give the same settings");
}

/* Files with single bytes changed: an error or not, but never a broken structure. */
static void test_damaged(void)
{
	static const char good[] =
		"# all\nhilbert-adaptive = off\nhilbert-order=7\nlook = heat\nglow = on # so\n";
	unsigned int seed = 1, refused = 0, wrong = 0;

	for (int round = 0; round < 3000; round++) {
		char text[sizeof(good)];

		memcpy(text, good, sizeof(good));
		for (int i = 0; i < 1 + round % 3; i++)
			text[rand_r(&seed) % (sizeof(good) - 1)] = (char)rand_r(&seed);
		glassram_config_init(&config);
		if (glassram_config_read(&config, file("c.conf", text, sizeof(good) - 1))) {
			refused++;
			wrong += !says("c.conf:");
		}
		wrong += config.hilbert.order < 1 || config.hilbert.order > 12 ||
			 !memchr(config.view.look, 0, sizeof(config.view.look));
	}
	tap_check(!wrong && refused > 1000, "3,000 damaged files: %u refused by line, none half read",
		  refused);
}

int main(void)
{
	char command[64];

	unsetenv("XDG_CONFIG_HOME");
	setenv("HOME", "/nowhere", 1);
	if (!mkdtemp(dir))
		return 1;
	test_defaults();
	test_ranges();
	test_missing();
	test_file();
	test_bad_files();
	test_places();
	test_contradictions();
	test_roundtrip();
	test_damaged();
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command) || tap_end();
}
